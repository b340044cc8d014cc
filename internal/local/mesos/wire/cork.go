package wire

import (
	"context"
	"io"
	"net"
)

// Corked makes connections on which a Stream can hold back what it writes: records that wait are still written one in a chunk,
// each flushed by HTTP, but go to the kernel together. ConnContext is to be the http.Server's.
type Corked struct{ net.Listener }

// Accept is net.Listener's.
func (l Corked) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if _, passed := nc.(*bottle); passed {
		return nc, nil // by a Shortcut
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		return &bottle{TCPConn: tcp}, nil
	}
	return nc, nil
}

// ConnContext is as in http.Server.
func (Corked) ConnContext(ctx context.Context, nc net.Conn) context.Context {
	return context.WithValue(ctx, bottleKey{}, nc)
}

type bottleKey struct{}

// bottleOf is the connection of a request, nil where it is none that can be corked.
func bottleOf(ctx context.Context) *bottle {
	b, _ := ctx.Value(bottleKey{}).(*bottle)
	return b
}

// maxHeld bounds what is held back.
const maxHeld = 64 << 10

// bottle is a connection that can be corked, by the goroutine that writes to it.
type bottle struct {
	*net.TCPConn
	r      io.Reader // what was read before, and then the connection; nil for the connection
	corked bool
	held   []byte
}

// Read reads.
func (b *bottle) Read(p []byte) (int, error) {
	if b.r != nil {
		return b.r.Read(p)
	}
	return b.TCPConn.Read(p)
}

// Write writes, or holds back while corked.
func (b *bottle) Write(p []byte) (int, error) {
	if !b.corked {
		return b.TCPConn.Write(p)
	}
	if len(b.held)+len(p) > maxHeld {
		if err := b.pour(); err != nil {
			return 0, err
		}
		if len(p) > maxHeld {
			return b.TCPConn.Write(p)
		}
	}
	b.held = append(b.held, p...)
	return len(p), nil
}

func (b *bottle) cork() {
	if b != nil {
		b.corked = true
	}
}

func (b *bottle) uncork() error {
	if b == nil {
		return nil
	}
	b.corked = false
	return b.pour()
}

func (b *bottle) pour() error {
	if len(b.held) == 0 {
		return nil
	}
	_, err := b.TCPConn.Write(b.held)
	b.held = b.held[:0]
	return err
}
