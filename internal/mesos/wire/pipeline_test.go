package wire_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/mesos/wire"
)

const (
	patience = 10 * time.Second
	accepted = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
)

// peer is a server that does on each connection what the test says; its number is from 0.
func peer(t *testing.T, serve func(number int, connection net.Conn, requests *bufio.Reader)) *wire.Pipeline {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for number := 0; ; number++ {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer connection.Close()
				serve(number, connection, bufio.NewReader(connection))
			})
		}
	})
	p, err := wire.NewPipeline("http://"+listener.Addr().String()+"/api", http.Header{"X-Extra": {"x"}}, nil, time.Second)
	require.NoError(t, err)
	t.Cleanup(func() {
		p.Close(errors.New("the test is over"))
		_ = listener.Close()
		serving.Wait()
	})
	return p
}

// next reads one request's body.
func next(t *testing.T, requests *bufio.Reader) (body string, err error) {
	request, err := http.ReadRequest(requests)
	if err != nil {
		return "", err
	}
	assert.Equal(t, "POST /api", request.Method+" "+request.URL.Path)
	assert.Equal(t, []string{"x"}, request.Header["X-Extra"])
	assert.Equal(t, wire.MediaType, request.Header.Get("Content-Type"))
	assert.Equal(t, wire.MediaType, request.Header.Get("Accept"))
	text, err := io.ReadAll(request.Body)
	return string(text), err
}

func status(t *testing.T, a *wire.Answer) int {
	t.Helper()
	code, _, err := a.Wait(t.Context())
	require.NoError(t, err)
	return code
}

func TestManyRequestsAreOnTheirWayAtOnceAndInOrder(t *testing.T) {
	const many = 2000
	p := peer(t, func(number int, connection net.Conn, requests *bufio.Reader) {
		assert.Zero(t, number, "one connection")
		for i := range many { // no answer before the last request is here
			body, err := next(t, requests)
			assert.NoError(t, err)
			assert.Equal(t, fmt.Sprint("message ", i), body)
		}
		for i := range many {
			_, err := fmt.Fprintf(connection, "HTTP/1.1 202 Accepted\r\nContent-Length: 4\r\n\r\n%4d", i)
			assert.NoError(t, err)
		}
		_, _ = requests.ReadByte() // until the client hangs up
	})
	var answers []*wire.Answer
	for i := range many {
		answers = append(answers, p.Post(message(fmt.Sprint("message ", i)), patience))
	}
	for i, a := range answers {
		code, text, err := a.Wait(t.Context())
		require.NoError(t, err)
		require.Equal(t, http.StatusAccepted, code)
		require.Equal(t, fmt.Sprint(i), text)
	}
}

// The peer answers while it is still being written to: if nobody read, both sides would wait for the other.
func TestAnswersAreReadWhileRequestsAreWritten(t *testing.T) {
	const many = 3000
	padding := strings.Repeat(".", 4000)
	p := peer(t, func(_ int, connection net.Conn, requests *bufio.Reader) {
		for {
			if _, err := next(t, requests); err != nil {
				return
			}
			if _, err := fmt.Fprintf(connection, "HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n%s", len(padding), padding); err != nil {
				return
			}
		}
	})
	var answers []*wire.Answer
	for range many {
		answers = append(answers, p.Post(message(padding), patience))
	}
	for _, a := range answers {
		require.Equal(t, http.StatusBadRequest, status(t, a))
	}
}

func TestABrokenConnectionCostsWhatIsNotAnsweredAndNothingIsSentTwice(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	p := peer(t, func(number int, connection net.Conn, requests *bufio.Reader) {
		for i := 0; ; i++ {
			body, err := next(t, requests)
			if err != nil {
				return
			}
			mu.Lock()
			seen[body]++
			mu.Unlock()
			if number == 0 && i == 2 {
				return // the third is performed, perhaps, and not answered
			}
			_, _ = io.WriteString(connection, accepted)
		}
	})
	var answers []*wire.Answer
	for i := range 5 {
		answers = append(answers, p.Post(message(fmt.Sprint(i)), patience))
	}
	for i, a := range answers {
		code, _, err := a.Wait(t.Context())
		if i < 2 {
			require.NoError(t, err)
			require.Equal(t, http.StatusAccepted, code)
			continue
		}
		require.ErrorContains(t, err, "the connection broke")
	}
	require.Equal(t, http.StatusAccepted, status(t, p.Post(message("later"), patience)), "on a new connection")
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, map[string]int{"0": 1, "1": 1, "2": 1, "later": 1}, seen)
}

func TestAConnectionThatWasClosedWhileNobodyAskedIsReplaced(t *testing.T) {
	closed := make(chan struct{})
	p := peer(t, func(number int, connection net.Conn, requests *bufio.Reader) {
		if _, err := next(t, requests); err == nil {
			_, _ = io.WriteString(connection, accepted)
		}
		if number == 0 {
			_ = connection.Close()
			close(closed)
		}
	})
	require.Equal(t, http.StatusAccepted, status(t, p.Post(message("a"), patience)))
	<-closed
	require.Eventually(t, func() bool {
		_, _, err := p.Post(message("b"), patience).Wait(t.Context())
		return err == nil
	}, patience, 10*time.Millisecond, "at the latest when the end of the connection has arrived")
}

func TestAnAnswerThatSaysItIsTheLastOne(t *testing.T) {
	p := peer(t, func(number int, connection net.Conn, requests *bufio.Reader) {
		if number > 0 {
			_, _ = next(t, requests)
			_, _ = io.WriteString(connection, accepted)
			return
		}
		_, _ = next(t, requests)
		_, _ = next(t, requests)
		_, _ = io.WriteString(connection, "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	})
	first, second := p.Post(message("a"), patience), p.Post(message("b"), patience)
	require.Equal(t, http.StatusServiceUnavailable, status(t, first))
	_, _, err := second.Wait(t.Context())
	require.ErrorContains(t, err, "closed the connection after another answer")
	require.Equal(t, http.StatusAccepted, status(t, p.Post(message("c"), patience)))
}

func TestAnAnswerThatIsLateEndsTheConnection(t *testing.T) {
	p := peer(t, func(_ int, _ net.Conn, requests *bufio.Reader) {
		for {
			if _, err := next(t, requests); err != nil {
				return
			}
		}
	})
	began := time.Now()
	first, second := p.Post(message("a"), 100*time.Millisecond), p.Post(message("b"), patience)
	_, _, err := first.Wait(t.Context())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "no answer within 100ms")
	_, _, err = second.Wait(t.Context())
	require.ErrorContains(t, err, "no answer within 100ms", "it stood behind the first")
	assert.Less(t, time.Since(began), patience/2)
}

// A peer whose kernel takes nothing any more must not keep us longer than the limit.
func TestAPeerThatReadsNothing(t *testing.T) {
	release := make(chan struct{})
	p := peer(t, func(int, net.Conn, *bufio.Reader) { <-release })
	defer close(release)
	began := time.Now()
	huge := message(strings.Repeat(".", 32<<20))
	_, _, err := p.Post(huge, time.Second).Wait(t.Context())
	require.ErrorContains(t, err, "the connection broke")
	assert.Less(t, time.Since(began), patience/2)
}

func TestWhatWasNotAskedForEndsTheConnection(t *testing.T) {
	p := peer(t, func(number int, connection net.Conn, requests *bufio.Reader) {
		_, _ = next(t, requests)
		_, _ = io.WriteString(connection, accepted)
		if number == 0 {
			_, _ = io.WriteString(connection, accepted)
		}
		_, _ = requests.ReadByte()
	})
	require.Equal(t, http.StatusAccepted, status(t, p.Post(message("a"), patience)))
	var err error
	require.Eventually(t, func() bool {
		_, _, err = p.Post(message("b"), 200*time.Millisecond).Wait(t.Context())
		return err == nil
	}, patience, 10*time.Millisecond)
}

func TestAfterCloseNothingIsSent(t *testing.T) {
	over := errors.New("over")
	p := peer(t, func(_ int, _ net.Conn, requests *bufio.Reader) { _, _ = next(t, requests); _, _ = requests.ReadByte() })
	waits := p.Post(message("a"), patience)
	p.Close(over)
	_, _, err := waits.Wait(t.Context())
	require.ErrorIs(t, err, over)
	_, _, err = p.Post(message("b"), patience).Wait(t.Context())
	require.ErrorIs(t, err, over)
	_, _, err = p.Post(message(""), patience).Wait(t.Context())
	require.ErrorContains(t, err, "encode message: nothing to say")

	nobody, err := wire.NewPipeline("http://127.0.0.1:1/", nil, nil, time.Second)
	require.NoError(t, err)
	_, _, err = nobody.Post(message("a"), patience).Wait(t.Context())
	require.ErrorContains(t, err, "refused")
}

func TestAPipelineOverTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "you said\n %s", body)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	p, err := wire.NewPipeline(server.URL, nil, server.Client().Transport.(*http.Transport).TLSClientConfig, time.Second)
	require.NoError(t, err)
	defer p.Close(errors.New("over"))
	code, text, err := p.Post(message("hello"), patience).Wait(t.Context())
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, code)
	assert.Equal(t, "you said hello", text)

	stranger, err := wire.NewPipeline(server.URL, nil, nil, time.Second)
	require.NoError(t, err)
	_, _, err = stranger.Post(message("hello"), patience).Wait(t.Context())
	require.ErrorContains(t, err, "certificate")
}
