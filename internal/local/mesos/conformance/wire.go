package conformance

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// answerTimeout bounds a request. It is long because an executor's call to a stopped agent is answered only when the
// agent goes on.
const answerTimeout = 60 * time.Second

// request is one HTTP request on a connection of its own.
type request struct {
	addr, method, path string
	headers            []string // "Name: value"
	body               string
}

// response is the answer to a request. Its connection stays open until close, so that a stream can be read and the end
// of a stream told from the end of a connection.
type response struct {
	status  string // "202 Accepted"
	code    int
	header  http.Header
	chunked bool
	body    io.Reader

	conn net.Conn
	raw  *bufio.Reader // what body reads from: for those who look at the chunks themselves
}

func (r *response) close() { _ = r.conn.Close() }

// do sends the request and reads the head of the response.
func (q request) do() (*response, error) {
	conn, err := net.DialTimeout("tcp", q.addr, 5*time.Second)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", q.addr, err)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\nHost: %s\r\n", q.method, q.path, q.addr)
	for _, h := range q.headers {
		out.WriteString(h + "\r\n")
	}
	if q.method != http.MethodGet || q.body != "" {
		fmt.Fprintf(&out, "Content-Length: %d\r\n", len(q.body))
	}
	out.WriteString("\r\n" + q.body)
	_ = conn.SetDeadline(time.Now().Add(answerTimeout))
	if _, err := conn.Write(out.Bytes()); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("send %s %s to %s: %w", q.method, q.path, q.addr, err)
	}
	raw := bufio.NewReader(conn)
	head, err := http.ReadResponse(raw, &http.Request{Method: q.method})
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("answer to %s %s from %s: %w", q.method, q.path, q.addr, err)
	}
	_ = conn.SetDeadline(time.Time{})
	return &response{
		status: head.Status, code: head.StatusCode, header: head.Header,
		chunked: len(head.TransferEncoding) > 0, body: head.Body, conn: conn, raw: raw,
	}, nil
}

// get returns a header as the recordings show it. Go keeps Transfer-Encoding apart.
func (r *response) get(name string) string {
	if name == "Transfer-Encoding" && r.chunked {
		return "chunked"
	}
	return r.header.Get(name)
}

// text reads the whole body and closes the connection.
func (r *response) text() (string, error) {
	defer r.close()
	_ = r.conn.SetReadDeadline(time.Now().Add(answerTimeout))
	data, err := io.ReadAll(r.body)
	return string(data), err
}

// records reads a stream of length, newline, bytes; it hands each record to take and returns how the stream ended, in
// the words of the recordings.
func (r *response) records(take func([]byte)) string {
	in := bufio.NewReader(r.body)
	for {
		data, err := readRecord(in)
		if err != nil {
			return r.ending(err)
		}
		take(data)
	}
}

func readRecord(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	length, err := strconv.Atoi(strings.TrimSuffix(line, "\n"))
	if err != nil {
		return nil, fmt.Errorf("length of a record: %w", err)
	}
	data := make([]byte, length)
	_, err = io.ReadFull(in, data)
	return data, err
}

// stayOpen is how long a connection must stay open after a last chunk to be called open. A replay waits for it.
const stayOpen = 20 * time.Millisecond

// ending tells a last chunk from a connection that just closed.
func (r *response) ending(err error) string {
	if !errors.Is(err, io.EOF) {
		return "EOF without a last chunk"
	}
	_ = r.conn.SetReadDeadline(time.Now().Add(stayOpen))
	var timeout net.Error
	if _, err := r.raw.ReadByte(); errors.As(err, &timeout) && timeout.Timeout() {
		return "last chunk (0), the connection stays open"
	}
	return "last chunk (0)"
}

// chunk reads one chunk as it is on the wire, instead of body.
func (r *response) chunk() (string, error) {
	_ = r.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	line, err := r.raw.ReadString('\n')
	if err != nil {
		return "", err
	}
	length, err := strconv.ParseInt(strings.TrimSpace(line), 16, 32)
	if err != nil {
		return "", fmt.Errorf("length of a chunk: %w", err)
	}
	data := make([]byte, length+2)
	_, err = io.ReadFull(r.raw, data)
	return string(data[:length]), err
}

// failureOf names an error that is no answer, in the words of the recordings.
func failureOf(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "ECONNREFUSED"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "ECONNRESET"
	}
	return err.Error()
}
