//go:build bench

package peers_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	v1 "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/framing"
	"github.com/mesos/mesos-go/api/v1/lib/recordio"
	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/require"

	"k8s-framework/test/bench/events"
)

const (
	// patience is longer than anything takes that works.
	patience = 30 * time.Second
	// defaultHeartbeat is Mesos's own. Nobody sends one: no benchmark is silent for two and a half of them.
	defaultHeartbeat = 15 * time.Second
)

// master answers SUBSCRIBE with a stream, and any other call with 202 in the order of their coming, without looking into it.
type master struct {
	net.Listener
	heartbeat time.Duration
	// streams are the subscriptions, as they come. Beyond its capacity, subscribing waits.
	streams chan *stream

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	// last is the last call, and missing is how many have still to come until reached is told.
	last    []byte
	missing int
	reached chan struct{}
}

func newMaster(tb testing.TB, heartbeat time.Duration) *master {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	return serve(tb, listener, heartbeat)
}

// serve begins to answer at a listener.
func serve(tb testing.TB, listener net.Listener, heartbeat time.Duration) *master {
	m := &master{
		Listener: listener, heartbeat: heartbeat, streams: make(chan *stream, 1000),
		conns: map[net.Conn]struct{}{}, reached: make(chan struct{}, 1),
	}
	go func() {
		for {
			conn, err := m.Accept()
			if err != nil {
				return
			}
			m.mu.Lock()
			m.conns[conn] = struct{}{}
			m.mu.Unlock()
			go m.serve(conn)
		}
	}()
	tb.Cleanup(m.die)
	return m
}

func (m *master) address() string { return m.Addr().String() }

// die closes everything; who connects again is refused.
func (m *master) die() {
	m.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	for conn := range m.conns {
		conn.Close()
	}
}

// serve ends with the connection, or with the SUBSCRIBE, after which nobody but the benchmark writes to it.
func (m *master) serve(conn net.Conn) {
	in, out := bufio.NewReaderSize(conn, 64<<10), bufio.NewWriter(conn)
	var body bytes.Buffer
	for {
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
		request, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body.Reset()
		if _, err := body.ReadFrom(request.Body); err != nil {
			return
		}
		// Every call but SUBSCRIBE names the stream that it belongs to.
		if request.Header.Get("Mesos-Stream-Id") == "" {
			m.subscribe(&stream{Conn: conn, media: encoding.MediaType(request.Header.Get("Content-Type"))})
			return
		}
		m.count(body.Bytes())
		_, _ = out.WriteString("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
	}
}

func (m *master) subscribe(s *stream) {
	interval := m.heartbeat.Seconds()
	said, err := chunks(s.media, &v1sched.Event{Type: v1sched.Event_SUBSCRIBED, Subscribed: &v1sched.Event_Subscribed{
		FrameworkID: &v1.FrameworkID{Value: events.Framework}, HeartbeatIntervalSeconds: &interval,
	}})
	if err != nil {
		return
	}
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: %s\r\nMesos-Stream-Id: 1\r\nTransfer-Encoding: chunked\r\n\r\n", s.media)
	if _, err := s.Write(append([]byte(head), said...)); err == nil {
		s.at = time.Now()
		m.streams <- s
	}
}

func (m *master) count(call []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = append(m.last[:0], call...)
	if m.missing--; m.missing == 0 {
		m.reached <- struct{}{}
	}
}

// subscribed waits for the next subscription.
func (m *master) subscribed(tb testing.TB) *stream {
	tb.Helper()
	select {
	case s := <-m.streams:
		return s
	case <-time.After(patience):
		tb.Fatal("nobody subscribes")
		return nil
	}
}

// play sends bytes on a stream, and waits until that many calls have answered.
func (m *master) play(tb testing.TB, s *stream, bytes []byte, calls int) {
	m.mu.Lock()
	m.missing = calls
	m.mu.Unlock()
	if _, err := s.Write(bytes); err != nil {
		tb.Fatal(err)
	}
	select {
	case <-m.reached:
	case <-time.After(patience):
		m.mu.Lock()
		defer m.mu.Unlock()
		tb.Fatalf("%d of %d calls did not come", m.missing, calls)
	}
}

// lastCall is the call that came last.
func (m *master) lastCall(tb testing.TB, media encoding.MediaType) *v1sched.Call {
	m.mu.Lock()
	defer m.mu.Unlock()
	var call v1sched.Call
	frame := func() framing.Reader {
		return framing.ReaderFunc(func() ([]byte, error) { return m.last, nil })
	}
	require.NoError(tb, codecs.ByMediaType[media].NewDecoder(frame).Decode(&call))
	return &call
}

// stream is the connection of a subscription.
type stream struct {
	net.Conn
	media encoding.MediaType
	at    time.Time // when SUBSCRIBE was answered
}

// chunks are events as they come over the wire: each a RecordIO frame, in an HTTP chunk of its own.
func chunks(media encoding.MediaType, events ...*v1sched.Event) ([]byte, error) {
	var all, one bytes.Buffer
	encoder := codecs.ByMediaType[media].NewEncoder(func() framing.Writer { return recordio.NewWriter(&one) })
	for _, event := range events {
		one.Reset()
		if err := encoder.Encode(event); err != nil {
			return nil, err
		}
		fmt.Fprintf(&all, "%x\r\n", one.Len())
		all.Write(one.Bytes())
		all.WriteString("\r\n")
	}
	return all.Bytes(), nil
}
