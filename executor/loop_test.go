package executor

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/kubelet"
	"k8s-framework/internal/mesos/execapi"
)

func TestFromLaunchToTheEndOfADrainedKill(t *testing.T) {
	h := open(t, nil)
	h.subscribe()
	h.launch("t1", 1000, 512)
	h.agent.await(t, "t1 RUNNING healthy")
	pid := h.pid()
	require.True(t, alive(pid))
	assert.Equal(t, "PATH=/bin", h.file("root/environment"), "nothing of Mesos's, and no secret")
	assert.Contains(t, h.file("sandbox/kubelet.yaml"), `memory: "3758096384"`)
	assert.Contains(t, h.file("sandbox/kubelet.yaml"), "cgroupRoot: /k8s-framework/workers-1.c-1")
	assert.Contains(t, h.file("root/k8s-executor.json"), `"cgroupRoot":"/k8s-framework/workers-1.c-1"`)
	assert.DirExists(t, filepath.Join(h.dir, "pids/k8s-framework/workers-1.c-1"))

	h.runtime.mu.Lock()
	h.runtime.pods["p"] = &pod{id: "p", cgroup: "/k8s-framework/workers-1.c-1/kubepods/besteffort/podp"}
	h.runtime.mu.Unlock()
	h.agent.say(execapi.Killed{Task: "t1"})
	eventually(t, "the node is drained", func() bool { return len(h.drainer.asked()) == 1 })
	assert.True(t, alive(pid), "while it is drained")
	eventually(t, "the framework hears of it", func() bool {
		h.agent.mu.Lock()
		defer h.agent.mu.Unlock()
		return strings.Contains(strings.Join(h.agent.messages, ""), "pod a/b by budget c")
	})
	h.drainer.done()
	h.awaitEnd()
	assert.False(t, alive(pid))
	assert.Equal(t, []string{"t1 STARTING", "t1 RUNNING healthy", "t1 RUNNING healthy", "t1 KILLED"}, h.agent.history())
	assert.Equal(t, []string{"remove pod p", "stop container p.c within 30 s", "stop pod p"}, h.runtime.log())
	assert.NoFileExists(t, filepath.Join(h.dir, "root/k8s-executor.json"))
	assert.NoDirExists(t, filepath.Join(h.dir, "pids/k8s-framework"))
	lock, err := takeLock(t.Context(), h.spec.LockPath(), holder{}, func(string) { t.Error("the lock is still held") })
	require.NoError(t, err)
	lock.release()
}

func TestAnotherTaskRestartsTheKubeletWithMore(t *testing.T) {
	h := open(t, nil)
	h.subscribe()
	h.launch("t1", 500, 512)
	h.agent.await(t, "t1 RUNNING healthy")
	first := h.pid()
	h.launch("t2", 500, 512)
	h.agent.await(t, "t2 RUNNING healthy")
	assert.False(t, alive(first))
	assert.True(t, alive(h.pid()))
	assert.Contains(t, h.file("sandbox/kubelet.yaml"), `memory: "3221225472"`)
	assert.NotContains(t, h.agent.history(), "t1 RUNNING unhealthy")
	assert.Empty(t, h.runtime.log(), "pods are not touched")
}

func TestASmallerKubeletComesAfterRoomIsMade(t *testing.T) {
	h := open(t, nil)
	h.subscribe()
	h.launch("t1", 500, 512)
	h.launch("t2", 500, 512)
	h.agent.await(t, "t2 RUNNING healthy")
	h.agent.say(execapi.Killed{Task: "t2"})
	h.agent.await(t, "t2 KILLED")
	assert.Equal(t, []string{"unschedulable true", "room for 500m CPU, 536870912 bytes of memory", "unschedulable false"}, h.cluster.history())
	assert.Contains(t, h.file("sandbox/kubelet.yaml"), `memory: "3758096384"`)
	assert.Contains(t, h.file("root/k8s-executor.lock"), fmt.Sprintf(`"kubelet":{"pid":%d`, h.pid()))
	assert.Empty(t, h.runtime.log(), "pods are not touched")
}

func TestAStrangersHealthzIsNoHealth(t *testing.T) {
	h := open(t, func(h *house) { h.spec.Restart.StartTimeout = kubelet.Duration(time.Second) })
	h.behave("deaf") // it runs, but has not got its port
	h.subscribe()
	h.launch("t1", 1000, 512)
	eventually(t, "it runs", func() bool { return h.pid() != 0 })
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", h.spec.HealthzPort))
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		_ = http.Serve(listener, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) // 200, until the listener is closed
	}()
	h.awaitEnd()
	assert.Equal(t, execapi.TaskFailed, h.agent.last().State)
	assert.Contains(t, h.agent.last().Message, fmt.Sprintf("is answered by process %d", os.Getpid()))
	assert.NotContains(t, h.agent.history(), "t1 RUNNING healthy")
}

func TestAKubeletThatCannotJoinIsGivenUpWithTheReason(t *testing.T) {
	h := open(t, func(h *house) {
		h.spec.Restart.StartTimeout = kubelet.Duration(3 * time.Second)
		h.spec.Restart.Failures = 1
	})
	h.cluster.say(NodeView{State: NodeMissing, Why: "the API server refuses the kubelet's credentials: Unauthorized"}, nil)
	h.subscribe()
	h.launch("t1", 1000, 512)
	h.awaitEnd()
	assert.Equal(t, execapi.TaskFailed, h.agent.last().State)
	assert.Contains(t, h.agent.last().Message, "it answers, but has not joined in 3s: the API server refuses the kubelet's credentials: Unauthorized")
}

func TestCutOffFromEverybodyItEndsItself(t *testing.T) {
	h := open(t, func(h *house) { h.spec.FenceAfter = kubelet.Duration(1500 * time.Millisecond) })
	h.subscribe()
	h.launch("t1", 1000, 512)
	h.agent.await(t, "t1 RUNNING healthy")
	pid := h.pid()
	h.agent.say(execapi.Disconnected{Why: "the agent is away"})
	asked := h.cluster.questions()
	eventually(t, "longer than the fence, a question a second is answered", func() bool { return h.cluster.questions() >= asked+4 })
	assert.True(t, alive(pid))
	h.cluster.say(NodeView{}, errors.New("no route to host"))
	eventually(t, "the kubelet ends", func() bool { return !alive(pid) })
	h.subscribe()
	h.awaitEnd()
	assert.Empty(t, h.drainer.asked())
	assert.Equal(t, execapi.TaskFailed, h.agent.last().State)
	assert.Contains(t, h.agent.last().Message, "fenced: cut off from the Mesos agent and from the API server (no route to host) for 1.5s")
}

func TestTheFrameworksWordIsCheckedOnce(t *testing.T) {
	h := open(t, nil)
	h.subscribe()
	h.launch("t1", 1000, 512)
	h.agent.await(t, "t1 RUNNING healthy")
	h.cluster.mu.Lock()
	h.cluster.err = errors.New("away") // then the runtime is asked
	h.cluster.mu.Unlock()
	h.runtime.mu.Lock()
	h.runtime.pods["p"] = &pod{id: "p", cgroup: "/k8s-framework/workers-1.c-1/kubepods/besteffort/podp"}
	h.runtime.mu.Unlock()
	text, err := kubelet.Message{Drained: true}.Encode()
	require.NoError(t, err)
	h.agent.say(execapi.Messaged{Data: text})
	h.agent.say(execapi.Killed{Task: "t1"})
	h.awaitEnd()
	assert.Empty(t, h.drainer.asked())
	assert.Contains(t, h.agent.last().Message, "1 pods were still there: default/p")
}

func TestACrashIsReportedAndMended(t *testing.T) {
	h := open(t, nil)
	h.subscribe()
	h.launch("t1", 1000, 512)
	h.agent.await(t, "t1 RUNNING healthy")
	first := h.pid()
	require.NoError(t, syscall.Kill(first, syscall.SIGKILL))
	eventually(t, "it is healthy again", func() bool {
		return slices.Equal(h.agent.history(), []string{"t1 STARTING", "t1 RUNNING healthy", "t1 RUNNING unhealthy", "t1 RUNNING healthy"})
	})
	assert.NotEqual(t, first, h.pid())
}

func TestACrashLoopEndsWithTheLastLines(t *testing.T) {
	h := open(t, nil)
	h.behave("crash")
	h.subscribe()
	h.launch("t1", 1000, 512)
	h.awaitEnd()
	last := h.agent.last()
	assert.Equal(t, execapi.TaskFailed, last.State)
	assert.Contains(t, last.Message, "the kubelet failed 3 times within 10m0s, the last time: exit status 1")
	assert.Contains(t, last.Message, "F something is wrong: exiting")
	assert.Empty(t, h.drainer.asked())
}

func TestAKubeletThatCannotBeStarted(t *testing.T) {
	h := open(t, func(h *house) { h.spec.Kubelet = "/no/such/kubelet" })
	h.subscribe()
	h.launch("t1", 1000, 512)
	h.awaitEnd()
	assert.Equal(t, execapi.TaskFailed, h.agent.last().State)
	assert.Contains(t, h.agent.last().Message, "start /no/such/kubelet")
}

func TestAHangIsEnded(t *testing.T) {
	h := open(t, func(h *house) { h.spec.Restart.StartTimeout = kubelet.Duration(time.Second) })
	h.behave("never-healthy")
	h.subscribe()
	h.launch("t1", 1000, 512)
	eventually(t, "it runs", func() bool { return h.pid() != 0 })
	first := h.pid()
	h.behave("")
	h.agent.await(t, "t1 RUNNING healthy")
	assert.False(t, alive(first))
}

func TestTheKubeletOutlivesADisconnection(t *testing.T) {
	h := open(t, nil)
	h.subscribe()
	h.launch("t1", 1000, 512)
	h.agent.await(t, "t1 RUNNING healthy")
	pid := h.pid()
	h.agent.say(execapi.Disconnected{Why: "the agent restarts"})
	h.subscribe()
	h.launch("t2", 0, 0)
	h.agent.await(t, "t2 RUNNING healthy")
	assert.Equal(t, pid, h.pid())
	assert.True(t, alive(pid))
}

func TestAnAgentThatIsAnotherEndsTheNode(t *testing.T) {
	h := open(t, nil)
	h.subscribe()
	h.launch("t1", 1000, 512)
	h.agent.await(t, "t1 RUNNING healthy")
	h.drainer.done()
	h.breakOff(execapi.ErrForeignAgent)
	h.awaitEnd()
	assert.False(t, alive(h.pid()))
	assert.Equal(t, []string{"host1"}, h.drainer.asked())
}

func TestASignalIsAShutdownWithinItsGrace(t *testing.T) {
	h := open(t, nil)
	h.subscribe()
	h.launch("t1", 1000, 512)
	h.agent.await(t, "t1 RUNNING healthy")
	began := time.Now()
	h.cancel()
	h.awaitEnd()
	assert.Less(t, time.Since(began), 4*time.Second)
	assert.Equal(t, execapi.TaskKilled, h.agent.last().State)
	assert.Contains(t, h.agent.last().Message, "the executor was asked to end")
	assert.False(t, alive(h.pid()))
}

func TestWhatAnEarlierExecutorLeftIsReapedFirst(t *testing.T) {
	h := open(t, func(h *house) {
		require.NoError(h.t, estate{Node: "workers-0", Root: "/mesos/old"}.write(h.spec.RootDir))
		require.NoError(h.t, os.MkdirAll(filepath.Join(h.dir, "pids/mesos/old/kubepods/besteffort"), 0o755))
		h.runtime.pods["left"] = &pod{id: "left", cgroup: "/mesos/old/kubepods/besteffort/podl"}
		h.runtime.pods["other"] = &pod{id: "other", cgroup: "/elsewhere/kubepods/podo"}
	})
	h.subscribe()
	h.launch("t1", 1000, 512)
	h.agent.await(t, "t1 RUNNING healthy")
	assert.Equal(t, []string{"remove pod left", "stop container left.c within 10 s", "stop pod left"}, h.runtime.log())
	assert.NoDirExists(t, filepath.Join(h.dir, "pids/mesos/old"))
	assert.Contains(t, h.file("root/k8s-executor.json"), "workers-1")
}

func TestAnotherKubeletOnTheHostIsWaitedFor(t *testing.T) {
	h := open(t, func(h *house) { require.NoError(h.t, os.MkdirAll(h.spec.RootDir, 0o755)) })
	other, err := takeLock(t.Context(), h.spec.LockPath(), holder{Node: "workers-0", Executor: member{PID: 7}}, nil)
	require.NoError(t, err)
	h.subscribe()
	h.launch("t1", 1000, 512)
	eventually(t, "it says so", func() bool {
		return strings.Contains(h.agent.last().Message, "a kubelet lives on this host: node workers-0, executor process 7")
	})
	assert.Zero(t, h.pid())
	other.release()
	h.agent.await(t, "t1 RUNNING healthy")
}

func TestAKillWhileWaitingForTheHost(t *testing.T) {
	h := open(t, nil)
	other, err := takeLock(t.Context(), h.spec.LockPath(), holder{Node: "workers-0"}, nil)
	require.NoError(t, err)
	defer other.release()
	h.subscribe()
	h.launch("t1", 1000, 512)
	eventually(t, "it waits", func() bool { return strings.Contains(h.agent.last().Message, "waiting") })
	h.agent.say(execapi.Killed{Task: "t1"})
	h.awaitEnd()
	assert.Equal(t, execapi.TaskKilled, h.agent.last().State)
	assert.Zero(t, h.pid())
}

func TestARuntimeThatIsDownDoesNotKeepTheEnd(t *testing.T) {
	h := open(t, func(h *house) { h.spec.RuntimeEndpoint = "unix:///no/such/runtime" })
	h.subscribe()
	h.launch("t1", 1000, 512)
	h.agent.await(t, "t1 RUNNING healthy")
	text, err := kubelet.Message{Drained: true}.Encode()
	require.NoError(t, err)
	h.agent.say(execapi.Messaged{Data: text})
	h.agent.say(execapi.Killed{Task: "t1"})
	h.awaitEnd()
	assert.Equal(t, execapi.TaskKilled, h.agent.last().State, "the cgroup says that nothing is left")
	assert.Empty(t, h.drainer.asked())
}

func TestRunRefusesWhatIsNoExecutor(t *testing.T) {
	log := logrus.NewEntry(logrus.New())
	err := Run(t.Context(), Options{Log: log, CgroupParent: "/k"})
	require.ErrorContains(t, err, "MESOS_FRAMEWORK_ID")
	environment := []string{
		"MESOS_FRAMEWORK_ID=f", "MESOS_EXECUTOR_ID=e", "MESOS_AGENT_ENDPOINT=127.0.0.1:1", "MESOS_DIRECTORY=/", "MESOS_SANDBOX=/",
	}
	err = Run(t.Context(), Options{Log: log, CgroupParent: "/", Environment: environment})
	require.ErrorContains(t, err, `cgroup parent is "/"`)
	err = Run(t.Context(), Options{CgroupParent: "/k", Environment: environment})
	require.ErrorContains(t, err, "log is nil")
}
