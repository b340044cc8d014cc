package container

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cgroups are the hierarchies (cgroup version 1) that the containers of one agent use.
type cgroups struct {
	mount string // where the hierarchies are mounted, by controller: /sys/fs/cgroup
	root  string // the agent's cgroup in each of them: mesos
	// controllers: freezer first (the launcher's), then the isolators'.
	controllers []string
}

func (g cgroups) used() bool { return len(g.controllers) > 0 }

func (g cgroups) has(controller string) bool {
	for _, c := range g.controllers {
		if c == controller {
			return true
		}
	}
	return false
}

// path is the directory of a container's cgroup, or of the root for an empty id.
func (g cgroups) path(controller, id string) string {
	return filepath.Join(g.mount, controller, g.root, id)
}

// prepare makes the agent's own cgroup in each hierarchy.
func (g cgroups) prepare() error {
	for _, c := range g.controllers {
		if _, err := os.Stat(filepath.Join(g.mount, c, "cgroup.procs")); err != nil {
			return fmt.Errorf("cgroup hierarchy %s (version 1) below --cgroups_hierarchy=%s: %w", c, g.mount, err)
		}
		if err := os.MkdirAll(g.path(c, ""), 0o755); err != nil {
			return fmt.Errorf("create the cgroup of --cgroups_root=%s: %w", g.root, err)
		}
	}
	if g.has("memory") {
		// Without it the limit of a container would not hold for the cgroups below its own. Newer kernels know nothing else
		// and may refuse to be told.
		_ = os.WriteFile(filepath.Join(g.path("memory", ""), "memory.use_hierarchy"), []byte("1"), 0o644)
	}
	return nil
}

// create makes a container's cgroups.
func (g cgroups) create(id string) error {
	for _, c := range g.controllers {
		if err := os.Mkdir(g.path(c, id), 0o755); err != nil {
			return fmt.Errorf("create cgroup: %w", err)
		}
	}
	return nil
}

// enter moves a process with all its threads.
func (g cgroups) enter(id string, pid int) error {
	for _, c := range g.controllers {
		if err := write(filepath.Join(g.path(c, id), "cgroup.procs"), int64(pid)); err != nil {
			return fmt.Errorf("move pid %d: %w", pid, err)
		}
	}
	return nil
}

// apply writes limits. The hard memory limit is only ever raised, but for the first time.
func (g cgroups) apply(id string, l Limits, cfs, first bool) error {
	if g.has("cpu") {
		dir := g.path("cpu", id)
		shares, err := l.shares()
		if err != nil {
			return err
		}
		if err := write(filepath.Join(dir, "cpu.shares"), int64(shares)); err != nil {
			return err
		}
		if us, ok := l.quota(cfs); ok {
			if err := write(filepath.Join(dir, "cpu.cfs_period_us"), cfsPeriod); err != nil {
				return err
			}
			if err := write(filepath.Join(dir, "cpu.cfs_quota_us"), us); err != nil {
				return err
			}
		}
	}
	if g.has("memory") {
		dir := g.path("memory", id)
		soft, hard, err := l.memory()
		if err != nil {
			return err
		}
		if err := write(filepath.Join(dir, "memory.soft_limit_in_bytes"), soft); err != nil {
			return err
		}
		file := filepath.Join(dir, "memory.limit_in_bytes")
		now, err := read(file)
		if err != nil {
			return err
		}
		if first || hard == -1 || hard > now {
			if err := write(file, hard); err != nil {
				return err
			}
		}
	}
	return nil
}

// list returns the names of the cgroups below the agent's own, in any hierarchy.
func (g cgroups) list() ([]string, error) {
	seen := map[string]bool{}
	var ids []string
	for _, c := range g.controllers {
		entries, err := os.ReadDir(g.path(c, ""))
		if err != nil {
			return nil, fmt.Errorf("list cgroups: %w", err)
		}
		for _, e := range entries {
			if e.IsDir() && !seen[e.Name()] {
				seen[e.Name()] = true
				ids = append(ids, e.Name())
			}
		}
	}
	return ids, nil
}

// destroy kills every process in a container's cgroups and in all below them, in every hierarchy, and removes them. It returns
// when nothing is left; a process that its parent has not reaped counts as there. It keeps trying: the only error is that
// stop was closed.
func (g cgroups) destroy(id string, stop <-chan struct{}) error {
	killed := map[int]bool{}
	for {
		left := false
		for _, c := range g.controllers {
			if g.kill(c, id, killed) {
				left = true
			}
		}
		for pid := range killed {
			if !exists(pid) {
				delete(killed, pid)
			}
		}
		if !left && len(killed) == 0 {
			gone := true
			for _, c := range g.controllers {
				gone = g.remove(c, id) && gone
			}
			if gone {
				return nil
			}
		}
		select {
		case <-stop:
			return fmt.Errorf("destroy cgroup %s/%s: stopped with processes %v left", g.root, id, killed)
		case <-time.After(reapInterval):
		}
	}
}

// kill sends SIGKILL to everything below one hierarchy's cgroup, notes it in killed and says whether there was anything.
// It freezes the cgroup meanwhile where it can, so that nothing forks away.
func (g cgroups) kill(controller, id string, killed map[int]bool) (any bool) {
	for _, dir := range g.tree(controller, id) {
		state := filepath.Join(dir, "freezer.state")
		frozen := controller == "freezer" && os.WriteFile(state, []byte("FROZEN"), 0o644) == nil
		for _, pid := range procs(dir) {
			any = true
			killed[pid] = true
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if frozen {
			_ = os.WriteFile(state, []byte("THAWED"), 0o644)
		}
	}
	return any
}

// remove removes one hierarchy's cgroup with all below it and says whether it is gone.
func (g cgroups) remove(controller, id string) bool {
	for _, dir := range g.tree(controller, id) {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// tree lists a cgroup and all below it, the innermost first.
func (g cgroups) tree(controller, id string) []string {
	var dirs []string
	_ = filepath.WalkDir(g.path(controller, id), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it vanished meanwhile
		}
		if d.IsDir() {
			dirs = append([]string{path}, dirs...)
		}
		return nil
	})
	return dirs
}

func procs(dir string) []int {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil // removed meanwhile
	}
	var pids []int
	for _, f := range strings.Fields(string(b)) {
		if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// exists says whether a process is there; one that has ended and was not reaped is.
func exists(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

func write(file string, v int64) error {
	if err := os.WriteFile(file, []byte(strconv.FormatInt(v, 10)), 0o644); err != nil {
		return fmt.Errorf("write %d: %w", v, err)
	}
	return nil
}

func read(file string) (int64, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", file, err)
	}
	return v, nil
}
