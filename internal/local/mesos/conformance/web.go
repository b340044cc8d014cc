package conformance

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// webServer serves what the fetcher of the recordings fetched. Sizes are the recorded ones.
type webServer struct {
	server *http.Server
	quit   chan struct{} // closed at the end: releases a stalled download

	mu   sync.Mutex // guards seen
	seen []string   // "GET /plain.txt", since the latest look
}

const (
	plainFile   = "plain\n"
	toolFile    = "#!/bin/sh\necho tool\n"
	packSize    = 197
	absentSize  = 335
	stallBefore = 1
)

func newWebServer(addr string) (*webServer, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("web server for the fetcher: %w", err)
	}
	pack, err := packFile()
	if err != nil {
		return nil, err
	}
	w := &webServer{quit: make(chan struct{})}
	files := map[string][]byte{"/plain.txt": []byte(plainFile), "/tool": []byte(toolFile), "/pack.tar.gz": pack}
	w.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(
		func(out http.ResponseWriter, q *http.Request) {
			w.mu.Lock()
			w.seen = append(w.seen, q.Method+" "+q.URL.Path)
			w.mu.Unlock()
			switch data, known := files[q.URL.Path]; {
			case known:
				out.Header().Set("Content-Length", fmt.Sprint(len(data)))
				_, _ = out.Write(data)
			case q.URL.Path == "/stall":
				w.stall(out, q)
			default:
				out.WriteHeader(http.StatusNotFound)
				_, _ = out.Write(bytes.Repeat([]byte("x"), absentSize))
			}
		})}
	go func() { _ = w.server.Serve(l) }() // ends with close
	return w, nil
}

// stall sends one byte of more and then nothing.
func (w *webServer) stall(out http.ResponseWriter, q *http.Request) {
	out.Header().Set("Content-Length", "1000")
	_, _ = out.Write(bytes.Repeat([]byte("x"), stallBefore))
	_ = http.NewResponseController(out).Flush()
	select {
	case <-w.quit:
	case <-q.Context().Done():
	}
}

func (w *webServer) close() {
	close(w.quit)
	_ = w.server.Close()
}

// look returns the requests since the latest look, in the form of the recordings.
func (w *webServer) look() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.seen, ", ")
}

func (w *webServer) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = nil
}

// sameRequests compares without order: downloads run beside each other.
func sameRequests(a, b string) bool {
	x, y := strings.Split(a, ", "), strings.Split(b, ", ")
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// packFile is an archive of inside/plain.txt, padded to the recorded size.
func packFile() ([]byte, error) {
	var archive bytes.Buffer
	t := tar.NewWriter(&archive)
	if err := t.WriteHeader(&tar.Header{Name: "inside/plain.txt", Mode: 0o644, Size: int64(len(plainFile))}); err != nil {
		return nil, err
	}
	if _, err := t.Write([]byte(plainFile)); err != nil {
		return nil, err
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	compress := func(comment string) ([]byte, error) {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		z.Comment = comment
		if _, err := z.Write(archive.Bytes()); err != nil {
			return nil, err
		}
		err := z.Close()
		return out.Bytes(), err
	}
	data, err := compress("")
	if missing := packSize - len(data) - 1; err == nil && missing > 0 {
		return compress(strings.Repeat("x", missing))
	}
	return data, err
}
