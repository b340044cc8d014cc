package wire

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Shortcut is a listener in front of an HTTP server that answers plain requests itself: POSTs of protobuf to one path that are
// to be answered with 202 and no body. Several that a client has sent without waiting for answers are taken together, and
// answered together. That costs a fraction of what the HTTP server takes for them, which matters where a benchmark shares a
// machine with us.
//
// Any other request, or one that is not taken, makes its connection the HTTP server's, for good, and the server reads the
// request as if nobody had read it before. So what clients see is the same with and without.
type Shortcut struct {
	listener net.Listener
	path     string
	take     func([]Plain) int

	through chan net.Conn // to the HTTP server
	closed  chan struct{}
	once    sync.Once
	mu      sync.Mutex
	conns   map[net.Conn]bool // those that are not the HTTP server's
}

// Plain is one request.
type Plain struct {
	StreamID string // the header Mesos-Stream-Id
	Body     []byte // valid until take returns
	length   int    // of the whole request
}

// NewShortcut begins to accept connections; Close ends that. take says how many of the requests, from the first on, are to be
// answered with 202; it is called by several goroutines.
func NewShortcut(l net.Listener, path string, take func([]Plain) int) *Shortcut {
	s := &Shortcut{
		listener: l, path: path, take: take, through: make(chan net.Conn), closed: make(chan struct{}), conns: map[net.Conn]bool{},
	}
	go s.accept() // ends with Close
	return s
}

// Accept is net.Listener's: connections that are the HTTP server's from now on.
func (s *Shortcut) Accept() (net.Conn, error) {
	select {
	case nc := <-s.through:
		return nc, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

// Addr is net.Listener's.
func (s *Shortcut) Addr() net.Addr { return s.listener.Addr() }

// Close is net.Listener's. Connections that are not the HTTP server's are closed.
func (s *Shortcut) Close() error {
	s.once.Do(func() { close(s.closed) })
	err := s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for nc := range s.conns {
		nc.Close() // nobody is served any more
	}
	return err
}

func (s *Shortcut) accept() {
	for {
		nc, err := s.listener.Accept()
		if err != nil {
			s.once.Do(func() { close(s.closed) })
			return
		}
		if s.keep(nc) {
			go s.serve(nc) // ends with the connection, or when it is handed over
		}
	}
}

// keep makes sure that Close closes a connection. False means that it has been closed.
func (s *Shortcut) keep(nc net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closed:
		nc.Close() // nobody is served any more
		return false
	default:
		s.conns[nc] = true
		return true
	}
}

// The most that is taken together.
const (
	maxTaken    = 64 << 10 // bytes
	maxRequests = 64
)

// serve answers what is plain on a connection.
func (s *Shortcut) serve(nc net.Conn) {
	r := bufio.NewReaderSize(nc, maxTaken)
	var requests []Plain
	var out []byte
	for {
		var plain bool
		if requests, plain = s.whole(r, requests[:0]); plain && len(requests) == 0 {
			if _, err := r.Peek(r.Buffered() + 1); err != nil {
				s.pass(nc, r) // also when that is too much: it is the HTTP server's to say so
				return
			}
			continue
		}
		taken := 0
		if len(requests) > 0 {
			taken = s.take(requests)
		}
		out = out[:0]
		for _, request := range requests[:taken] {
			out = appendAccepted(out)
			r.Discard(request.length) // it is there
		}
		if _, err := nc.Write(out); err != nil {
			s.forget(nc)
			nc.Close() // the client has gone
			return
		}
		if !plain || taken < len(requests) {
			s.pass(nc, r)
			return
		}
	}
}

// whole finds the plain requests that have been read, up to one that is not all there (plain), or not plain.
func (s *Shortcut) whole(r *bufio.Reader, requests []Plain) (found []Plain, plain bool) {
	b, _ := r.Peek(r.Buffered()) // what is there is there
	for len(requests) < maxRequests && len(b) > 0 {
		request, ok := s.parse(b)
		if !ok || request.length == 0 {
			return requests, ok
		}
		b = b[request.length:]
		requests = append(requests, request)
	}
	return requests, true
}

// pass makes a connection the HTTP server's, with what was read of it and is not answered.
func (s *Shortcut) pass(nc net.Conn, r io.Reader) {
	s.forget(nc)
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		nc.Close() // a listener of ours has no others
		return
	}
	select {
	case s.through <- &bottle{TCPConn: tcp, r: r}:
	case <-s.closed:
		nc.Close() // nobody is served any more
	}
}

func (s *Shortcut) forget(nc net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, nc)
}

// parse reads one request. Length 0 means that it is not all there yet; not ok, that it is not plain.
func (s *Shortcut) parse(b []byte) (request Plain, ok bool) {
	head := bytes.Index(b, []byte("\r\n\r\n"))
	if head < 0 {
		return request, true
	}
	line, rest, _ := bytes.Cut(b[:head], []byte("\r\n"))
	if method, target, _ := bytes.Cut(line, []byte(" ")); string(method) != http.MethodPost || string(target) != s.path+" HTTP/1.1" {
		return request, false
	}
	var size uint64
	var hosted, typed bool
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, text, _ := bytes.Cut(line, []byte(":"))
		text = bytes.TrimSpace(text)
		is := func(header string) bool { return len(name) == len(header) && strings.EqualFold(string(name), header) }
		switch {
		case is("Host") && !hosted:
			hosted = true
		case is("User-Agent"), is("Accept"), is("Accept-Encoding"): // nothing depends on them
		case is("Content-Type") && string(text) == TypeProtobuf:
			typed = true
		case is("Mesos-Stream-Id") && request.StreamID == "":
			request.StreamID = string(text)
		case is("Content-Length") && size == 0:
			size, _ = strconv.ParseUint(string(text), 10, 16) // 0 is not plain
		default:
			return request, false
		}
	}
	begin := head + len("\r\n\r\n")
	end := begin + int(size)
	switch {
	case size == 0 || !typed || !hosted || end > maxTaken:
		return request, false
	case len(b) < end:
		return Plain{}, true
	}
	request.Body, request.length = b[begin:end], end
	return request, true
}

func appendAccepted(out []byte) []byte {
	out = append(out, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nDate: "...)
	out = time.Now().UTC().AppendFormat(out, http.TimeFormat)
	return append(out, "\r\n\r\n"...)
}
