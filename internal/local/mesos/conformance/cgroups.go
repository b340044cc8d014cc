package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

const cgroupMount = "/sys/fs/cgroup"

var cgroupField = regexp.MustCompile(`(\S+?)=(\(no such cgroup\)|\S+)`)

// cgroupOf finds the cgroup of a container in a controller's hierarchy: an agent's root, below it the container's id.
func (w *world) cgroupOf(controller, container string) string {
	found, _ := filepath.Glob(filepath.Join(cgroupMount, controller, w.cgroup+"*", container))
	if len(found) == 0 {
		return ""
	}
	return found[0]
}

// cgroupValue reads what a recording calls "cpu.shares" or "freezer:procs", in the words of the recordings.
func (w *world) cgroupValue(name, container string) string {
	controller, _, _ := strings.Cut(name, ".")
	file := name
	if of, ok := strings.CutSuffix(name, ":procs"); ok {
		controller, file = of, "cgroup.procs"
	}
	dir := w.cgroupOf(controller, container)
	data, err := os.ReadFile(filepath.Join(dir, file))
	if dir == "" || err != nil {
		return "(no such cgroup)"
	}
	value := strings.TrimSpace(string(data))
	switch {
	case file == "cgroup.procs":
		return fmt.Sprint(len(strings.Fields(value)))
	case value == "9223372036854771712":
		return "unlimited"
	}
	return value
}

// foreigner is a process that does not belong to Mesos, in cgroups below a container's own, as pods are.
type foreigner struct {
	container string
	cmd       *exec.Cmd
	reaped    chan struct{} // closed when Wait has returned
}

var podControllers = []string{"cpu", "memory", "freezer"}

// newForeigner starts a process in new cgroups "pods". Unless reap is set, nobody waits for it until wait is called.
func (w *world) newForeigner(container string, reap bool) (*foreigner, error) {
	f := &foreigner{container: container, cmd: exec.Command("sleep", "600"), reaped: make(chan struct{})}
	if err := f.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a foreign process: %w", err)
	}
	if reap {
		go f.wait()
	}
	for _, controller := range podControllers {
		parent := w.cgroupOf(controller, container)
		if parent == "" {
			return nil, fmt.Errorf("container %s has no cgroup of %s", container, controller)
		}
		pods := filepath.Join(parent, "pods")
		if err := os.Mkdir(pods, 0o755); err != nil {
			return nil, err
		}
		pid := fmt.Sprint(f.cmd.Process.Pid)
		if err := os.WriteFile(filepath.Join(pods, "cgroup.procs"), []byte(pid), 0o644); err != nil {
			return nil, fmt.Errorf("move the foreign process: %w", err)
		}
	}
	return f, nil
}

// wait reaps the process and returns the signal that ended it.
func (f *foreigner) wait() int {
	defer close(f.reaped)
	_ = f.cmd.Wait() // its outcome is in ProcessState
	status, _ := f.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return int(status.Signal())
}

// state says in which controllers its cgroup is, and whether it lives.
func (f *foreigner) state(w *world) (present, life string) {
	var in []string
	for _, controller := range podControllers {
		if dir := w.cgroupOf(controller, f.container); dir != "" {
			if _, err := os.Stat(filepath.Join(dir, "pods")); err == nil {
				in = append(in, controller)
			}
		}
	}
	present, life = strings.Join(in, ", "), "dead"
	if len(in) == 0 {
		present = "none"
	}
	if alive(f.cmd.Process.Pid) {
		life = "alive"
	}
	return present, life
}

// alive says whether a process is there and no zombie.
func alive(pid int) bool {
	fields := statOf(fmt.Sprint(pid))
	return len(fields) > 0 && fields[0] != "Z" && fields[0] != "X"
}

// removeCgroups kills what is left in cgroups of this world's prefix and removes them, deepest first.
func (w *world) removeCgroups() {
	roots, _ := filepath.Glob(filepath.Join(cgroupMount, "*", w.cgroup+"*"))
	for range 50 {
		left := 0
		for _, root := range roots {
			left += clearCgroup(root)
		}
		if left == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// clearCgroup returns how many cgroups could not be removed yet.
func clearCgroup(dir string) int {
	left := 0
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			left += clearCgroup(filepath.Join(dir, e.Name()))
		}
	}
	procs, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	for line := range strings.FieldsSeq(string(procs)) {
		var pid int
		if _, err := fmt.Sscan(line, &pid); err == nil && pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	thaw := filepath.Join(dir, "freezer.state")
	if _, err := os.Stat(thaw); err == nil {
		_ = os.WriteFile(thaw, []byte("THAWED"), 0o644)
	}
	if err := syscall.Rmdir(dir); err != nil && err != syscall.ENOENT {
		left++
	}
	return left
}
