package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/stretchr/testify/require"

	local "k8s-framework/internal/local/mesos/link"
)

func TestLaunchUpdateKillAndShutdown(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.registered()
	w.launch(true, w.task("t1", "e1", 0.5, 64), w.task("t2", "e1", 0.5, 64))

	u := next[*local.StatusUpdate](w)
	require.Equal(t, "t1", u.Status.TaskID.Value)
	require.Equal(t, mesos.TASK_RUNNING, u.Status.GetState())
	require.Equal(t, mesos.SOURCE_EXECUTOR, u.Status.GetSource())
	require.Equal(t, "agent-1", u.Status.AgentID.Value)
	require.Nil(t, u.Status.ExecutorID)
	require.Equal(t, "127.0.0.1", u.Status.ContainerStatus.NetworkInfos[0].IPAddresses[0].GetIPAddress())
	pid := int(u.Status.ContainerStatus.GetExecutorPID())
	require.NoError(t, syscall.Kill(pid, 0))
	w.ack(u)
	w.state("t2", mesos.TASK_RUNNING)

	sandbox := filepath.Join(w.dir, "slaves/agent-1/frameworks/fw/executors/e1/runs", u.Status.ContainerStatus.ContainerID.Value)
	for _, name := range []string{"stdout", "stderr"} {
		_, err := os.Stat(filepath.Join(sandbox, name))
		require.NoError(t, err)
	}

	require.NoError(t, w.link.Send(&local.KillTask{FrameworkID: *w.framework().ID, TaskID: mesos.TaskID{Value: "t1"}}))
	w.state("t1", mesos.TASK_KILLED)

	require.NoError(t, w.link.Send(&local.ShutdownExecutor{FrameworkID: *w.framework().ID, ExecutorID: mesos.ExecutorID{Value: "e1"}}))
	require.Equal(t, int32(0), next[*local.ExitedExecutor](w).Status)
	last := w.state("t2", mesos.TASK_FAILED)
	require.Equal(t, "Executor terminated", last.GetMessage())
	require.Equal(t, mesos.REASON_EXECUTOR_TERMINATED, last.GetReason())
	require.Equal(t, "e1", last.ExecutorID.Value)
	require.Nil(t, last.ContainerStatus)
}

// The environment of an executor, name by name.
func TestEnvironment(t *testing.T) {
	t.Setenv("OF_THE_AGENT", "not for executors")
	w := newWorld(t)
	w.options = func(o *Options) { o.ExecutorEnvironment = map[string]string{"FROM_FLAG": "yes"} }
	w.start()
	w.registered()
	task := w.task("t1", "e1", 0.5, 64)
	task.Executor.ShutdownGracePeriod = &mesos.DurationInfo{Nanoseconds: int64(30 * time.Second)}
	task.Executor.Command.Environment = &mesos.Environment{Variables: []mesos.Environment_Variable{{Name: "A", Value: text("b")}}}
	w.launch(true, task)
	container := w.state("t1", mesos.TASK_RUNNING).ContainerStatus.ContainerID.Value
	require.NoError(t, w.link.Send(&local.FrameworkMessage{
		FrameworkID: *w.framework().ID, ExecutorID: mesos.ExecutorID{Value: "e1"}, Data: []byte("env"),
	}))
	got := strings.Split(string(next[*local.ExecutorMessage](w).Data), "\n")
	sort.Strings(got)
	sandbox := filepath.Join(w.dir, "slaves/agent-1/frameworks/fw/executors/e1/runs", container)
	address := "127.0.0.1:" + portText(w.port)
	require.Equal(t, []string{
		"A=b", "FROM_FLAG=yes", "LIBPROCESS_IP=127.0.0.1", "LIBPROCESS_PORT=0", "MESOS_AGENT_ENDPOINT=" + address,
		"MESOS_CHECKPOINT=1", "MESOS_DIRECTORY=" + sandbox, "MESOS_EXECUTOR_ID=e1",
		"MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=30secs", "MESOS_FRAMEWORK_ID=fw", "MESOS_HTTP_COMMAND_EXECUTOR=0",
		"MESOS_RECOVERY_TIMEOUT=15mins", "MESOS_SANDBOX=" + sandbox, "MESOS_SLAVE_ID=agent-1",
		"MESOS_SLAVE_PID=slave(1)@" + address, "MESOS_SUBSCRIPTION_BACKOFF_MAX=1secs",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	}, got)
	w.end("e1")
}

// end shuts an executor down so that it does not outlive the test.
func (w *world) end(executor string) {
	w.t.Helper()
	require.NoError(w.t, w.link.Send(&local.ShutdownExecutor{FrameworkID: *w.framework().ID, ExecutorID: mesos.ExecutorID{Value: executor}}))
	next[*local.ExitedExecutor](w)
}

// An agent that dies and comes back finds its executor, and the update that was not acknowledged goes again.
func TestRestart(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.registered()
	w.launch(true, w.task("t1", "e1", 0.5, 64))
	before := next[*local.StatusUpdate](w)
	require.NoError(t, w.stop())

	w.start()
	m, ok := w.connect().(*local.Reregister)
	require.True(t, ok)
	require.Equal(t, "agent-1", m.Agent.ID.Value)
	require.Len(t, m.Executors, 1)
	require.Len(t, m.Tasks, 1)
	require.Equal(t, mesos.TASK_RUNNING, m.Tasks[0].GetState())
	require.NoError(t, w.link.Send(&local.Reregistered{AgentID: *m.Agent.ID}))
	after := next[*local.StatusUpdate](w)
	require.Equal(t, before.Status.UUID, after.Status.UUID)
	require.Equal(t, before.Status.ContainerStatus, after.Status.ContainerStatus)
	w.ack(after)

	w.launch(false, w.task("t2", "e1", 0.5, 64))
	w.state("t2", mesos.TASK_RUNNING)
	w.end("e1")
	w.state("t1", mesos.TASK_FAILED)
}

// Without its executor the task of a restarted agent is gone.
func TestRestartWithoutExecutor(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.registered()
	task := w.task("t1", "e1", 0.5, 64)
	yes := true
	task.Executor.Command = &mesos.CommandInfo{Shell: &yes, Value: text("exec sleep 1000")}
	w.launch(true, task)
	deadline := time.Now().Add(patience)
	for {
		if _, err := os.Stat(filepath.Join(w.dir, "meta/slaves/agent-1/frameworks/fw/executors/e1/runs/latest/pids/forked.pid")); err == nil {
			break
		}
		require.True(t, time.Now().Before(deadline), "the executor was not started")
		time.Sleep(10 * time.Millisecond)
	}
	require.NoError(t, w.stop())
	w.start()
	w.registered()
	require.Equal(t, int32(syscall.SIGKILL), next[*local.ExitedExecutor](w).Status)
	last := w.state("t1", mesos.TASK_GONE)
	require.Equal(t, "Executor did not reregister within 1secs", last.GetMessage())
}

func TestCommandTask(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.registered()
	task := w.task("t1", "", 0.5, 64)
	task.Executor = nil
	task.Command = &mesos.CommandInfo{Value: text("echo hello; sleep 1000")}
	run := func() {
		require.NoError(t, w.link.Send(&local.RunTasks{Framework: w.framework(), Tasks: []mesos.TaskInfo{task}, Launch: true}))
	}
	run()
	w.state("t1", mesos.TASK_STARTING)
	w.state("t1", mesos.TASK_RUNNING)
	require.NoError(t, w.link.Send(&local.KillTask{FrameworkID: *w.framework().ID, TaskID: task.TaskID}))
	last := w.state("t1", mesos.TASK_KILLED)
	require.Equal(t, "Command terminated with signal Terminated", last.GetMessage())
	require.Equal(t, "t1", last.ExecutorID.Value)

	for command, want := range map[string]mesos.TaskState{"exit 0": mesos.TASK_FINISHED, "exit 3": mesos.TASK_FAILED} {
		task.TaskID.Value = strings.ReplaceAll(command, " ", "-")
		task.Command.Value = &command
		run()
		last := w.state(task.TaskID.Value, want)
		require.Equal(t, "Command exited with status "+command[5:], last.GetMessage())
	}
}

// A drain with mark_gone makes the kill of a task its end at the operator's hands; launches are refused meanwhile, and the
// agent goes when it is told to.
func TestDrainAndGone(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.registered()
	w.launch(true, w.task("t1", "e1", 0.5, 64))
	w.state("t1", mesos.TASK_RUNNING)
	yes := true
	require.NoError(t, w.link.Send(&local.Drain{Config: mesos.DrainConfig{MarkGone: &yes}}))
	w.launch(false, w.task("t2", "e1", 0.5, 64))
	gone, dropped := false, false
	for !gone || !dropped {
		u := next[*local.StatusUpdate](w)
		w.ack(u)
		require.Equal(t, mesos.REASON_AGENT_DRAINING, u.Status.GetReason())
		switch u.Status.GetState() {
		case mesos.TASK_GONE_BY_OPERATOR:
			gone = true
			require.Equal(t, "t1", u.Status.TaskID.Value)
		case mesos.TASK_DROPPED:
			dropped = true
			require.Equal(t, "Task was received while agent was already draining", u.Status.GetMessage())
		}
	}
	require.NoError(t, w.link.Send(&local.Shutdown{Reason: "Agent has been marked gone"}))
	select {
	case err := <-w.ended:
		require.NoError(t, err)
		w.ended <- err
	case <-time.After(patience):
		t.Fatal("the agent does not end")
	}
}

// --recover=cleanup ends the executor of the agent before, and then the agent.
func TestCleanup(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.registered()
	w.launch(true, w.task("t1", "e1", 0.5, 64))
	pid := int(w.state("t1", mesos.TASK_RUNNING).ContainerStatus.GetExecutorPID())
	require.NoError(t, w.stop())
	w.options = func(o *Options) { o.Cleanup = true }
	w.start()
	select {
	case err := <-w.ended:
		require.NoError(t, err)
		w.ended <- err
	case <-time.After(patience):
		t.Fatal("the agent does not end")
	}
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
}

// An agent that is told to shut down ends its executors and itself, and tells the master only when the wish is its own.
func TestUnregister(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.registered()
	w.launch(true, w.task("t1", "e1", 0.5, 64))
	w.state("t1", mesos.TASK_RUNNING)
	w.agent.Unregister()
	next[*local.Unregister](w)
	select {
	case err := <-w.ended:
		require.NoError(t, err)
		w.ended <- err
	case <-time.After(patience):
		t.Fatal("the agent does not end")
	}
}

// Reservations are what the master says, over a restart too.
func TestReservationsAreDurable(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.registered()
	reserved := resourcesOf(1, 128)
	for i := range reserved {
		reserved[i].Reservations = []mesos.Resource_ReservationInfo{{Type: mesos.Resource_ReservationInfo_DYNAMIC.Enum(), Role: text("workers")}}
	}
	id := mesos.OperationID{Value: "op"}
	fw := w.framework()
	require.NoError(t, w.link.Send(&local.ApplyOperation{
		Total: append(resourcesOf(3, 3968), reserved...), FrameworkID: fw.ID, OperationID: &id, UUID: []byte("0123456789abcdef"),
	}))
	u := next[*local.OperationUpdate](w)
	require.Equal(t, mesos.OPERATION_FINISHED, u.Status.State)
	require.NoError(t, w.stop())

	w.start()
	m := w.connect().(*local.Reregister)
	require.Len(t, m.Total, 4)
	require.Equal(t, "cpus:3;mem:3968;cpus(workers):1;mem(workers):128", short(m.Total))
	require.Len(t, m.Operations, 1)
	require.NoError(t, w.link.Send(&local.Reregistered{AgentID: *m.Agent.ID}))
	again := next[*local.OperationUpdate](w)
	require.Equal(t, u.Status.UUID, again.Status.UUID)
}

func short(all []mesos.Resource) string {
	var parts []string
	for _, r := range all {
		name := r.Name
		if len(r.Reservations) > 0 {
			name += "(" + r.Reservations[0].GetRole() + ")"
		}
		parts = append(parts, fmt.Sprintf("%s:%v", name, r.Scalar.Value))
	}
	return strings.Join(parts, ";")
}
