package agent

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/mesos/agent/container"
	"k8s-framework/internal/local/mesos/agent/detect"
	local "k8s-framework/internal/local/mesos/link"
)

const patience = 20 * time.Second

// world is one agent, again and again in the same work directory, and a master that says what the test wants.
type world struct {
	t       *testing.T
	dir     string
	config  container.Config
	options func(*Options)
	port    int
	master  *httptest.Server
	links   chan *local.Conn

	link     *local.Conn
	messages chan local.Message
	stop     func() error
	agent    *Agent
	ended    chan error
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, dir: t.TempDir(), links: make(chan *local.Conn, 8), options: func(*Options) {}}
	program, err := os.Executable()
	require.NoError(t, err)
	w.config = container.Config{
		Launcher: "posix", Isolation: "posix/cpu,posix/mem", RuntimeDir: filepath.Join(w.dir, "run"), Program: program,
		FetcherCacheDir: filepath.Join(w.dir, "cache"), FetcherStall: time.Second,
	}
	w.master = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if c, err := local.Accept(rw, r); err == nil {
			w.links <- c
		}
	}))
	t.Cleanup(w.master.Close)
	return w
}

// start starts the agent; it ends with the test at the latest.
func (w *world) start() {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", portText(w.port)))
	require.NoError(w.t, err)
	w.port = listener.Addr().(*net.TCPAddr).Port
	containers, err := container.New(w.config)
	require.NoError(w.t, err)
	detector, err := detect.New(w.master.Listener.Addr().String())
	require.NoError(w.t, err)
	log := logrus.New()
	if !testing.Verbose() {
		log.SetOutput(io.Discard)
	}
	opts := Options{
		Detector: detector, Listener: listener, IP: "127.0.0.1", IPGiven: true, Hostname: "agent1.example", BootID: "boot",
		WorkDir: w.dir, Resources: resourcesOf(4, 4096), Program: w.config.Program, Isolation: w.config.Isolation,
		RegistrationTimeout: time.Minute, ReregistrationTimeout: time.Second, ShutdownGrace: 2 * time.Second,
		RecoveryTimeout: 15 * time.Minute, RegistrationBackoff: 10 * time.Millisecond, ReconfigurationPolicy: "equal",
		SwitchUser: true, Containers: RealContainers(containers), Log: logrus.NewEntry(log),
	}
	w.options(&opts)
	a := New(opts)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	w.agent, w.ended = a, ended
	go func() { ended <- a.Run(ctx) }()
	stopped := false
	w.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		err := <-ended
		containers.Close()
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}
	w.t.Cleanup(func() { require.NoError(w.t, w.stop()) })
}

func portText(p int) string {
	if p == 0 {
		return "0"
	}
	return strconv.Itoa(p)
}

// connect waits for the agent's link and returns its first message.
func (w *world) connect() local.Message {
	select {
	case w.link = <-w.links:
	case <-time.After(patience):
		w.t.Fatal("the agent opens no link")
	}
	messages := make(chan local.Message, 256)
	w.messages = messages
	go func(c *local.Conn) {
		defer close(messages)
		for {
			m, err := c.Receive()
			if err != nil {
				return
			}
			messages <- m
		}
	}(w.link)
	w.t.Cleanup(w.link.Close)
	return next[local.Message](w)
}

// next is the agent's next message of a kind; others are passed over.
func next[M local.Message](w *world) M {
	w.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case m, ok := <-w.messages:
			if !ok {
				w.t.Fatalf("the link ended while waiting for %T", *new(M))
			}
			if want, ok := m.(M); ok {
				return want
			}
		case <-deadline:
			w.t.Fatalf("no %T came", *new(M))
		}
	}
}

// state waits for an update of that state and acknowledges it.
func (w *world) state(task string, state mesos.TaskState) mesos.TaskStatus {
	w.t.Helper()
	for {
		u := next[*local.StatusUpdate](w)
		w.ack(u)
		if u.Status.TaskID.Value == task && u.Status.GetState() == state {
			return u.Status
		}
	}
}

func (w *world) ack(u *local.StatusUpdate) {
	require.NoError(w.t, w.link.Send(&local.AckUpdate{FrameworkID: u.FrameworkID, TaskID: u.Status.TaskID, UUID: u.Status.UUID}))
}

// registered makes the agent a registered one.
func (w *world) registered() {
	w.t.Helper()
	switch m := w.connect().(type) {
	case *local.Register:
		require.NoError(w.t, w.link.Send(&local.Registered{AgentID: mesos.AgentID{Value: "agent-1"}}))
	case *local.Reregister:
		require.NoError(w.t, w.link.Send(&local.Reregistered{AgentID: *m.Agent.ID}))
	default:
		w.t.Fatalf("the first message is a %T", m)
	}
}

func text(s string) *string { return &s }

func resourcesOf(cpus, mem float64) []mesos.Resource {
	return []mesos.Resource{
		{Name: "cpus", Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: cpus}},
		{Name: "mem", Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: mem}},
	}
}

func (w *world) framework() mesos.FrameworkInfo {
	checkpoint := true
	return mesos.FrameworkInfo{
		ID: &mesos.FrameworkID{Value: "fw"}, Name: "test", Roles: []string{"workers"}, Checkpoint: &checkpoint, User: "root",
		Capabilities: []mesos.FrameworkInfo_Capability{{Type: mesos.FrameworkInfo_Capability_PARTITION_AWARE}},
	}
}

func (w *world) task(id, executor string, cpus, mem float64) mesos.TaskInfo {
	no := false
	return mesos.TaskInfo{
		Name: id, TaskID: mesos.TaskID{Value: id}, AgentID: mesos.AgentID{Value: "agent-1"}, Resources: resourcesOf(cpus, mem),
		Executor: &mesos.ExecutorInfo{
			Type: mesos.ExecutorInfo_CUSTOM, ExecutorID: mesos.ExecutorID{Value: executor}, Resources: resourcesOf(0.1, 32),
			Command: &mesos.CommandInfo{Shell: &no, Value: &w.config.Program, Arguments: []string{testExecutor}},
		},
	}
}

func (w *world) launch(first bool, tasks ...mesos.TaskInfo) {
	require.NoError(w.t, w.link.Send(&local.RunTasks{
		Framework: w.framework(), Executor: tasks[0].Executor, Tasks: tasks, Launch: first,
	}))
}
