//go:build e2e

package cgroup_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/cgroup"
)

// folders are those of a cgroup in all hierarchies, v2's at the root of /sys/fs/cgroup too.
func folders(t *testing.T, path string) []string {
	t.Helper()
	all, err := filepath.Glob("/sys/fs/cgroup/*" + path)
	require.NoError(t, err)
	unified, err := filepath.Glob("/sys/fs/cgroup" + path)
	require.NoError(t, err)
	return append(all, unified...)
}

func name(t *testing.T) string {
	t.Helper()
	path := fmt.Sprintf("/k8sfw-test-%d-%s", os.Getpid(), strings.ToLower(t.Name()))
	t.Cleanup(func() { require.NoError(t, cgroup.Remove(path)) })
	return path
}

func TestMakeIsFitForProcesses(t *testing.T) {
	path := name(t)
	require.NoError(t, cgroup.Make(path+"/a/b"))
	require.NoError(t, cgroup.Make(path+"/a/b"), "again")
	require.NotEmpty(t, folders(t, path+"/a/b"))
	sleeper := exec.Command("sleep", "600")
	require.NoError(t, sleeper.Start())
	for _, folder := range folders(t, path+"/a/b") {
		assert.NoError(t, os.WriteFile(filepath.Join(folder, "cgroup.procs"), fmt.Append(nil, sleeper.Process.Pid), 0o644), folder)
	}
	assert.ErrorContains(t, cgroup.Remove(path), path+"/a/b", "it holds a process")
	require.NoError(t, sleeper.Process.Kill())
	assert.Error(t, sleeper.Wait())
	require.NoError(t, cgroup.Remove(path))
	assert.Empty(t, folders(t, path))
	require.NoError(t, cgroup.Remove(path), "again")
	assert.Error(t, cgroup.Remove("/"))
}

func TestSweepLeavesWhatIsClaimed(t *testing.T) {
	path := name(t)
	release, err := cgroup.Claim(path + "-claimed")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cgroup.Remove(path+"-claimed")) })
	require.NoError(t, cgroup.Make(path+"-left/h1"))
	sweep := func() { require.NoError(t, cgroup.Sweep(strings.TrimPrefix(path, "/"))) }
	sweep()
	assert.NotEmpty(t, folders(t, path+"-claimed"))
	assert.Empty(t, folders(t, path+"-left"))
	release()
	sweep()
	assert.Empty(t, folders(t, path+"-claimed"))
}
