package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// mount is where one hierarchy is mounted.
type mount struct {
	path    string
	unified bool // cgroup v2
}

// mounts reads the hierarchies from the mount table. A path that is mounted twice counts once.
func mounts() ([]mount, error) {
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, fmt.Errorf("find the cgroup hierarchies: %w", err)
	}
	var found []mount
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line) // device, mount point, type, …
		if len(fields) < 3 || fields[2] != "cgroup" && fields[2] != "cgroup2" {
			continue
		}
		m := mount{path: fields[1], unified: fields[2] == "cgroup2"}
		if !slices.Contains(found, m) {
			found = append(found, m)
		}
	}
	if len(found) == 0 {
		return nil, errors.New("find the cgroup hierarchies: none is mounted, expected them below /sys/fs/cgroup")
	}
	return found, nil
}

// Make makes the cgroup path (such as /k8sfw-1/h1), with its parents, in every hierarchy. What exists already stays.
func Make(path string) error {
	all, err := mounts()
	if err != nil {
		return err
	}
	// Where v1 has the controllers, v2 only follows processes, and what it hands down is not ours to change.
	unifiedOnly := !slices.ContainsFunc(all, func(m mount) bool { return !m.unified })
	for _, m := range all {
		folder := m.path
		for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
			if unifiedOnly {
				handDown(folder)
			}
			parent := folder
			folder = filepath.Join(folder, part)
			if err := os.Mkdir(folder, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("make cgroup %s: %w", path, err)
			}
			if err := inheritCPUSet(parent, folder); err != nil {
				return fmt.Errorf("make cgroup %s: %w", path, err)
			}
		}
	}
	return nil
}

// handDown lets the children of a v2 cgroup have the controllers that it has. What the machine refuses stays away,
// and whoever needs it says so.
func handDown(folder string) {
	text, err := os.ReadFile(filepath.Join(folder, "cgroup.controllers"))
	if err != nil {
		return
	}
	for _, name := range strings.Fields(string(text)) {
		_ = os.WriteFile(filepath.Join(folder, "cgroup.subtree_control"), []byte("+"+name), 0o644)
	}
}

// inheritCPUSet fills a new v1 cpuset, which has no processors and no memory nodes and takes no process until it has.
func inheritCPUSet(parent, folder string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		own, err := os.ReadFile(filepath.Join(folder, file))
		if errors.Is(err, fs.ErrNotExist) { // another controller's hierarchy, or v2 without one
			continue
		}
		if err != nil {
			return err
		}
		if strings.TrimSpace(string(own)) != "" {
			continue
		}
		value, err := os.ReadFile(filepath.Join(parent, file))
		if err != nil {
			return err
		}
		if strings.TrimSpace(string(value)) == "" { // v2: empty means the parent's
			continue
		}
		if err := os.WriteFile(filepath.Join(folder, file), value, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Remove removes the cgroup path with everything below it from every hierarchy. One that holds a process stays, and the
// error names it. A path that is not there is no error.
func Remove(path string) error {
	all, err := mounts()
	if err != nil {
		return err
	}
	if strings.Trim(path, "/") == "" {
		return errors.New(`remove cgroup "/": it is the machine's own`)
	}
	var errs []error
	for _, m := range all {
		errs = append(errs, removeTree(filepath.Join(m.path, path)))
	}
	return errors.Join(errs...)
}

// removeTree removes folders only, the deepest first: the files of a cgroup go with it and cannot be removed.
func removeTree(folder string) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove cgroup: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if err := removeTree(filepath.Join(folder, e.Name())); err != nil {
			return err
		}
	}
	if err := unix.Rmdir(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove cgroup %s: %w", folder, err)
	}
	return nil
}

// Thaw lets everything run again that was frozen in the v1 cgroup path or below. Where there is none it does nothing: a
// frozen v2 cgroup can be killed as it is.
func Thaw(path string) error {
	all, err := mounts()
	if err != nil {
		return err
	}
	for _, m := range all {
		err := filepath.WalkDir(filepath.Join(m.path, path), func(file string, _ fs.DirEntry, err error) error {
			if err == nil && filepath.Base(file) == "freezer.state" {
				err = os.WriteFile(file, []byte("THAWED"), 0o644)
			}
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) { // removed meanwhile
				return nil
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("thaw cgroup %s: %w", path, err)
		}
	}
	return nil
}

// Names lists the cgroups directly below the root, in any hierarchy, whose names begin with prefix.
func Names(prefix string) ([]string, error) {
	all, err := mounts()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range all {
		entries, err := os.ReadDir(m.path)
		if err != nil {
			return nil, fmt.Errorf("list cgroups: %w", err)
		}
		for _, e := range entries {
			if e.IsDir() && strings.HasPrefix(e.Name(), prefix) && !slices.Contains(names, e.Name()) {
				names = append(names, e.Name())
			}
		}
	}
	return names, nil
}
