package zk

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The operations that the proxy is asked to disturb, by their numbers in ZooKeeper's protocol.
const (
	opCreate  = 1
	opGetData = 4
	opMulti   = 14
	opClose   = -11
)

// proxy stands between one client and the server and does to the connection what networks do. It understands frames: a
// length of four bytes, then, except in the first of each direction, the request's number and from clients the operation.
type proxy struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	conns map[net.Conn]bool
	// silent: what comes is read and forgotten. refusing: connections are closed at once.
	silent, refusing bool
	// lose breaks the connection at the next request of this operation: before it is passed on, or before its answer is.
	lose       int32
	loseAnswer bool
	lost       chan struct{}
	// session is the last connect response: who knows it can take the session over.
	session []byte
}

func newProxy(tb testing.TB, target string) *proxy {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	p := &proxy{listener: listener, target: target, conns: map[net.Conn]bool{}}
	tb.Cleanup(func() { listener.Close(); p.cut() })
	go p.accept()
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// silence makes the connection, and all new ones, swallow everything.
func (p *proxy) silence(on bool) { p.set(func() { p.silent = on }) }

// refuse closes every connection, and all new ones.
func (p *proxy) refuse(on bool) {
	p.set(func() { p.refusing = on })
	if on {
		p.cut()
	}
}

// loseNext breaks the connection at the next request of the operation. The channel is closed when that has happened.
func (p *proxy) loseNext(operation int32, answer bool) <-chan struct{} {
	lost := make(chan struct{})
	p.set(func() { p.lose, p.loseAnswer, p.lost = operation, answer, lost })
	return lost
}

func (p *proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		conn.Close()
	}
	clear(p.conns)
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		p.mu.Lock()
		if err != nil || p.refusing {
			client.Close()
			if server != nil {
				server.Close()
			}
		} else {
			p.conns[client], p.conns[server] = true, true
			awaited := make(chan int32, 1)
			go p.pass(client, server, func(n int, frame []byte) bool { return p.request(n, frame, awaited) })
			go p.pass(server, client, func(n int, frame []byte) bool { return p.answer(n, frame, awaited) })
		}
		p.mu.Unlock()
	}
}

// pass copies frames until one end closes or allow says no.
func (p *proxy) pass(from, to net.Conn, allow func(n int, frame []byte) bool) {
	defer from.Close()
	defer to.Close()
	for n := 0; ; n++ {
		frame := make([]byte, 4)
		if _, err := io.ReadFull(from, frame); err != nil {
			return
		}
		frame = append(frame, make([]byte, binary.BigEndian.Uint32(frame))...)
		if _, err := io.ReadFull(from, frame[4:]); err != nil {
			return
		}
		if !allow(n, frame) {
			return
		}
		p.mu.Lock()
		silent := p.silent
		p.mu.Unlock()
		if silent {
			continue
		}
		if _, err := to.Write(frame); err != nil {
			return
		}
	}
}

func (p *proxy) request(n int, frame []byte, awaited chan<- int32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n == 0 || p.lose == 0 || int32(binary.BigEndian.Uint32(frame[8:])) != p.lose {
		return true
	}
	p.lose = 0
	if p.loseAnswer {
		awaited <- int32(binary.BigEndian.Uint32(frame[4:]))
		return true
	}
	close(p.lost)
	return false
}

func (p *proxy) answer(n int, frame []byte, awaited chan int32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n == 0 {
		p.session = frame
		return true
	}
	select {
	case number := <-awaited:
		if int32(binary.BigEndian.Uint32(frame[4:])) == number {
			close(p.lost)
			return false
		}
		awaited <- number
	default:
	}
	return true
}

// expire ends the client's session at the server, as if it had not been heard of for long: it takes the session over on
// another connection, and closes it. A busy server drops a handshake now and then.
func (p *proxy) expire(tb testing.TB) {
	tb.Helper()
	err := p.endSession()
	for attempt := 1; errors.Is(err, io.EOF) && attempt < 5; attempt++ {
		err = p.endSession()
	}
	require.NoError(tb, err)
}

// expireUntil does so until over is closed: a client that is quick may take its session back meanwhile.
func (p *proxy) expireUntil(tb testing.TB, over <-chan struct{}) {
	tb.Helper()
	var last error
	for range 40 {
		last = p.endSession()
		select {
		case <-over:
			return
		case <-time.After(500 * time.Millisecond):
		}
	}
	require.FailNow(tb, "the session does not end", "%v", last)
}

func (p *proxy) endSession() error {
	p.mu.Lock()
	if len(p.session) < 40 {
		p.mu.Unlock()
		return errors.New("there is no session yet")
	}
	session := p.session[12:40] // id, length of the password, password
	p.mu.Unlock()
	conn, err := net.Dial("tcp", p.target)
	if err != nil {
		return err
	}
	defer conn.Close()
	// Protocol version, last zxid seen, timeout, session id, password.
	request := append(make([]byte, 4+8), 0, 0, 0x27, 0x10)
	request = append(request, session...)
	write := func(body []byte) error {
		_, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
		return err
	}
	if err := write(request); err != nil {
		return err
	}
	head := make([]byte, 4)
	if _, err := io.ReadFull(conn, head); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, make([]byte, binary.BigEndian.Uint32(head))); err != nil {
		return err
	}
	closing := int32(opClose)
	if err := write(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 1), uint32(closing))); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, conn) // until the server has done it
	return nil
}
