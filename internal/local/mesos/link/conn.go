package link

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// ErrClosed is returned by Send and Receive after Close, or after the peer has closed the connection.
var ErrClosed = errors.New("link is closed")

// maxQueued bounds what waits for a peer that does not read. A stopped (SIGSTOP) peer keeps its connection open; its
// kernel buffers fill up, then this queue. Beyond it the connection is given up, as a TCP connection would be.
const maxQueued = 64 << 20

// Conn is one end of a connection between a master and an agent. Its methods may be called from several goroutines, but
// only one may call Receive.
type Conn struct {
	nc  net.Conn
	raw syscall.RawConn // nil where there is no socket below
	r   *bufio.Reader

	// The lock is held for appending to the queue only, never while writing.
	mu       sync.Mutex
	queue    bytes.Buffer
	flushing bool
	closing  bool // CloseAfterSend was called
	err      error
}

// NewConn makes a Conn of a connection on which the upgrade has been done already (or of a net.Pipe in a test). r may
// hold bytes that were read together with the upgrade; nil means that there are none.
func NewConn(nc net.Conn, r *bufio.Reader) *Conn {
	if r == nil {
		r = bufio.NewReaderSize(nc, 1024)
	}
	c := &Conn{nc: nc, r: r}
	if s, ok := nc.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			c.raw = raw
		}
	}
	return c
}

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// LocalAddr is our own address. An agent that listens on every interface is known to the master by it.
func (c *Conn) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// Send hands one message to the kernel, or, when that would wait, queues it; in any case it comes behind those that were
// sent before. It does not wait for the peer: an error means that the connection is closed, no error means nothing about
// the message's arrival. (What the kernel has taken is sent even when the process ends at once.)
func (c *Conn) Send(m Message) error {
	line, err := encode(m)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if c.queue.Len()+len(line) > maxQueued {
		c.fail(fmt.Errorf("%w: the peer at %v does not read: %d bytes wait", ErrClosed, c.nc.RemoteAddr(), c.queue.Len()))
		return c.err
	}
	if !c.flushing {
		line = line[c.writeNow(line):]
	}
	if len(line) == 0 {
		return nil
	}
	c.queue.Write(line)
	if !c.flushing {
		c.flushing = true
		// Owner: this Conn. It ends when the queue is empty or the connection is closed.
		go c.flush()
	}
	return nil
}

// writeNow writes what the kernel takes without waiting. The lock is held and nothing is queued.
func (c *Conn) writeNow(line []byte) (n int) {
	if c.raw == nil {
		return 0
	}
	c.raw.Write(func(fd uintptr) bool { // whoever writes the rest gets the error
		n, _ = syscall.Write(int(fd), line)
		return true
	})
	return max(n, 0)
}

// flush writes what is queued until nothing is.
func (c *Conn) flush() {
	var out bytes.Buffer
	for {
		c.mu.Lock()
		if c.err != nil || c.queue.Len() == 0 {
			c.flushing = false
			if c.err == nil && c.closing {
				c.fail(ErrClosed)
			}
			c.queue = bytes.Buffer{} // an idle connection keeps no buffer
			c.mu.Unlock()
			return
		}
		c.queue, out = out, c.queue
		c.queue.Reset()
		c.mu.Unlock()
		if _, err := c.nc.Write(out.Bytes()); err != nil {
			c.mu.Lock()
			c.fail(fmt.Errorf("%w: write: %w", ErrClosed, err))
			c.mu.Unlock()
		}
	}
}

// fail closes the connection for the given reason. The lock is held.
func (c *Conn) fail(err error) {
	if c.err == nil {
		c.err = err
		c.nc.Close() // there is nobody left to whom it would matter
	}
}

// Receive waits for the peer's next message. Its error is final: the connection is closed, or the peer does not speak
// our language. A message of a kind that this version does not know is returned as *Unknown and not as an error.
func (c *Conn) Receive() (Message, error) {
	line, err := c.r.ReadBytes('\n')
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.err != nil {
			return nil, c.err
		}
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: %w", ErrClosed, io.EOF)
		} else {
			err = fmt.Errorf("%w: read: %w", ErrClosed, err)
		}
		c.fail(err)
		return nil, err
	}
	m, err := decode(line)
	if err != nil {
		err = fmt.Errorf("from %v: %w", c.nc.RemoteAddr(), err)
		c.mu.Lock()
		c.fail(err)
		c.mu.Unlock()
	}
	return m, err
}

// SetReadDeadline bounds the next Receive; the zero time removes the bound.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.nc.SetReadDeadline(t) }

// Close closes the connection at once; what is queued may be lost.
func (c *Conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail(ErrClosed)
}

// CloseAfterSend closes the connection as soon as everything that was sent before has been handed to the kernel.
func (c *Conn) CloseAfterSend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	if !c.flushing {
		c.fail(ErrClosed)
	}
}

type envelope struct {
	Kind string          `json:"kind"`
	Body json.RawMessage `json:"body"`
}

// encode makes one line of a message.
func encode(m Message) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.Kind(), err)
	}
	line, err := json.Marshal(envelope{Kind: m.Kind(), Body: body})
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.Kind(), err)
	}
	return append(line, '\n'), nil
}

// decode is the reverse of encode.
func decode(line []byte) (Message, error) {
	var e envelope
	if err := json.Unmarshal(line, &e); err != nil {
		return nil, fmt.Errorf("decode a message: %w", err)
	}
	m := blank(e.Kind)
	if m == nil {
		return &Unknown{Name: e.Kind, Body: e.Body}, nil
	}
	if err := json.Unmarshal(e.Body, m); err != nil {
		return nil, fmt.Errorf("decode %s: %w", e.Kind, err)
	}
	return m, nil
}
