//go:build e2e

package lab_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func processors(t *testing.T) int {
	t.Helper()
	return runtime.NumCPU()
}

// memory is the machine's, in bytes, as a kubelet reads it.
func memory(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/meminfo")
	require.NoError(t, err)
	var kibibytes int64
	_, err = fmt.Sscanf(string(text), "MemTotal: %d kB", &kibibytes)
	require.NoError(t, err)
	return kibibytes << 10
}

// others lists the processes of the namespace that are neither its first nor ours, by their command lines.
func others(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	var found []string
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == 1 || pid == os.Getpid() {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil { // it has ended
			continue
		}
		found = append(found, e.Name()+" "+strings.ReplaceAll(string(line), "\x00", " "))
	}
	return found
}

// interfaces lists the network interfaces of our namespace.
func interfaces(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/net/dev")
	require.NoError(t, err)
	var names []string
	for line := range strings.Lines(string(text)) {
		if name, _, ok := strings.Cut(line, ":"); ok {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}

// mountTable is what is mounted in our namespace.
func mountTable(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	return string(text)
}

// cgroupFolders are the folders of a cgroup in all hierarchies.
func cgroupFolders(t *testing.T, path string) []string {
	t.Helper()
	v1, err := filepath.Glob("/sys/fs/cgroup/*" + path)
	require.NoError(t, err)
	v2, err := filepath.Glob("/sys/fs/cgroup" + path)
	require.NoError(t, err)
	return append(v1, v2...)
}
