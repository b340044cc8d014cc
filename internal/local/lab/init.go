package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"

	"k8s-framework/internal/local/pid1"
)

// lockedRun keeps the thread that forks until the program ends: the kernel sends the parent-death signal when the thread
// ends, not when the process does.
func lockedRun(cmd *exec.Cmd, started, ended chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	ended <- cmd.Wait()
}

// runInit is process 1 of the lab: it makes the file system as a lab has it, starts the program once more, as the one
// that works, and ends with it. The kernel then ends all that is left inside.
func runInit(arguments []string) (int, error) {
	if err := mounts(os.Getenv(folderVariable)); err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("find our own binary: %w", err)
	}
	worker, err := os.StartProcess(self, arguments, &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
	})
	if err != nil {
		return 0, fmt.Errorf("start the program inside: %w", err)
	}
	return pid1.Wait(worker.Pid)
}

func mounts(folder string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	// Names of the lab's own, for it and for the hosts, whose mounts are copies of ours.
	names := filepath.Join(folder, namesFile)
	if err := os.WriteFile(names, nil, 0o644); err != nil {
		return err
	}
	if err := unix.Mount(names, "/etc/hosts", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount /etc/hosts: %w", err)
	}
	return nil
}
