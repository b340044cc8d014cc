package executor

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"k8s.io/kubelet/config/v1beta1"
	"sigs.k8s.io/yaml"
)

// TestMain lets the test's own program be the other programs that tests need: a kubelet that is one in nothing but its
// arguments and its /healthz, and an executor that is killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch {
		case strings.HasPrefix(os.Args[1], "--config="):
			os.Exit(kubeletMain(os.Args[1:]))
		case os.Args[1] == "parent-of":
			os.Exit(parentMain(os.Args[2:]))
		case os.Args[1] == "sleep":
			select {}
		}
	}
	os.Exit(enter(m))
}

// kubeletMain behaves as the words in the file "behaviour" of its root directory say, for a kubelet has no other word from
// its test: never-healthy, deaf (as long as it lives), crash, ignore-term.
func kubeletMain(arguments []string) int {
	values := map[string]string{}
	for _, argument := range arguments {
		name, value, _ := strings.Cut(strings.TrimPrefix(argument, "--"), "=")
		values[name] = value
	}
	root := values["root-dir"]
	text, err := os.ReadFile(filepath.Join(root, "behaviour"))
	behaviour := string(text)
	if err != nil {
		behaviour = ""
	}
	fmt.Println("I am kubelet", os.Getpid())
	if err := os.WriteFile(filepath.Join(root, "environment"), []byte(strings.Join(os.Environ(), "\n")), 0o644); err != nil {
		return 3
	}
	if strings.Contains(behaviour, "crash") {
		fmt.Fprintln(os.Stderr, "F something is wrong: exiting")
		return 1
	}
	if strings.Contains(behaviour, "ignore-term") {
		signal.Ignore(syscall.SIGTERM)
	}
	if strings.Contains(behaviour, "never-healthy") || strings.Contains(behaviour, "deaf") {
		select {}
	}
	text, err = os.ReadFile(values["config"])
	var configuration v1beta1.KubeletConfiguration
	if err == nil {
		err = yaml.Unmarshal(text, &configuration)
	}
	if err != nil {
		fmt.Println(err)
		return 4
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *configuration.HealthzPort))
	if err != nil {
		fmt.Println(err)
		return 5
	}
	answer := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }
	fmt.Println(http.Serve(listener, http.HandlerFunc(answer)))
	return 6
}

// parentMain starts the program as a kubelet is started, says its number, and waits for its own end.
func parentMain(command []string) int {
	child, err := startProcess(exec.Command(command[0], command[1:]...))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(child.pid)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return 0
}
