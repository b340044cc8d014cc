//go:build e2e

package lab_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/lab"
	"k8s-framework/internal/local/process"
)

// endVariable makes TestInner the program of a lab within ours, and says what it does.
const endVariable = "LAB_TEST_INNER"

// TestInner is no test of its own: the tests below run it in labs of their own, from outside of those.
func TestInner(t *testing.T) {
	what := os.Getenv(endVariable)
	if what == "" {
		return
	}
	ctx := context.Background()
	l, err := lab.Start(ctx)
	require.NoError(t, err)
	_, err = l.StartHost(ctx, "inner")
	require.NoError(t, err)
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	fmt.Println("lab up", l.CgroupRoot())
	switch what {
	case "end":
	case "status":
		os.Exit(7)
	case "wait":
		<-term
		os.Exit(8)
	}
}

// innerLab starts this binary as a program that is outside of any lab, and waits until its lab has a host. It may end at once after that.
func innerLab(t *testing.T, what string) (p *process.Process, folder, cgroupRoot string) {
	t.Helper()
	temp := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestInner$", "-test.v")
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "K8S_FRAMEWORK_LAB=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, endVariable+"="+what, "TMPDIR="+temp)
	p, err := process.Start(t.Context(), process.Options{Name: "inner", Cmd: cmd, LogDir: t.TempDir()})
	require.NoError(t, err)
	require.NoError(t, p.WaitFor(t.Context(), "the inner lab", func(context.Context) error {
		for _, line := range p.LastLines(100) {
			if root, ok := strings.CutPrefix(line, "lab up "); ok {
				cgroupRoot = root
				return nil
			}
		}
		return errors.New("it is not up")
	}))
	return p, filepath.Join(temp, filepath.Base(filepath.Dir(cgroupRoot))), cgroupRoot
}

func TestStatusReachesTheCaller(t *testing.T) {
	p, folder, cgroupRoot := innerLab(t, "status")
	<-p.Done()
	assert.Equal(t, 7, p.ExitCode())
	assert.DirExists(t, folder, "a failure leaves the logs")
	assert.Contains(t, strings.Join(p.LastLines(3), "\n"), folder)
	assertNothingLeft(t, cgroupRoot)
}

func TestSuccessLeavesNothing(t *testing.T) {
	p, folder, cgroupRoot := innerLab(t, "end")
	<-p.Done()
	require.NoError(t, p.Err())
	assert.NoDirExists(t, folder)
	assertNothingLeft(t, cgroupRoot)
}

func TestSignalReachesTheProgram(t *testing.T) {
	p, _, cgroupRoot := innerLab(t, "wait")
	require.NoError(t, p.Signal(syscall.SIGTERM))
	<-p.Done()
	assert.Equal(t, 8, p.ExitCode())
	assertNothingLeft(t, cgroupRoot)
}

// TestKilledLabLeavesCgroupsOnly kills the outermost process, which then cannot clean up. The next lab does it.
func TestKilledLabLeavesCgroupsOnly(t *testing.T) {
	p, _, cgroupRoot := innerLab(t, "wait")
	alive, _, aliveRoot := innerLab(t, "wait")
	require.NoError(t, p.Kill())
	require.NoError(t, process.WaitFor(t.Context(), "the lab's processes to end", func(context.Context) error {
		for _, folder := range cgroupFolders(t, cgroupRoot+"/inner") {
			if procs, err := os.ReadFile(filepath.Join(folder, "cgroup.procs")); err != nil || len(procs) > 0 {
				return fmt.Errorf("%s holds %q (%w)", folder, procs, err)
			}
		}
		if rest := others(t); len(rest) != processesOf(alive) {
			return fmt.Errorf("processes: %v", rest)
		}
		return nil
	}))
	require.NotEmpty(t, cgroupFolders(t, cgroupRoot))
	next, _, _ := innerLab(t, "end")
	<-next.Done()
	assertNoCgroups(t, cgroupRoot)
	assert.NotEmpty(t, cgroupFolders(t, aliveRoot), "a lab that lives keeps what is its own")
	require.NoError(t, alive.Stop(t.Context()))
	assertNoCgroups(t, aliveRoot)
}

// processesOf counts a process and its descendants.
func processesOf(p *process.Process) int {
	count := 0
	for next := []int{p.Pid()}; len(next) > 0; next = next[1:] {
		count++
		children, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", next[0]))
		if err != nil {
			return -1
		}
		for _, file := range children {
			text, err := os.ReadFile(file)
			if err != nil {
				return -1
			}
			for _, word := range strings.Fields(string(text)) {
				var pid int
				if _, err := fmt.Sscan(word, &pid); err == nil {
					next = append(next, pid)
				}
			}
		}
	}
	return count
}

func assertNothingLeft(t *testing.T, cgroupRoot string) {
	t.Helper()
	assertNoCgroups(t, cgroupRoot)
	left := slices.DeleteFunc(others(t), func(p string) bool { return !strings.Contains(p, "inner") })
	assert.Empty(t, left)
}

func assertNoCgroups(t *testing.T, cgroupRoot string) {
	t.Helper()
	assert.Empty(t, cgroupFolders(t, cgroupRoot))
	assert.Empty(t, cgroupFolders(t, filepath.Dir(cgroupRoot)))
}
