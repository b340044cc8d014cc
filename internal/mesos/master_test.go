package mesos_test

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
	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/mesos"
	"k8s-framework/scheduler"
)

const patience = 10 * time.Second

// master is an HTTP server on loopback that does on each request what the test says, and keeps what it was sent.
type master struct {
	*httptest.Server
	t *testing.T

	mu       sync.Mutex
	requests []request
	// onSubscribe serves SUBSCRIBE calls; the nth call (from 0) is told its number.
	onSubscribe func(n int, stream *stream)
	// onCall answers the others; nil: 202.
	onCall func(call *v1sched.Call, w http.ResponseWriter)
}

// request is one request as it came.
type request struct {
	call   *v1sched.Call
	header http.Header
	path   string
	remote string
}

// stream writes one subscription's response. It ends when the test's function returns.
type stream struct {
	t    *testing.T
	w    http.ResponseWriter
	call *v1sched.Call
	// gone is closed when the scheduler hangs up.
	gone <-chan struct{}
}

func newMaster(t *testing.T, onSubscribe func(n int, stream *stream)) *master {
	t.Helper()
	m := unstarted(t, onSubscribe)
	m.Start()
	return m
}

func unstarted(t *testing.T, onSubscribe func(n int, stream *stream)) *master {
	t.Helper()
	m := &master{t: t, onSubscribe: onSubscribe}
	m.Server = httptest.NewUnstartedServer(m)
	t.Cleanup(func() {
		m.CloseClientConnections()
		m.Close()
	})
	return m
}

func (m *master) address() string { return m.Listener.Addr().String() }

func (m *master) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	call := &v1sched.Call{}
	assert.NoError(m.t, call.Unmarshal(body))
	n := m.keep(request{call: call, header: r.Header.Clone(), path: r.URL.Path, remote: r.RemoteAddr})
	switch {
	case call.Type == v1sched.Call_SUBSCRIBE:
		m.onSubscribe(n, &stream{t: m.t, w: w, call: call, gone: r.Context().Done()})
	case m.onCall != nil:
		m.onCall(call, w)
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

// keep remembers a request; it returns how many SUBSCRIBE calls came before.
func (m *master) keep(r request) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, each := range m.requests {
		if each.call.Type == v1sched.Call_SUBSCRIBE {
			n++
		}
	}
	m.requests = append(m.requests, r)
	return n
}

// got is the requests of a type, in their order.
func (m *master) got(kind v1sched.Call_Type) []request {
	m.mu.Lock()
	defer m.mu.Unlock()
	var of []request
	for _, each := range m.requests {
		if each.call.Type == kind {
			of = append(of, each)
		}
	}
	return of
}

// accept answers 200 with a stream id.
func (s *stream) accept() {
	s.w.Header().Set("Mesos-Stream-Id", "stream-of-the-test")
	s.w.Header().Set("Content-Type", "application/x-protobuf")
	s.w.WriteHeader(http.StatusOK)
	s.flush()
}

func (s *stream) flush() { s.w.(http.Flusher).Flush() }

// raw sends bytes in one chunk.
func (s *stream) raw(bytes string) {
	_, _ = io.WriteString(s.w, bytes)
	s.flush()
}

// send sends an event in a frame.
func (s *stream) send(event *v1sched.Event) {
	frame, err := event.Marshal()
	assert.NoError(s.t, err)
	s.raw(fmt.Sprintf("%d\n%s", len(frame), frame))
}

// subscribed accepts and sends SUBSCRIBED; the id is the caller's own, or "framework-1".
func (s *stream) subscribed(heartbeat float64) {
	s.accept()
	id := "framework-1"
	if asked := s.call.GetFrameworkID(); asked != nil {
		id = asked.Value
	}
	s.send(&v1sched.Event{Type: v1sched.Event_SUBSCRIBED, Subscribed: &v1sched.Event_Subscribed{
		FrameworkID: &v1.FrameworkID{Value: id}, HeartbeatIntervalSeconds: &heartbeat,
	}})
}

func (s *stream) error(text string) {
	s.send(&v1sched.Event{Type: v1sched.Event_ERROR, Error: &v1sched.Event_Error{Message: text}})
}

// hold keeps the stream open, and silent, until the scheduler hangs up.
func (s *stream) hold() { <-s.gone }

// cut ends the TCP connection without the last chunk, as a master does that dies.
func (s *stream) cut() {
	connection, _, err := http.NewResponseController(s.w).Hijack()
	if err == nil {
		_ = connection.Close()
		return
	}
	panic(http.ErrAbortHandler) // what net/http offers after the response has begun
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// redirect answers as a standby does.
func redirect(w http.ResponseWriter, leader string) {
	w.Header().Set("Location", "//"+leader+"/master/api/v1/scheduler")
	w.WriteHeader(http.StatusTemporaryRedirect)
}

// conversation is a client whose Run is under way.
type conversation struct {
	t      *testing.T
	client *mesos.Client
	events chan scheduler.Event
	ended  chan error
	stop   context.CancelFunc
}

// talk runs a client until the test ends.
func talk(t *testing.T, options mesos.Options, framework scheduler.FrameworkID) *conversation {
	t.Helper()
	if options.Framework.User == "" {
		options.Framework = mesos.Framework{User: "root", Name: "test", Roles: []string{"workers"}, FailoverTimeout: time.Hour}
	}
	if options.Renderer == nil {
		options.Renderer = plain{}
	}
	client, err := mesos.New(options)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	c := &conversation{
		t: t, client: client, events: make(chan scheduler.Event, 1000), ended: make(chan error, 1), stop: cancel,
	}
	go func() { c.ended <- client.Run(ctx, framework, func(event scheduler.Event) { c.events <- event }) }()
	t.Cleanup(func() {
		cancel()
		c.end()
	})
	return c
}

// talkTo runs a client against one master.
// call sends a call and waits for its answer.
func (c *conversation) call(call scheduler.Call) error { return c.client.Send(c.t.Context(), call)() }

func talkTo(t *testing.T, address string) *conversation {
	t.Helper()
	return talk(t, mesos.Options{Leader: leading(t, address)}, "")
}

// leading names masters without a ZooKeeper.
func leading(t *testing.T, addresses ...string) mesos.Leader {
	t.Helper()
	leader, err := mesos.Static(addresses...)
	require.NoError(t, err)
	return leader
}

// end waits for Run's error.
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

// next waits for the next event.
func (c *conversation) next() scheduler.Event {
	c.t.Helper()
	select {
	case event := <-c.events:
		return event
	case err := <-c.ended:
		c.ended <- err
		c.t.Fatalf("Run ended with: %v", err)
	case <-time.After(patience):
		c.t.Fatal("no event came")
	}
	return nil
}

// await takes the next event, which must be of the type.
func await[E scheduler.Event](c *conversation) E {
	c.t.Helper()
	event := c.next()
	wanted, is := event.(E)
	require.Truef(c.t, is, "got %T %+v, want %T", event, event, wanted)
	return wanted
}

// closedPort is an address of loopback where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// plain renders the simplest executor.
type plain struct{}

func (plain) Executor(scheduler.Launch) (mesos.Executor, error) {
	return mesos.Executor{Command: "exec ./executor", Shell: true}, nil
}

func (plain) Drained(told scheduler.TellDrained) []byte { return []byte("drained " + told.Node) }

func (plain) Token(sent scheduler.SendToken) []byte { return []byte("token " + string(sent.Token)) }

func (plain) Reported(message []byte) (scheduler.Event, error) {
	return scheduler.ExecutorDraining{Why: string(message)}, nil
}
