package execapi_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	v1 "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/mesos/execapi"
)

const patience = 10 * time.Second

// agent is an HTTP server on loopback that does on each request what the test says, and keeps what it was sent.
type agent struct {
	t       *testing.T
	server  *httptest.Server
	address string

	mu       sync.Mutex
	requests []request
	// onSubscribe serves the nth SUBSCRIBE, from 0; onCall answers the others, with 202 if it is nil.
	onSubscribe func(n int, s *stream)
	onCall      func(call *executor.Call, w http.ResponseWriter)
}

type request struct {
	call   *executor.Call
	header http.Header
	remote string
	at     time.Time
}

type stream struct {
	t    *testing.T
	w    http.ResponseWriter
	gone <-chan struct{}
}

func newAgent(t *testing.T, onSubscribe func(n int, s *stream)) *agent {
	t.Helper()
	a := &agent{t: t, onSubscribe: onSubscribe}
	a.start("127.0.0.1:0")
	t.Cleanup(a.stop)
	return a
}

// start listens; at the same address as before if it was stopped.
func (a *agent) start(address string) {
	a.t.Helper()
	listener, err := net.Listen("tcp", address)
	require.NoError(a.t, err)
	a.address = listener.Addr().String()
	a.server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: a, ReadHeaderTimeout: patience}}
	a.server.Start()
}

// stop closes everything at once, as an agent does that is killed.
func (a *agent) stop() {
	a.server.CloseClientConnections()
	a.server.Close()
}

func (a *agent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	assert.Equal(a.t, "/api/v1/executor", r.URL.Path)
	call := &executor.Call{}
	assert.NoError(a.t, call.Unmarshal(body))
	a.mu.Lock()
	n := len(a.of(executor.Call_SUBSCRIBE))
	a.requests = append(a.requests, request{call, r.Header.Clone(), r.RemoteAddr, time.Now()})
	a.mu.Unlock()
	switch {
	case call.Type == executor.Call_SUBSCRIBE:
		a.onSubscribe(n, &stream{t: a.t, w: w, gone: r.Context().Done()})
	case a.onCall != nil:
		a.onCall(call, w)
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

func (a *agent) of(kind executor.Call_Type) []request {
	var of []request
	for _, each := range a.requests {
		if each.call.Type == kind {
			of = append(of, each)
		}
	}
	return of
}

// got is the calls of a type, in their order.
func (a *agent) got(kind executor.Call_Type) []request {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.of(kind)
}

func (s *stream) send(events ...*executor.Event) {
	s.w.Header().Set("Content-Type", "application/x-protobuf")
	s.w.WriteHeader(http.StatusOK)
	for _, event := range events {
		frame, err := event.Marshal()
		assert.NoError(s.t, err)
		_, _ = fmt.Fprintf(s.w, "%d\n%s", len(frame), frame)
		s.w.(http.Flusher).Flush()
	}
}

func (s *stream) hold() { <-s.gone }

func refuse(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// subscribed is the event of the recorded launch.
func subscribed() *executor.Event {
	return &executor.Event{Type: executor.Event_SUBSCRIBED, Subscribed: &executor.Event_Subscribed{
		ExecutorInfo: v1.ExecutorInfo{
			Type: v1.ExecutorInfo_CUSTOM, ExecutorID: v1.ExecutorID{Value: "e1"}, Name: pointer("executor e1"),
			Resources: []v1.Resource{scalar("cpus", 0.1), scalar("mem", 32)}, Data: []byte("spec"),
			ShutdownGracePeriod: &v1.DurationInfo{Nanoseconds: 30e9},
		},
		FrameworkInfo: v1.FrameworkInfo{User: "root", Name: "recorder"},
		AgentInfo: v1.AgentInfo{
			Hostname: "agent1.example", Port: pointer(int32(5051)), ID: &v1.AgentID{Value: "AGENT-1"},
			Domain: &v1.DomainInfo{FaultDomain: &v1.DomainInfo_FaultDomain{
				Region: v1.DomainInfo_FaultDomain_RegionInfo{Name: "region-a"},
				Zone:   v1.DomainInfo_FaultDomain_ZoneInfo{Name: "zone-1"},
			}},
		},
		ContainerID: &v1.ContainerID{Value: "CONTAINER-1"},
	}}
}

func launchEvent(task string) *executor.Event {
	return &executor.Event{Type: executor.Event_LAUNCH, Launch: &executor.Event_Launch{Task: v1.TaskInfo{
		Name: task, TaskID: v1.TaskID{Value: task}, AgentID: v1.AgentID{Value: "AGENT-1"},
		Resources: []v1.Resource{scalar("cpus", 0.5), scalar("mem", 64), scalar("mem", 1.5), scalar("disk", 10), scalar("gpus", 1)},
		Data:      []byte("task data"), KillPolicy: &v1.KillPolicy{GracePeriod: &v1.DurationInfo{Nanoseconds: 20e9}},
		Labels: &v1.Labels{Labels: []v1.Label{{Key: "node", Value: pointer("workers-1")}, {Key: "bare"}}},
	}}}
}

func scalar(name string, value float64) v1.Resource {
	return v1.Resource{Name: name, Type: v1.SCALAR.Enum(), Scalar: &v1.Value_Scalar{Value: value}}
}

func pointer[T any](value T) *T { return &value }

// conversation is a client whose Run is under way.
type conversation struct {
	t      *testing.T
	client *execapi.Client
	events chan execapi.Event
	ended  chan error

	mu      sync.Mutex
	pending execapi.Pending
}

func environment(address string) execapi.Environment {
	return execapi.Environment{
		Framework: "FRAMEWORK-1", Executor: "e1", Endpoint: address, Directory: "/", Checkpoint: true, BackoffMax: 2 * time.Second,
	}
}

func talk(t *testing.T, env execapi.Environment, options execapi.Options) *conversation {
	t.Helper()
	client, err := execapi.New(env, options)
	require.NoError(t, err)
	c := &conversation{t: t, client: client, events: make(chan execapi.Event, 1000), ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { c.ended <- client.Run(ctx, c.ask, func(event execapi.Event) { c.events <- event }) }()
	t.Cleanup(func() {
		cancel()
		_ = c.end()
	})
	return c
}

func (c *conversation) ask(context.Context) (execapi.Pending, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending, nil
}

func (c *conversation) keep(pending execapi.Pending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = pending
}

func (c *conversation) end() error {
	c.t.Helper()
	select {
	case err := <-c.ended:
		c.ended <- err
		return err
	case <-time.After(patience):
		c.t.Fatal("Run did not end")
		return nil
	}
}

// await takes the next event, which must be of the type.
func await[E execapi.Event](c *conversation) E {
	c.t.Helper()
	var none E
	select {
	case event := <-c.events:
		wanted, is := event.(E)
		require.Truef(c.t, is, "got %T %+v, want %T", event, event, none)
		return wanted
	case err := <-c.ended:
		c.ended <- err
		c.t.Fatalf("Run ended with: %v", err)
	case <-time.After(patience):
		c.t.Fatalf("no event came, want %T", none)
	}
	return none
}
