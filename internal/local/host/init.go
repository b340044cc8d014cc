package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"k8s-framework/internal/local/pid1"
	"k8s-framework/internal/local/process"
)

// initName is the first argument of a host's process 1: what `ps` shows, and how Init knows itself.
const initName = "k8s-framework-host"

// namespaces are those that a host has of its own.
const namespaces = unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC

// privateFolders are those of which every host has its own, below Dir/disk.
func privateFolders() []string {
	return []string{"/var/lib/kubelet", "/var/lib/containerd", "/var/lib/cni", "/var/log"}
}

// booted is what process 1 prints when the host's file system is as it should be.
const booted = "booted"

// startInit starts the host's process 1 in new namespaces: our own binary, which Init turns into one.
func (h *Host) startInit(ctx context.Context) error {
	for _, folder := range privateFolders() {
		// Both ends of the mounts are made here, where a failure can still be told as an error.
		if err := errors.Join(os.MkdirAll(folder, 0o755), os.MkdirAll(h.disk(folder), 0o755)); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find our own binary: %w", err)
	}
	cmd := &exec.Cmd{
		Path:        self,
		Args:        []string{initName, h.opts.Name, h.disk("")},
		SysProcAttr: &unix.SysProcAttr{Cloneflags: namespaces},
	}
	init, err := process.Start(ctx, process.Options{Name: h.opts.Name + "-init", Cmd: cmd, LogDir: h.opts.LogDir})
	if err != nil {
		return err
	}
	h.init.Store(init)
	return init.WaitFor(ctx, "process 1 of "+h.opts.Name, func(context.Context) error {
		if !slices.Contains(init.LastLines(1), booted) {
			return errors.New("it has not said that it booted")
		}
		return nil
	})
}

func (h *Host) disk(folder string) string { return filepath.Join(h.opts.Dir, "disk", folder) }

// Init makes this process a host's process 1 when it was started as one, and then returns with isInit true and the
// status to exit with when the host goes down. Otherwise it does nothing. It comes first in main and in TestMain.
func Init() (status int, isInit bool) {
	if len(os.Args) != 3 || os.Args[0] != initName {
		return 0, false
	}
	if err := runInit(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintf(os.Stderr, "host %s: %v\n", os.Args[1], err)
		return 1, true
	}
	return 0, true
}

func runInit(name, disk string) error {
	if err := unix.Sethostname([]byte(name)); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	// First private: what we mount must not appear outside. Then shared: a kubelet passes mounts on to containers.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("make mounts shared: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	for _, folder := range privateFolders() {
		if err := unix.Mount(filepath.Join(disk, folder), folder, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s: %w", folder, err)
		}
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	fmt.Println(booted)
	_, err := pid1.Wait(0)
	return err
}
