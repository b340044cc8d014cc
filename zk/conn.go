package zk

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"
)

// The connect response, the first frame that a server sends: its length, then protocol version, session timeout in
// milliseconds, session id and password, and in later versions a flag. Each number is big-endian.
const (
	lengthBytes   = 4
	timeoutOffset = lengthBytes + 4
	timeoutEnd    = timeoutOffset + 4
	leastResponse = 4 + 4 + 8 + 4
	mostResponse  = 256
)

// conn is a connection to a server that watches over the handshake. Until the server's first frame is complete, its
// deadline stands and go-zookeeper cannot move it. Reads are buffered: go-zookeeper makes two for each response.
type conn struct {
	net.Conn
	reader *bufio.Reader
	done   atomic.Bool // the handshake
	begun  time.Time
	head   []byte // of the first frame, as far as it is of interest
	read   int
	// One of these is called at the end of the handshake, from the goroutine that reads.
	shaken func(timeout time.Duration)
	silent func()
}

func newConn(plain net.Conn, deadline time.Time, shaken func(time.Duration), silent func()) (*conn, error) {
	if err := plain.SetDeadline(deadline); err != nil {
		return nil, err
	}
	return &conn{
		Conn:   plain,
		reader: bufio.NewReaderSize(plain, 64<<10),
		begun:  time.Now(),
		shaken: shaken,
		silent: silent,
	}, nil
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.reader.Read(p)
	if c.done.Load() {
		return n, err
	}
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.silent()
			return n, fmt.Errorf("%s did not answer the handshake within %s", c.RemoteAddr(), time.Since(c.begun).Round(time.Millisecond))
		}
		return n, fmt.Errorf("%s broke off the handshake: %w", c.RemoteAddr(), err)
	}
	if err := c.follow(p[:n]); err != nil {
		return 0, err // not n: who has read enough takes no notice of the error
	}
	return n, nil
}

// follow looks for the end of the handshake in what was read.
func (c *conn) follow(p []byte) error {
	c.read += len(p)
	if missing := timeoutEnd - len(c.head); missing > 0 {
		c.head = append(c.head, p[:min(missing, len(p))]...)
	}
	if len(c.head) < lengthBytes {
		return nil
	}
	// go-zookeeper would take this number for granted and allocate up to 4 GiB.
	length := binary.BigEndian.Uint32(c.head)
	if length < leastResponse || length > mostResponse {
		return fmt.Errorf("%s answers the handshake with a frame of %d bytes: it is no ZooKeeper server", c.RemoteAddr(), length)
	}
	if c.read < lengthBytes+int(length) {
		return nil
	}
	if err := c.Conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	c.done.Store(true)
	if timeout := int32(binary.BigEndian.Uint32(c.head[timeoutOffset:])); timeout > 0 { // 0: the session has expired
		c.shaken(time.Duration(timeout) * time.Millisecond)
	}
	return nil
}

// Write implements net.Conn. Its errors are made known as what they mean: go-zookeeper hands them as they are to whoever
// waits for the answer, while all others who wait are told that the connection is closed.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil {
		return n, fmt.Errorf("%w: %w", zk.ErrConnectionClosed, err)
	}
	return n, nil
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	if !c.done.Load() {
		return nil
	}
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error {
	if !c.done.Load() {
		return nil
	}
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if !c.done.Load() {
		return nil
	}
	return c.Conn.SetWriteDeadline(t)
}
