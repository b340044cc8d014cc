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
	"time"

	"github.com/stretchr/testify/require"
)

// shortcutServer answers 202 to what is taken, and says what the HTTP server behind got to see.
func shortcutServer(t *testing.T) (addr string, taken *[]string) {
	t.Helper()
	taken = new([]string)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Write([]byte(r.Method + " " + r.URL.Path + " " + string(body))) // a test's
	}))
	srv.Listener = NewShortcut(srv.Listener, "/calls", func(requests []Plain) int {
		for i, r := range requests {
			if strings.HasPrefix(string(r.Body), "refused") {
				return i
			}
			*taken = append(*taken, r.StreamID+":"+string(r.Body))
		}
		return len(requests)
	})
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String(), taken
}

func plainRequest(body, more string) string {
	return fmt.Sprintf("POST /calls HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nMesos-Stream-Id: s\r\n%sContent-Length: %d\r\n\r\n%s",
		more, len(body), body)
}

// exchange sends pieces, waiting between two of them, and reads a number of answers.
func exchange(t *testing.T, addr string, answers int, pieces ...string) (got []string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer c.Close() // a test's
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	for i, piece := range pieces {
		if i > 0 {
			time.Sleep(5 * time.Millisecond) // so that it comes by itself, mostly
		}
		_, err := io.WriteString(c, piece)
		require.NoError(t, err)
	}
	r := bufio.NewReader(c)
	for range answers {
		resp, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NotEmpty(t, resp.Header.Get("Date"))
		got = append(got, fmt.Sprint(resp.StatusCode, " ", string(body)))
	}
	return got
}

func TestShortcutAnswersInOrder(t *testing.T) {
	addr, taken := shortcutServer(t)
	var all strings.Builder
	for i := range 1000 {
		all.WriteString(plainRequest(fmt.Sprint(i), "User-Agent: me\r\naccept: */*\r\n"))
	}
	text := all.String()
	for i, answer := range exchange(t, addr, 1000, text[:10], text[10:150], text[150:90000], text[90000:]) {
		require.Equal(t, "202 ", answer)
		require.Equal(t, fmt.Sprint("s:", i), (*taken)[i])
	}
}

// What is not plain, or not taken, is answered by the HTTP server, and so is all that follows on the connection.
func TestShortcutPassesOn(t *testing.T) {
	for name, last := range map[string]struct{ request, answer string }{
		"refused":           {plainRequest("refused", ""), "200 POST /calls refused"},
		"another header":    {plainRequest("b", "Authorization: Basic x\r\n"), "200 POST /calls b"},
		"another method":    {"GET /calls HTTP/1.1\r\nHost: x\r\n\r\n", "200 GET /calls "},
		"another path":      {strings.Replace(plainRequest("b", ""), "/calls", "/other", 1), "200 POST /other b"},
		"another type":      {strings.Replace(plainRequest("b", ""), "x-protobuf", "json", 1), "200 POST /calls b"},
		"no body":           {plainRequest("", ""), "200 POST /calls "},
		"chunks":            {"POST /calls HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n", "200 POST /calls b"},
		"a large body":      {plainRequest(strings.Repeat("b", 1<<20), ""), "200 POST /calls " + strings.Repeat("b", 1<<20)},
		"garbage":           {"garbage\r\n\r\n", "400 400 Bad Request"},
		"no host":           {strings.Replace(plainRequest("b", ""), "Host: x\r\n", "", 1), "400 400 Bad Request: missing required Host header"},
		"a length too many": {plainRequest("b", "Content-Length: 2\r\n"), "400 400 Bad Request"},
	} {
		t.Run(name, func(t *testing.T) {
			addr, taken := shortcutServer(t)
			c, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			defer c.Close() // a test's
			require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
			_, err = io.WriteString(c, plainRequest("1", "")+plainRequest("2", "")+last.request)
			require.NoError(t, err)
			answers := []string{"202 ", "202 ", last.answer}
			if !strings.HasPrefix(last.answer, "400") {
				_, err = io.WriteString(c, plainRequest("3", ""))
				require.NoError(t, err)
				answers = append(answers, "200 POST /calls 3")
			}
			r := bufio.NewReader(c)
			for _, want := range answers {
				resp, err := http.ReadResponse(r, nil)
				require.NoError(t, err)
				body, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				require.Equal(t, want, fmt.Sprint(resp.StatusCode, " ", string(body)))
			}
			require.Equal(t, []string{"s:1", "s:2"}, *taken)
		})
	}
}

// A server that is closed closes also the connections that it has not seen yet.
func TestShortcutCloses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := NewShortcut(l, "/calls", func(r []Plain) int { return len(r) })
	c, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer c.Close() // a test's
	_, err = io.WriteString(c, plainRequest("b", ""))
	require.NoError(t, err)
	_, err = http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = c.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	_, err = s.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}

// Records that wait are written together, and are still a chunk each.
func TestCorkedStreamKeepsItsChunks(t *testing.T) {
	stream := NewStream(JSON)
	written := 0
	stream.Written = func(bytes int) { written += bytes }
	for range 500 {
		stream.Send(Object{"type": "HEARTBEAT"})
	}
	stream.Send(Object{"type": strings.Repeat("x", 1<<17)})
	stream.End()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { stream.Serve(r.Context(), w) }))
	srv.Listener = Corked{srv.Listener}
	srv.Config.ConnContext = Corked{}.ConnContext
	srv.Start()
	defer srv.Close()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	require.NoError(t, err)
	defer c.Close() // a test's
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	r := bufio.NewReader(c)
	for line := ""; line != "\r\n"; {
		line, err = r.ReadString('\n')
		require.NoError(t, err)
	}
	want := strings.Repeat("17\r\n20\n{\"type\":\"HEARTBEAT\"}\r\n", 500) +
		fmt.Sprintf("%x\r\n%d\n{\"type\":\"%s\"}\r\n0\r\n\r\n", 1<<17+11+7, 1<<17+11, strings.Repeat("x", 1<<17))
	got := make([]byte, len(want))
	_, err = io.ReadFull(r, got)
	require.NoError(t, err)
	require.Equal(t, want, string(got))
	require.Equal(t, 500*23+1<<17+11+7, written)
}
