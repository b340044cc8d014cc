package kubelet

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"
)

// kubepods is the name that kubelets give to the cgroup of all their pods.
const kubepods = "kubepods"

// Make creates Root in every mounted hierarchy where it is missing, for a kubelet refuses to start if one of those that it
// uses has not got it, and Mesos makes it in its own few only. It remembers what it made.
func (c *Cgroup) Make() error {
	for _, h := range c.hierarchies {
		err := c.makeIn(h)
		// Another executor may have removed a parent that we share, at just this moment.
		for tries := 0; errors.Is(err, fs.ErrNotExist) && tries < 5; tries++ {
			err = c.makeIn(h)
		}
		if err != nil {
			return fmt.Errorf("make the cgroup %s: %w", c.Root, err)
		}
	}
	return nil
}

func (c *Cgroup) makeIn(h hierarchy) error {
	at := h.mount
	for name := range strings.SplitSeq(strings.TrimPrefix(c.Root, "/"), "/") {
		if c.Unified {
			if err := delegate(at); err != nil {
				return err
			}
		}
		parent := at
		at = filepath.Join(at, name)
		err := os.Mkdir(at, 0o755)
		if err == nil && !slices.Contains(c.made, at) {
			c.made = append(c.made, at)
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if h.cpuset {
			if err := inheritCPUs(parent, at); err != nil {
				return err
			}
		}
	}
	if c.Unified {
		return delegate(at)
	}
	return nil
}

// inheritCPUs fills what a new v1 cpuset lacks; without it no process can enter.
func inheritCPUs(parent, child string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		have, err := os.ReadFile(filepath.Join(child, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if len(bytes.TrimSpace(have)) > 0 {
			continue
		}
		from, err := os.ReadFile(filepath.Join(parent, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(child, name), bytes.TrimSpace(from), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// delegate gives the children of a v2 cgroup the controllers that a kubelet limits pods with.
func delegate(dir string) error {
	available, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	enabled, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
	if err != nil {
		return err
	}
	for _, controller := range []string{"cpuset", "cpu", "io", "memory", "hugetlb", "pids"} {
		if slices.Contains(strings.Fields(string(enabled)), controller) || !slices.Contains(strings.Fields(string(available)), controller) {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+controller), 0o644); err != nil {
			return fmt.Errorf("give the controller %s to the children of %s: %w", controller, dir, err)
		}
	}
	return nil
}

// Processes are the ids of all processes of the kubelet's pods, in every hierarchy, sorted. An id of 0 is a process of a
// process namespace that this one cannot see into.
func (c *Cgroup) Processes() ([]int, error) {
	seen := map[int]bool{}
	for _, h := range c.hierarchies {
		top := filepath.Join(h.mount, c.Root, kubepods)
		err := filepath.WalkDir(top, func(file string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // removed while we look
			}
			if err != nil || entry.IsDir() || entry.Name() != "cgroup.procs" {
				return err
			}
			return readProcesses(file, seen)
		})
		if err != nil {
			return nil, fmt.Errorf("list the processes in %s: %w", top, err)
		}
	}
	list := make([]int, 0, len(seen))
	for process := range seen {
		list = append(list, process)
	}
	sort.Ints(list)
	return list, nil
}

func readProcesses(file string, into map[int]bool) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
		return nil
	}
	if err != nil {
		return err
	}
	for word := range strings.FieldsSeq(string(text)) {
		process, err := strconv.Atoi(word)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		into[process] = true
	}
	return nil
}

// Remove removes kubepods, which must be without processes, and whatever Make made, unless something of others is in it.
func (c *Cgroup) Remove() error {
	var problems []error
	for _, h := range c.hierarchies {
		problems = append(problems, removeTree(filepath.Join(h.mount, c.Root, kubepods)))
	}
	for _, dir := range slices.Backward(c.made) {
		err := syscall.Rmdir(dir)
		shared := filepath.Base(dir) != filepath.Base(c.Root) && (errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EBUSY))
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !shared {
			problems = append(problems, fmt.Errorf("remove the cgroup %s: %w", dir, err))
		}
	}
	c.made = nil
	for _, h := range c.hierarchies {
		at := filepath.Join(h.mount, c.Root)
		if c.abandoned {
			_ = syscall.Rmdir(at) // an empty one is a leftover; what is not empty is not ours
		}
		if parent := filepath.Dir(at); !c.Own && !c.abandoned && parent != h.mount {
			_ = syscall.Rmdir(parent) // the last of those that share it takes it away
		}
	}
	return errors.Join(problems...)
}

// removeTree removes the directories below and including top, the deepest first; the files in them are the kernel's.
func removeTree(top string) error {
	var dirs []string
	err := filepath.WalkDir(top, func(file string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && entry.IsDir() {
			dirs = append(dirs, file)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("remove the cgroup %s: %w", top, err)
	}
	for _, dir := range slices.Backward(dirs) {
		if err := syscall.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the cgroup %s: %w", dir, err)
		}
	}
	return nil
}
