package wire

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// room is how much of what is posted may wait for a Flush before it is written anyway.
const room = 64 << 10

// Pipeline posts messages to one URL, on one connection and in their order, without waiting for an answer before the next is sent
// (RFC 9112, section 9.3.2). Mesos's own scheduler library talks to the master in this way. A request is never sent twice.
//
// The connection is made when it is needed and when the one before it has broken. Its methods may be called from any goroutine.
type Pipeline struct {
	address string
	tls     *tls.Config // nil: plain HTTP
	dialer  net.Dialer
	// head is a request up to the value of its Content-Length.
	head []byte

	// life ends with Close; its cause is the reason.
	life context.Context
	cut  context.CancelCauseFunc

	mu   sync.Mutex
	link *link // nil: there is none
}

// NewPipeline makes a pipeline; it does not connect. target is an http or https URL with a port, header is added to each request as
// it is.
func NewPipeline(target string, header http.Header, tlsConfig *tls.Config, dialTimeout time.Duration) (*Pipeline, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	life, cut := context.WithCancelCause(context.Background())
	p := &Pipeline{life: life, cut: cut, address: to.Host, dialer: net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}}
	if to.Scheme == "https" {
		p.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		if tlsConfig != nil {
			p.tls = tlsConfig.Clone()
		}
		p.tls.ServerName = to.Hostname()
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "POST %s HTTP/1.1\r\nHost: %s\r\n", to.RequestURI(), to.Host)
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", MediaType)
	header.Set("Accept", MediaType)
	if err := header.Write(&head); err != nil {
		return nil, err
	}
	head.WriteString("Content-Length: ")
	p.head = head.Bytes()
	return p, nil
}

// Answer is what will be answered to one request.
type Answer struct {
	link     *link
	deadline time.Time
	limit    time.Duration
	done     chan struct{} // closed when the rest is set
	status   int
	text     string
	err      error
}

// Post sends a message, at the latest when the Answer is waited for. It is refused with an error in the Answer if it could not be
// sent. limit is from now until the answer has come.
func (p *Pipeline) Post(message Marshaler, limit time.Duration) *Answer {
	a := &Answer{limit: limit, deadline: time.Now().Add(limit), done: make(chan struct{})}
	body, err := message.Marshal()
	if err != nil {
		return a.fail(fmt.Errorf("encode message: %w", err))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l, err := p.connected(a.deadline)
	if err != nil {
		return a.fail(err)
	}
	l.post(a, p.head, body)
	return a
}

// connected is the connection, a new one if need be. The lock is held.
func (p *Pipeline) connected(deadline time.Time) (*link, error) {
	if p.life.Err() != nil {
		return nil, context.Cause(p.life)
	}
	if p.link != nil && !p.link.broken() {
		return p.link, nil
	}
	ctx, cancel := context.WithDeadline(p.life, deadline)
	defer cancel()
	var connection net.Conn
	var err error
	if p.tls != nil {
		connection, err = (&tls.Dialer{NetDialer: &p.dialer, Config: p.tls}).DialContext(ctx, "tcp", p.address)
	} else {
		connection, err = p.dialer.DialContext(ctx, "tcp", p.address)
	}
	if cause := context.Cause(p.life); cause != nil && err != nil {
		return nil, cause
	}
	if err != nil {
		return nil, err
	}
	p.link = newLink(connection)
	return p.link, nil
}

// Close ends the connection: what is not answered yet fails with the reason, as does all that is posted later.
func (p *Pipeline) Close(reason error) {
	p.cut(reason) // which also ends an attempt to connect
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.link != nil {
		p.link.end(reason)
	}
}

// Wait returns status and text of the answer, or why there is none: then it is not known whether the request was performed. An
// answer that does not come in time ends the connection, and with it the waiting for all later answers. When ctx ends first, the error
// is its cause, and the answer may still come.
func (a *Answer) Wait(ctx context.Context) (status int, text string, err error) {
	select {
	case <-a.done: // the rule, when answers are waited for in their order
		return a.status, a.text, a.err
	default:
	}
	a.link.flush(a.deadline)
	timer := time.NewTimer(time.Until(a.deadline))
	defer timer.Stop()
	select {
	case <-a.done:
	case <-ctx.Done():
		return 0, "", context.Cause(ctx)
	case <-timer.C:
		a.link.end(fmt.Errorf("no answer within %v: %w", a.limit, context.DeadlineExceeded))
		<-a.done
	}
	return a.status, a.text, a.err
}

func (a *Answer) fail(err error) *Answer {
	a.err = err
	close(a.done)
	return a
}

// link is one connection.
type link struct {
	connection net.Conn

	writing sync.Mutex // over what is written, and its order in waiting
	writer  *bufio.Writer

	mu      sync.Mutex
	waiting []*Answer
	reason  error // of the end
}

func newLink(connection net.Conn) *link {
	l := &link{connection: connection, writer: bufio.NewWriterSize(connection, room)}
	go l.read() // until the connection ends
	return l
}

func (l *link) broken() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reason != nil
}

// post writes a request; the answer's link is set before anybody can wait for it.
func (l *link) post(a *Answer, head, body []byte) {
	l.writing.Lock()
	defer l.writing.Unlock()
	a.link = l
	l.mu.Lock()
	if l.reason != nil {
		a.fail(l.reason)
		l.mu.Unlock()
		return
	}
	l.waiting = append(l.waiting, a)
	l.mu.Unlock()
	l.write(a.deadline, func() error {
		_, _ = l.writer.Write(head)
		_, _ = l.writer.Write(strconv.AppendInt(l.writer.AvailableBuffer(), int64(len(body)), 10))
		_, _ = l.writer.WriteString("\r\n\r\n")
		_, err := l.writer.Write(body) // a bufio.Writer keeps its first error
		return err
	})
}

// flush sends what was kept back.
func (l *link) flush(deadline time.Time) {
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.writer.Buffered() > 0 {
		l.write(deadline, l.writer.Flush)
	}
}

// write writes until the deadline. A peer that takes nothing any more has a connection that is of no use.
func (l *link) write(deadline time.Time, write func() error) {
	err := l.connection.SetWriteDeadline(deadline)
	if err == nil {
		err = write()
	}
	if err != nil {
		l.end(fmt.Errorf("the connection broke: %w", err))
	}
}

// read takes the answers, until the connection ends.
func (l *link) read() {
	reader := bufio.NewReaderSize(l.connection, room)
	for {
		if _, err := reader.Peek(1); err != nil {
			l.end(fmt.Errorf("the connection broke: %w", err))
			return
		}
		l.mu.Lock()
		if len(l.waiting) == 0 {
			l.mu.Unlock()
			l.end(errors.New("the peer answers what was not asked"))
			return
		}
		a := l.waiting[0]
		l.waiting = l.waiting[1:]
		l.mu.Unlock()
		response, err := http.ReadResponse(reader, &http.Request{Method: http.MethodPost})
		if err != nil {
			a.fail(l.end(fmt.Errorf("the connection broke: %w", err)))
			return
		}
		a.status, a.text = response.StatusCode, Text(response)
		close(a.done)
		if response.Close {
			l.end(errors.New("the peer closed the connection after another answer"))
			return
		}
	}
}

// end ends the connection for a reason, and returns the one for which it has ended, which is the first.
func (l *link) end(reason error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reason != nil {
		return l.reason
	}
	l.reason = reason
	_ = l.connection.Close() // the reason is the interesting error
	for _, a := range l.waiting {
		a.fail(reason)
	}
	l.waiting = nil
	return reason
}
