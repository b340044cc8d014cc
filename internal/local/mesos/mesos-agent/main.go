// Command mesos-agent is a stand-in for the agent of Apache Mesos. It takes the flags of the real one. Under two other names
// it is what the real one has programs of its own for: the first process of a container, and the executor of commands.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/sirupsen/logrus"

	"k8s-framework/internal/local/mesos/agent"
	"k8s-framework/internal/local/mesos/agent/command"
	"k8s-framework/internal/local/mesos/agent/container"
	"k8s-framework/internal/local/mesos/agent/detect"
	"k8s-framework/internal/local/mesos/flags"
)

func main() {
	switch filepath.Base(os.Args[0]) {
	case container.InitName:
		os.Exit(container.Init(os.Args))
	case agent.CommandExecutorName:
		os.Exit(command.Main())
	}
	f, err := flags.ParseAgent(os.Args[1:], os.Environ())
	switch {
	case f.Help:
		fmt.Fprint(os.Stderr, f.Set.Usage(nil))
		return
	case f.Version:
		fmt.Println("mesos", agent.Version)
		return
	case err != nil:
		fmt.Fprint(os.Stderr, f.Set.Usage(err))
		os.Exit(1)
	}
	log := logrus.New()
	if f.Quiet {
		log.SetLevel(logrus.WarnLevel)
	}
	err = run(f, logrus.NewEntry(log))
	switch {
	case err == nil:
	case errors.Is(err, flags.ErrAttributeSet):
		fmt.Fprintln(os.Stderr, badAttribute(f.Attributes))
		abort()
	default:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// badAttribute names the first attribute that is a set, in the real agent's words.
func badAttribute(attributes string) string {
	for _, token := range strings.Split(attributes, ";") {
		if name, value, _ := strings.Cut(token, ":"); strings.HasPrefix(strings.TrimSpace(value), "{") {
			return fmt.Sprintf("Bad type for attribute %s text %s type 2", strings.TrimSpace(name), strings.TrimSpace(value))
		}
	}
	return "Bad type for an attribute in " + attributes
}

// abort ends the process with SIGABRT, as the real agent ends where it checks what it takes for impossible. The Go runtime would
// make an exit code of the signal, so another program has to die of it in our place.
func abort() {
	_ = syscall.Exec("/bin/sh", []string{"sh", "-c", "kill -ABRT $$"}, nil)
	os.Exit(134)
}

func run(f *flags.Agent, log *logrus.Entry) error {
	opts, err := options(f, log)
	if err != nil {
		return err
	}
	a := agent.New(*opts)
	usr1 := make(chan os.Signal, 1)
	signal.Notify(usr1, syscall.SIGUSR1)
	go func() { // ends with the program
		for range usr1 {
			a.Unregister()
		}
	}()
	// SIGTERM and SIGINT end the process by themselves: executors outlive the agent.
	return a.Run(context.Background())
}

// options makes what the agent wants of the flags.
func options(f *flags.Agent, log *logrus.Entry) (*agent.Options, error) {
	resources, err := flags.ParseResources(f.Resources)
	if err != nil {
		return nil, fmt.Errorf("Failed to determine agent resources: %w", err) // Mesos's words
	}
	attributes, err := flags.ParseAttributes(f.Attributes)
	if err != nil {
		return nil, err
	}
	domain, err := flags.ParseDomain(f.Domain)
	if err != nil {
		return nil, err
	}
	environment, err := executorEnvironment(f.ExecutorEnvironmentVariables)
	if err != nil {
		return nil, err
	}
	detector, err := detect.New(f.Master)
	if err != nil {
		return nil, err
	}
	bootID, err := os.ReadFile(f.BootIDFile)
	if err != nil {
		return nil, fmt.Errorf("--boot_id_file: %w", err)
	}
	if f.WorkDir, err = filepath.Abs(f.WorkDir); err != nil {
		return nil, fmt.Errorf("--work_dir: %w", err)
	}
	if err := os.MkdirAll(f.WorkDir, 0o755); err != nil {
		return nil, fmt.Errorf("--work_dir: %w", err)
	}
	if resources, err = agent.DetectResources(resources, f.WorkDir); err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the agent's own program: %w", err)
	}
	containers, err := containerizer(f, program)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(f.IP, strconv.Itoa(f.Port)))
	if err != nil {
		return nil, fmt.Errorf("listen on --ip=%s --port=%d: %w", f.IP, f.Port, err)
	}
	ip, hostname, err := names(f)
	if err != nil {
		return nil, err
	}
	return &agent.Options{
		Detector: detector, Listener: listener, IP: ip, IPGiven: f.IP != "", Hostname: hostname, AdvertisePort: f.AdvertisePort,
		BootID: strings.TrimSpace(string(bootID)), WorkDir: f.WorkDir, RuntimeDir: f.RuntimeDir,
		Resources: resources, Attributes: attributes, Domain: domain,
		Isolation: f.Isolation, EnableCFS: f.CgroupsEnableCFS, Program: program, ExecutorEnvironment: environment,
		RegistrationTimeout: f.ExecutorRegistrationTimeout, ReregistrationTimeout: f.ExecutorReregistrationTimeout,
		ShutdownGrace: f.ExecutorShutdownGracePeriod, RecoveryTimeout: f.RecoveryTimeout,
		RegistrationBackoff: f.RegistrationBackoffFactor, ReconfigurationPolicy: f.ReconfigurationPolicy, SwitchUser: f.SwitchUser,
		Cleanup: f.Recover == "cleanup",
		Flags:   f.Set.Values(), Containers: agent.RealContainers(containers), Log: log,
	}, nil
}

func executorEnvironment(text string) (map[string]string, error) {
	environment := map[string]string{}
	if text == "" {
		return environment, nil
	}
	if err := json.Unmarshal([]byte(text), &environment); err != nil {
		return nil, fmt.Errorf("--executor_environment_variables=%s: expected a JSON object of strings: %w", text, err)
	}
	return environment, nil
}

func containerizer(f *flags.Agent, program string) (*container.Processes, error) {
	launcher := f.Launcher
	if launcher == "" {
		launcher = "posix"
		if os.Geteuid() == 0 {
			launcher = "linux"
		}
	}
	containers, err := container.New(container.Config{
		Launcher: launcher, Isolation: f.Isolation, CgroupsHierarchy: f.CgroupsHierarchy, CgroupsRoot: f.CgroupsRoot,
		EnableCFS: f.CgroupsEnableCFS, RuntimeDir: f.RuntimeDir, FetcherCacheDir: f.FetcherCacheDir,
		FetcherStall: f.FetcherStallTimeout, Program: program,
	})
	if err != nil {
		return nil, fmt.Errorf("Failed to create a containerizer: %w", err) // Mesos's words
	}
	return containers, nil
}

// names are the address and the host name that the agent tells others.
func names(f *flags.Agent) (ip, hostname string, err error) {
	if hostname = f.Hostname; hostname == "" {
		if hostname, err = os.Hostname(); err != nil {
			return "", "", fmt.Errorf("--hostname is not given, and the host has no name: %w", err)
		}
	}
	switch {
	case f.AdvertiseIP != "":
		return f.AdvertiseIP, hostname, nil
	case f.IP != "" && !net.ParseIP(f.IP).IsUnspecified():
		return f.IP, hostname, nil
	}
	// The address of the host's name, as libprocess does it; the loopback one where the name is not known.
	if addrs, err := net.LookupHost(hostname); err == nil && len(addrs) > 0 {
		return addrs[0], hostname, nil
	}
	return "127.0.0.1", hostname, nil
}
