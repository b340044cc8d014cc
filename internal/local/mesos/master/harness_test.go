package master

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/mesos/flags"
	"k8s-framework/internal/local/mesos/link"
	"k8s-framework/internal/local/mesos/wire"
)

const patience = 10 * time.Second

// start runs a master on a free port until the test, or stop, ends it.
func start(t *testing.T, args ...string) (addr string, stop func()) {
	t.Helper()
	args = append([]string{"--ip=127.0.0.1", "--port=0", "--allocation_interval=50ms", "--hostname=master1.example"}, args...)
	f, err := flags.ParseMaster(args, []string{"MESOS_REGISTRY=in_memory"})
	require.NoError(t, err)
	options := Options{Flags: f}
	if testing.Verbose() {
		options.Log = os.Stderr
	}
	m, err := New(options)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(t, <-done)
		}
	}
	t.Cleanup(stop)
	require.Eventually(t, func() bool { return m.leadership.Load().recovered }, patience, time.Millisecond)
	return m.Addr().String(), stop
}

// testScheduler is a framework over real HTTP, in JSON.
type testScheduler struct {
	t        *testing.T
	addr     string
	streamID string
	id       mesos.FrameworkID
	events   chan *scheduler.Event
	body     io.Closer
	left     []*scheduler.Event // read and not yet asked for
}

const testFramework = `{"user":"root","name":"test","roles":["workers"],"failover_timeout":3600,"checkpoint":true,"capabilities":[
	{"type":"PARTITION_AWARE"},{"type":"TASK_KILLING_STATE"},{"type":"MULTI_ROLE"},{"type":"RESERVATION_REFINEMENT"}]`

func subscribe(t *testing.T, addr, frameworkID string) *testScheduler {
	t.Helper()
	body := `{"type":"SUBSCRIBE","subscribe":{"framework_info":` + testFramework + `}}}`
	if frameworkID != "" {
		id := `{"value":"` + frameworkID + `"}`
		body = `{"type":"SUBSCRIBE","framework_id":` + id + `,"subscribe":{"framework_info":` + testFramework + `,"id":` + id + `}}}`
	}
	r, err := http.NewRequest(http.MethodPost, "http://"+addr+"/api/v1/scheduler", strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", wire.TypeJSON)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	s := &testScheduler{t: t, addr: addr, streamID: resp.Header.Get(streamHeader), events: make(chan *scheduler.Event, 10000), body: resp.Body}
	t.Cleanup(func() { resp.Body.Close() }) // a test's
	go s.read(resp.Body)
	first := <-s.events
	require.Equal(t, scheduler.Event_SUBSCRIBED, first.Type, "%v", first)
	s.id = *first.Subscribed.FrameworkID
	return s
}

func (s *testScheduler) read(body io.Reader) {
	defer close(s.events)
	r := bufio.NewReader(body)
	for {
		length, err := r.ReadString('\n')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSpace(length))
		if err != nil {
			return
		}
		record := make([]byte, n)
		if _, err := io.ReadFull(r, record); err != nil {
			return
		}
		event := &scheduler.Event{}
		if wire.UnmarshalJSON(record, event) != nil {
			return
		}
		s.events <- event
	}
}

// call sends a call and returns status and body.
func (s *testScheduler) call(call *scheduler.Call) (int, string) {
	s.t.Helper()
	call.FrameworkID = &s.id
	r, err := http.NewRequest(http.MethodPost, "http://"+s.addr+"/api/v1/scheduler", bytes.NewReader(wire.MarshalJSON(call)))
	require.NoError(s.t, err)
	r.Header.Set("Content-Type", wire.TypeJSON)
	r.Header.Set(streamHeader, s.streamID)
	return send(s.t, r)
}

func send(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close() // a test's
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(b)
}

func (s *testScheduler) accepted(call *scheduler.Call) {
	s.t.Helper()
	status, text := s.call(call)
	require.Equal(s.t, 202, status, text)
}

// next waits for the next event of a type and keeps others for later.
func (s *testScheduler) next(want scheduler.Event_Type) *scheduler.Event {
	s.t.Helper()
	for i, e := range s.left {
		if e.Type == want {
			s.left = append(s.left[:i:i], s.left[i+1:]...)
			return e
		}
	}
	timeout := time.After(patience)
	for {
		select {
		case e, open := <-s.events:
			require.True(s.t, open, "the stream has ended")
			if e.Type == want {
				return e
			}
			s.left = append(s.left, e)
		case <-timeout:
			require.FailNow(s.t, "no event", "%v; others: %v", want, s.left)
		}
	}
}

// quiet asserts that no event of a type comes for a while.
func (s *testScheduler) quiet(unwanted scheduler.Event_Type, d time.Duration) {
	s.t.Helper()
	timeout := time.After(d)
	for {
		select {
		case e := <-s.events:
			require.NotEqual(s.t, unwanted, e.Type)
			s.left = append(s.left, e)
		case <-timeout:
			return
		}
	}
}

// testAgent is an agent of nothing but its link.
type testAgent struct {
	t    *testing.T
	conn *link.Conn
	id   string
	info mesos.AgentInfo
}

func agentInfo(t *testing.T, name, resources string, port int32) mesos.AgentInfo {
	t.Helper()
	list, err := flags.ParseResources(resources)
	require.NoError(t, err)
	return mesos.AgentInfo{Hostname: name, Port: &port, Resources: list}
}

func register(t *testing.T, addr, name, resources string, port int32) *testAgent {
	t.Helper()
	a := &testAgent{t: t, info: agentInfo(t, name, resources, port)}
	a.dial(addr)
	require.NoError(t, a.conn.Send(&link.Register{Agent: a.info, IP: "127.0.0.1", Version: Version, Total: a.info.Resources}))
	a.id = receive[*link.Registered](a).AgentID.Value
	a.info.ID = &mesos.AgentID{Value: a.id}
	return a
}

func (a *testAgent) dial(addr string) {
	a.t.Helper()
	conn, err := link.Dial(context.Background(), addr)
	require.NoError(a.t, err)
	a.conn = conn
	a.t.Cleanup(conn.Close)
}

// receive waits for the next message of a type, answers pings and passes others over.
func receive[M link.Message](a *testAgent) M {
	a.t.Helper()
	require.NoError(a.t, a.conn.SetReadDeadline(time.Now().Add(patience)))
	for {
		message, err := a.conn.Receive()
		require.NoError(a.t, err)
		if wanted, ok := message.(M); ok {
			return wanted
		}
		if _, ping := message.(*link.Ping); ping {
			require.NoError(a.t, a.conn.Send(&link.Pong{}))
		}
	}
}

func (a *testAgent) update(f mesos.FrameworkID, task string, state mesos.TaskState, uuid []byte) {
	a.t.Helper()
	require.NoError(a.t, a.conn.Send(&link.StatusUpdate{FrameworkID: f, Latest: state, Status: mesos.TaskStatus{
		TaskID: mesos.TaskID{Value: task}, State: state.Enum(), UUID: uuid, AgentID: &mesos.AgentID{Value: a.id}, Source: mesos.SOURCE_EXECUTOR.Enum(),
	}}))
}

// taskInfo is a task of half a cpu on an executor of a tenth.
func taskInfo(agent, id string) mesos.TaskInfo {
	scalar := func(name string, v float64) mesos.Resource {
		return mesos.Resource{Name: name, Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: v}}
	}
	return mesos.TaskInfo{
		Name: id, TaskID: mesos.TaskID{Value: id}, AgentID: mesos.AgentID{Value: agent},
		Resources: []mesos.Resource{scalar("cpus", 0.5), scalar("mem", 64)},
		Executor: &mesos.ExecutorInfo{
			ExecutorID: mesos.ExecutorID{Value: "e1"}, Name: new("executor"), Command: &mesos.CommandInfo{Value: new("true")},
			Resources: []mesos.Resource{scalar("cpus", 0.1), scalar("mem", 32)},
		},
	}
}

func launchCall(offer mesos.OfferID, refuse float64, tasks ...mesos.TaskInfo) *scheduler.Call {
	return &scheduler.Call{Type: scheduler.Call_ACCEPT, Accept: &scheduler.Call_Accept{
		OfferIDs:   []mesos.OfferID{offer},
		Operations: []mesos.Offer_Operation{{Type: mesos.Offer_Operation_LAUNCH, Launch: &mesos.Offer_Operation_Launch{TaskInfos: tasks}}},
		Filters:    &mesos.Filters{RefuseSeconds: &refuse},
	}}
}

// operator asks the operator API and decodes the answer.
func operator(t *testing.T, addr, body string) (status int, answer map[string]any) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+addr+"/api/v1", strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", wire.TypeJSON)
	status, text := send(t, r)
	if strings.HasPrefix(text, "{") {
		require.NoError(t, json.Unmarshal([]byte(text), &answer))
	} else {
		answer = map[string]any{"text": text}
	}
	return status, answer
}
