//go:build e2e

package e2e

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// processes lists the processes of the lab, those of its hosts included, whose command line has all the words.
func processes(t *testing.T, words ...string) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	var found []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if err != nil {
			continue // it has ended
		}
		line := strings.Split(string(bytes.TrimRight(text, "\x00")), "\x00")
		if has := func(word string) bool {
			return slices.ContainsFunc(line, func(part string) bool { return strings.Contains(part, word) })
		}; all(words, has) {
			found = append(found, pid)
		}
	}
	return found
}

func all(words []string, is func(string) bool) bool {
	for _, word := range words {
		if !is(word) {
			return false
		}
	}
	return true
}

// kubelets lists the kubelets that run for a host.
func kubelets(t *testing.T, host string) []int {
	t.Helper()
	var found []int
	for _, pid := range processes(t, "--hostname-override="+host) {
		if name, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "exe")); err == nil && strings.HasSuffix(name, "/kubernetes") {
			found = append(found, pid)
		}
	}
	return found
}

// executors lists the executors that run on a host: they are in the cgroups of its containers.
func executors(t *testing.T, host string) []int {
	t.Helper()
	inside := containerProcesses(t, host)
	var found []int
	for _, pid := range processes(t, "k8s-executor") {
		if slices.Contains(inside, pid) {
			found = append(found, pid)
		}
	}
	return found
}

// containerProcesses lists every process in the cgroups of a host's Mesos containers: executor, kubelet, and all pods.
func containerProcesses(t *testing.T, host string) []int {
	t.Helper()
	return cgroupProcesses(t, filepath.Join("/sys/fs/cgroup/memory", shared.Host(host).CgroupRoot(), "mesos"))
}

// podProcesses lists the processes of pods on a host.
func podProcesses(t *testing.T, host string) []int {
	t.Helper()
	var found []int
	roots, err := filepath.Glob(filepath.Join("/sys/fs/cgroup/memory", shared.Host(host).CgroupRoot(), "mesos", "*", "kubepods"))
	require.NoError(t, err)
	for _, root := range roots {
		found = append(found, cgroupProcesses(t, root)...)
	}
	return found
}

func cgroupProcesses(t *testing.T, root string) []int {
	t.Helper()
	var found []int
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "cgroup.procs" {
			return nil // it was removed meanwhile
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		for _, word := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(word)
			if err != nil {
				return err
			}
			found = append(found, pid)
		}
		return nil
	})
	require.NoError(t, err)
	return found
}
