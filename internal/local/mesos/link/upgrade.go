package link

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Path is where the master accepts links.
const Path = "/link"

// PingPath is where an agent answers a GET with 200 in every phase of its life, also while it recovers and has no link. A
// real master's pings reach an agent in that phase, so a master that has no link with an agent that it watches asks here.
const PingPath = "/link/ping"

const protocol = "mesos-link"

// ErrNotLeading is returned by Dial when the master answers but does not lead. The agent asks the detector again.
var ErrNotLeading = errors.New("the master does not lead")

// Dial opens a connection to the master at addr (host:port). ctx bounds the dial and the upgrade only. A caller that
// wants another source address or another dialer can use Client.
func Dial(ctx context.Context, addr string) (*Conn, error) {
	nc, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("link to master %s: %w", addr, err)
	}
	c, err := Client(ctx, nc, addr)
	if err != nil {
		nc.Close() // the first error is the interesting one
		return nil, fmt.Errorf("link to master %s: %w", addr, err)
	}
	return c, nil
}

// Client asks for the upgrade on a connection that is open. On an error the connection is the caller's to close.
func Client(ctx context.Context, nc net.Conn, host string) (*Conn, error) {
	deadline := time.Now().Add(10 * time.Second)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if err := nc.SetDeadline(deadline); err != nil {
		return nil, fmt.Errorf("upgrade: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) }) // ends the wait
	defer stop()
	_, err := fmt.Fprintf(nc, "POST %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: %s\r\nContent-Length: 0\r\n\r\n",
		Path, host, protocol)
	if err != nil {
		return nil, fmt.Errorf("upgrade: %w", err)
	}
	r := bufio.NewReaderSize(nc, 1024)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, fmt.Errorf("upgrade: %w", err)
	}
	switch resp.StatusCode {
	case http.StatusSwitchingProtocols:
	case http.StatusServiceUnavailable, http.StatusTemporaryRedirect:
		return nil, ErrNotLeading
	default:
		return nil, fmt.Errorf("upgrade: the answer is %s, expected 101", resp.Status)
	}
	if !stop() {
		return nil, fmt.Errorf("upgrade: %w", ctx.Err())
	}
	if err := nc.SetDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("upgrade: %w", err)
	}
	return NewConn(nc, r), nil
}

// Accept answers the upgrade request of an agent and takes the connection over from the HTTP server. On an error the
// request has been answered.
func Accept(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	if r.Method != http.MethodPost || r.Header.Get("Upgrade") != protocol {
		http.Error(w, "Expecting POST with 'Upgrade: "+protocol+"'", http.StatusBadRequest)
		return nil, fmt.Errorf("link from %s: no upgrade request", r.RemoteAddr)
	}
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return nil, fmt.Errorf("link from %s: %w", r.RemoteAddr, err)
	}
	if err := nc.SetDeadline(time.Time{}); err != nil {
		nc.Close() // it is broken already
		return nil, fmt.Errorf("link from %s: %w", r.RemoteAddr, err)
	}
	_, err = fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol)
	if err != nil {
		nc.Close() // it is broken already
		return nil, fmt.Errorf("link from %s: %w", r.RemoteAddr, err)
	}
	return NewConn(nc, rw.Reader), nil
}
