//go:build bench

package drain_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
)

// meter counts the requests of a client, and the bytes of the answers that concern pods in lists and watches.
type meter struct {
	next http.RoundTripper

	mu     sync.Mutex
	counts map[string]int
	bytes  int64
}

func newMeter() *meter { return &meter{counts: map[string]int{}} }

func (m *meter) wrap(next http.RoundTripper) http.RoundTripper { m.next = next; return m }

// RoundTrip implements http.RoundTripper.
func (m *meter) RoundTrip(r *http.Request) (*http.Response, error) {
	kind := r.Method
	switch {
	case strings.HasSuffix(r.URL.Path, "/eviction"):
		kind = "evict"
	case r.URL.Query().Get("watch") != "":
		kind = "watch"
	}
	m.mu.Lock()
	m.counts[kind]++
	m.mu.Unlock()
	response, err := m.next.RoundTrip(r)
	if err == nil && strings.HasSuffix(r.URL.Path, "/pods") {
		response.Body = &meteredBody{response.Body, m}
	}
	return response, err
}

func (m *meter) total() (sum int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.counts {
		sum += n
	}
	return sum
}

func (m *meter) count(kind string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.counts[kind]
}

func (m *meter) read() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytes
}

// meteredBody adds what is read of an answer to a meter.
type meteredBody struct {
	io.ReadCloser
	meter *meter
}

// Read implements io.Reader.
func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.meter.mu.Lock()
	defer b.meter.mu.Unlock()
	b.meter.bytes += int64(n)
	return n, err
}
