//go:build e2e

package agent

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/stretchr/testify/require"

	local "k8s-framework/internal/local/mesos/link"
)

const mount = "/sys/fs/cgroup"

// cgroupWorld is a world whose agent isolates by cgroups (version 1, as root).
func cgroupWorld(t *testing.T) *world {
	w := newWorld(t)
	w.config.Launcher, w.config.Isolation = "linux", "cgroups/cpu,cgroups/mem"
	w.config.CgroupsHierarchy, w.config.CgroupsRoot = mount, fmt.Sprintf("k8sfw-agent-test-%d", os.Getpid())
	t.Cleanup(func() {
		for _, c := range []string{"freezer", "cpu", "cpuacct", "memory"} {
			require.NoError(t, os.Remove(filepath.Join(mount, c, w.config.CgroupsRoot)))
		}
	})
	return w
}

func (w *world) cgroup(controller, container string) string {
	return filepath.Join(mount, controller, w.config.CgroupsRoot, container)
}

// figures are cpu.shares, the soft and the hard memory limit in MB.
func (w *world) figures(container string) string {
	w.t.Helper()
	read := func(controller, file string) string {
		b, err := os.ReadFile(filepath.Join(w.cgroup(controller, container), file))
		require.NoError(w.t, err)
		return strings.TrimSpace(string(b))
	}
	mb := func(s string) string {
		var n int64
		_, err := fmt.Sscan(s, &n)
		require.NoError(w.t, err)
		return fmt.Sprint(n >> 20)
	}
	return read("cpu", "cpu.shares") + " " + mb(read("memory", "memory.soft_limit_in_bytes")) + " " +
		mb(read("memory", "memory.limit_in_bytes"))
}

// The container follows the sum of its tasks; only the hard memory limit never falls.
func TestResize(t *testing.T) {
	w := cgroupWorld(t)
	w.start()
	w.registered()
	w.launch(true, w.task("t1", "e1", 0.5, 64))
	id := w.state("t1", mesos.TASK_RUNNING).ContainerStatus.ContainerID.Value
	require.Equal(t, "614 96 96", w.figures(id))
	w.launch(false, w.task("t2", "e1", 1, 128))
	w.state("t2", mesos.TASK_RUNNING)
	require.Equal(t, "1638 224 224", w.figures(id))
	require.NoError(t, w.link.Send(&local.KillTask{FrameworkID: *w.framework().ID, TaskID: mesos.TaskID{Value: "t2"}}))
	for next[*local.StatusUpdate](w).Status.GetState() != mesos.TASK_KILLED {
	}
	require.Equal(t, "614 96 224", w.figures(id))
	w.end("e1")
	_, err := os.Stat(w.cgroup("freezer", id))
	require.True(t, os.IsNotExist(err))
}

// A cgroup below the container's own survives a restart of the agent, and ends with the container, processes and all.
func TestCgroupBelowTheContainers(t *testing.T) {
	w := cgroupWorld(t)
	w.start()
	w.registered()
	w.launch(true, w.task("t1", "e1", 0.5, 64))
	id := w.state("t1", mesos.TASK_RUNNING).ContainerStatus.ContainerID.Value
	foreign := exec.Command("sleep", "1000")
	require.NoError(t, foreign.Start())
	died := make(chan error, 1)
	go func() { died <- foreign.Wait() }()
	for _, c := range []string{"freezer", "cpu", "memory"} {
		pods := filepath.Join(w.cgroup(c, id), "pods")
		require.NoError(t, os.Mkdir(pods, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(pods, "cgroup.procs"), fmt.Append(nil, foreign.Process.Pid), 0o644))
	}
	require.NoError(t, w.stop())
	w.start()
	w.registered()
	_, err := os.Stat(filepath.Join(w.cgroup("memory", id), "pods"))
	require.NoError(t, err)
	select {
	case <-died:
		t.Fatal("the foreign process has died with the agent")
	default:
	}
	w.end("e1")
	select {
	case <-died:
	case <-time.After(patience):
		t.Fatal("the foreign process survives its container")
	}
	_, err = os.Stat(w.cgroup("memory", id))
	require.True(t, os.IsNotExist(err))
}

// Containers of an agent that is not known any more are destroyed at the start.
func TestOrphans(t *testing.T) {
	w := cgroupWorld(t)
	w.start()
	w.registered()
	w.launch(true, w.task("t1", "e1", 0.5, 64))
	id := w.state("t1", mesos.TASK_RUNNING).ContainerStatus.ContainerID.Value
	require.NoError(t, w.stop())
	require.NoError(t, os.Remove(filepath.Join(w.dir, "meta/slaves/latest")))
	w.start()
	_, first := w.connect().(*local.Register)
	require.True(t, first)
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(w.cgroup("memory", id)); os.IsNotExist(err) {
			return
		}
		require.True(t, time.Now().Before(deadline), "the orphan is still there")
	}
}

func TestOutOfMemory(t *testing.T) {
	w := cgroupWorld(t)
	w.start()
	w.registered()
	task := w.task("t1", "e1", 0.1, 32)
	yes := true
	task.Executor.Command = &mesos.CommandInfo{Shell: &yes, Value: text(`x=$(head -c 300000000 /dev/zero | tr "\\0" a); sleep 1000`)}
	w.launch(true, task)
	require.Equal(t, int32(9), next[*local.ExitedExecutor](w).Status)
	last := w.state("t1", mesos.TASK_FAILED)
	require.Equal(t, mesos.REASON_CONTAINER_LIMITATION_MEMORY, last.GetReason())
	require.Contains(t, last.GetMessage(), "Memory limit exceeded: Requested: 64MB Maximum Used: 64MB\n\nMEMORY STATISTICS: \ncache ")
	require.Equal(t, 64.0, last.Limitation.Resources[0].Scalar.Value)
}
