package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"k8s-framework/internal/local/process"
)

// Start starts a program on the host and watches over it. It is our direct child: its Pid is a process id of ours,
// and signals, SIGKILL and SIGSTOP too, reach it and nothing else. Its working directory is / unless Cmd.Dir says another.
// LogDir may be left out, it is the host's then. It ends with the host.
func (h *Host) Start(ctx context.Context, o process.Options) (*process.Process, error) {
	init := h.init.Load()
	if init == nil {
		return nil, fmt.Errorf("start %s on host %s: the host is down", o.Name, h.opts.Name)
	}
	if o.LogDir == "" {
		o.LogDir = h.opts.LogDir
	}
	o.Enter = func() error { return enter(init.Pid(), namespaces) }
	p, err := process.Start(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("on host %s: %w", h.opts.Name, err)
	}
	return p, nil
}

// enter moves the calling thread into namespaces of the process pid. Of the process namespace that is true only for
// what the thread forks from then on.
func enter(pid, which int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("open process %d: %w", pid, err)
	}
	defer unix.Close(fd)
	// A thread that shares its root and working directory with others may not change its mount namespace.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare the working directory: %w", err)
	}
	if err := unix.Setns(fd, which); err != nil {
		return fmt.Errorf("enter the namespaces of process %d: %w", pid, err)
	}
	return nil
}

// Command is a program on the host for short work whose output the caller wants to have as it likes. Cmd is nsenter,
// which runs the program as its child: a signal does not reach the program. For what runs longer there is Start.
// While the host is down, running it fails.
func (h *Host) Command(ctx context.Context, name string, arguments ...string) *exec.Cmd {
	target := "0" // no process has this id
	if init := h.init.Load(); init != nil {
		target = strconv.Itoa(init.Pid())
	}
	return exec.CommandContext(ctx, "nsenter", append([]string{
		"--target", target, "--mount", "--uts", "--ipc", "--net", "--pid", "--", name,
	}, arguments...)...)
}

// Exec runs a short program on the host to its end and returns what it printed to standard output. The error holds what
// it printed to standard error.
func (h *Host) Exec(ctx context.Context, name string, arguments ...string) (string, error) {
	if h.init.Load() == nil {
		return "", fmt.Errorf("run %s on host %s: the host is down", name, h.opts.Name)
	}
	return output(h.Command(ctx, name, arguments...), "on host "+h.opts.Name+": "+name)
}

func output(cmd *exec.Cmd, what string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if text := strings.TrimSpace(stderr.String()); text != "" {
			err = errors.Join(err, errors.New(text))
		}
		return stdout.String(), fmt.Errorf("%s: %w", what, err)
	}
	return stdout.String(), nil
}
