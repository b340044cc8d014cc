package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"k8s-framework/internal/local/cgroup"
	"k8s-framework/internal/local/host"
)

const (
	// initName is the first argument of a lab's process 1.
	initName = "k8s-framework-lab"
	// folderVariable tells the program inside that it is inside, and where the lab's folder is, whose name is the lab's.
	folderVariable = "K8S_FRAMEWORK_LAB"
	// prefix begins the names of all labs, of their folders and of their cgroups.
	prefix = "k8sfw-lab-"

	namespaces = unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC
)

// Main runs work inside a lab and returns the status to exit with: what work returned, 128 + n when signal n ended it,
// or 1, with a line on standard error, when there is no lab to be had. It must come before anything else: the
// program is started two times more, with the same arguments, as process 1 of the new namespaces and as the one that
// works there, and in each of them Main takes another turn. SIGINT, SIGTERM, SIGHUP and SIGQUIT reach the one that works.
func Main(work func() int) int {
	if status, isHost := host.Init(); isHost {
		return status
	}
	if len(os.Args) > 1 && os.Args[0] == initName {
		return report(runInit(os.Args[1:]))
	}
	if os.Getenv(folderVariable) != "" {
		// Now, and not with a Lab: tests that need none talk to themselves over it.
		if text, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
			return report(0, fmt.Errorf("ip link set lo up: %w: %s", err, text))
		}
		return work()
	}
	return report(runOutside())
}

func report(status int, err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	return status
}

// runOutside is the part that stays in the machine's namespaces: it makes the others, and cleans up after them.
func runOutside() (status int, err error) {
	if os.Geteuid() != 0 {
		return 0, errors.New("namespaces, mounts and cgroups want root, and this is user id " + fmt.Sprint(os.Geteuid()))
	}
	if err := cgroup.Sweep(prefix); err != nil { // of labs that were killed before they could
		return 0, err
	}
	folder, err := os.MkdirTemp("", prefix)
	if err != nil {
		return 0, fmt.Errorf("make the lab's folder: %w", err)
	}
	cgroups := "/" + filepath.Base(folder)
	release, err := cgroup.Claim(cgroups)
	if err != nil {
		return 0, err
	}
	defer release()
	status, err = runNamespaces(folder)
	err = errors.Join(err, cgroup.Remove(cgroups))
	if err != nil || status != 0 {
		fmt.Fprintln(os.Stderr, "lab: its logs stay in", folder)
		return status, err
	}
	if err := os.RemoveAll(folder); err != nil {
		return 0, fmt.Errorf("remove the lab's folder: %w", err)
	}
	return 0, nil
}

// runNamespaces starts process 1 of the lab and waits for its end. Its parent-death signal ends the lab with us.
func runNamespaces(folder string) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("find our own binary: %w", err)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	cmd := &exec.Cmd{
		Path:   self,
		Args:   append([]string{initName}, os.Args...),
		Env:    append(os.Environ(), folderVariable+"="+folder),
		Stdin:  os.Stdin,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		SysProcAttr: &syscall.SysProcAttr{
			Cloneflags: namespaces,
			Pdeathsig:  syscall.SIGKILL,
			Setpgid:    true, // Ctrl-C reaches the lab through us, once
		},
	}
	ended := make(chan error, 1)
	started := make(chan error)
	go lockedRun(cmd, started, ended)
	if err := <-started; err != nil {
		return 0, fmt.Errorf("start the lab's namespaces: %w", err)
	}
	for {
		select {
		case s := <-signals:
			if err := cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
				return 0, fmt.Errorf("send %v into the lab: %w", s, err)
			}
		case err := <-ended:
			return exitStatus(cmd, err)
		}
	}
}

func exitStatus(cmd *exec.Cmd, err error) (int, error) {
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return 0, fmt.Errorf("wait for the lab: %w", err)
	}
	ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return 128 + int(ws.Signal()), nil
	}
	return ws.ExitStatus(), nil
}
