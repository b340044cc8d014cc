package wire

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/require"
)

// The table is 01's and 02a's.
func TestNegotiation(t *testing.T) {
	for _, c := range []struct {
		accept []string
		media  Media
		status int
	}{
		{nil, JSON, 0},
		{[]string{"application/json"}, JSON, 0},
		{[]string{"application/x-protobuf"}, Protobuf, 0},
		{[]string{"*/*"}, JSON, 0},
		{[]string{"application/x-protobuf, application/json;q=0.5"}, JSON, 0},
		{[]string{"application/json;q=0, application/*"}, JSON, 0},
		{[]string{"text/html"}, JSON, 406},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header["Accept"] = c.accept
		media, refusal := Accept(r)
		if c.status != 0 {
			require.Equal(t, c.status, refusal.Status)
			require.Equal(t, "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'", refusal.Text)
			continue
		}
		require.Nil(t, refusal)
		require.Equal(t, c.media, media, "%v", c.accept)
	}
	for contentType, status := range map[string]int{
		"": 400, "application/json": 0, "application/x-protobuf": 0, "application/json; charset=utf-8": 415, "text/plain": 415,
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Content-Type", contentType)
		_, refusal := ContentType(r)
		if status == 0 {
			require.Nil(t, refusal)
		} else {
			require.Equal(t, status, refusal.Status, "%s", contentType)
		}
	}
}

// One record is one chunk, and the end is the last chunk of a connection that stays open.
func TestStreamOnTheWire(t *testing.T) {
	stream := NewStream(JSON)
	stream.Send(&scheduler.Event{Type: scheduler.Event_HEARTBEAT})
	long := scheduler.Event{Type: scheduler.Event_ERROR, Error: &scheduler.Event_Error{Message: strings.Repeat("x", 5000)}}
	stream.Send(&long)
	stream.End()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			stream.Serve(r.Context(), w)
			return
		}
		NotFound().Write(w)
	}))
	defer srv.Close()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	require.NoError(t, err)
	defer c.Close() // a test's
	fmt.Fprint(c, "POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		if line == "\r\n" {
			break
		}
	}
	want := fmt.Sprintf("17\r\n20\n{\"type\":\"HEARTBEAT\"}\r\n%x\r\n5039\n", 5+5039)
	got := make([]byte, len(want))
	_, err = io.ReadFull(r, got)
	require.NoError(t, err)
	require.Equal(t, want, string(got))
	_, err = r.Discard(5039)
	require.NoError(t, err)
	end := make([]byte, 7)
	_, err = io.ReadFull(r, end)
	require.NoError(t, err)
	require.Equal(t, "\r\n0\r\n\r\n", string(end))
	fmt.Fprint(c, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
	resp, err := http.ReadResponse(r, nil)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 404, resp.StatusCode)
	require.Equal(t, "404 Not Found.", string(body))
	require.Equal(t, "text/plain; charset=utf-8", resp.Header.Get("Content-Type"))
}
