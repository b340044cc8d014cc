package kubelet

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Cgroup is the place in the host's cgroups below which one kubelet's pods live. Use it from one goroutine.
type Cgroup struct {
	Placement
	// Own says that Root is the Mesos container's own cgroup: the agent enforces the sum of the tasks on it, and destroying
	// the container ends every process below it. Otherwise (posix launcher) nobody but the executor ends the pods.
	Own bool

	hierarchies []hierarchy
	made        []string // directories made by Make, parents first
	abandoned   bool
}

// hierarchy is one mounted hierarchy: each v1 one, and the v2 one.
type hierarchy struct {
	mount  string
	cpuset bool // v1: a new directory has no CPUs and no memory nodes until they are copied from its parent
}

// FindCgroup looks where this process is. procSelf is /proc/self. container is the id of the Mesos container: a cgroup that is
// named after it is the container's own (v1 <root>/<id> in the hierarchies that the agent uses, v2 <root>/<id>/leaf). If there
// is none, fallback is the Root; it must not be the root of the hierarchies.
func FindCgroup(procSelf, container, fallback string) (*Cgroup, error) {
	cgroup := &Cgroup{}
	if err := cgroup.readMounts(filepath.Join(procSelf, "mounts")); err != nil {
		return nil, err
	}
	own, err := ownCgroup(filepath.Join(procSelf, "cgroup"), container)
	if err != nil {
		return nil, err
	}
	if own != "" {
		cgroup.Root, cgroup.Own = own, true
		return cgroup, nil
	}
	if clean := path.Clean(fallback); clean != fallback || !path.IsAbs(fallback) || fallback == "/" {
		return nil, fmt.Errorf("cgroup %q: want an absolute path below the root, for this process is in no cgroup of its container", fallback)
	}
	cgroup.Root = fallback
	return cgroup, nil
}

// Abandoned is the place of a kubelet that ended without its executor: its Remove takes the Root as well, where it is empty.
func (c *Cgroup) Abandoned(root string) *Cgroup {
	return &Cgroup{Placement: Placement{Root: root, Unified: c.Unified}, hierarchies: c.hierarchies, abandoned: true}
}

// readMounts finds the hierarchies. A host with any v1 controller counts as v1, as it does for a kubelet and runc.
func (c *Cgroup) readMounts(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("find the mounted cgroups: %w", err)
	}
	var v1, v2 []hierarchy
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			continue
		}
		mount, options := unescape(fields[1]), strings.Split(fields[3], ",")
		known := func(h hierarchy) bool { return h.mount == mount }
		switch fields[2] {
		case "cgroup":
			if !slices.ContainsFunc(v1, known) {
				v1 = append(v1, hierarchy{mount: mount, cpuset: slices.Contains(options, "cpuset")})
			}
		case "cgroup2":
			if len(v2) == 0 {
				v2 = append(v2, hierarchy{mount: mount})
			}
		}
	}
	switch {
	case len(v1) > 0:
		c.hierarchies = append(v1, v2...) // beside v1, the v2 hierarchy has no controllers, but runc puts processes there too
	case len(v2) > 0:
		c.hierarchies, c.Unified = v2, true
	default:
		return fmt.Errorf("find the mounted cgroups: %s has no cgroup file system", file)
	}
	return nil
}

// unescape undoes what the kernel does to white space in /proc/self/mounts.
func unescape(text string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(text)
}

// ownCgroup is the path that is named after the container, empty if there is none.
func ownCgroup(file, container string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("find this process's cgroups: %w", err)
	}
	if container == "" {
		return "", nil
	}
	found := ""
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 {
			continue
		}
		place := parts[2]
		if parts[1] == "" { // v2: processes are in a leaf, so that the container's cgroup can have children
			place = strings.TrimSuffix(place, "/leaf")
		}
		if path.Base(place) != container {
			continue
		}
		if found != "" && found != place {
			return "", fmt.Errorf("find this process's cgroups: the container's is %s for some controllers and %s for others", found, place)
		}
		found = place
	}
	return found, nil
}
