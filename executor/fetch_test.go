package executor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/kubelet"
	"k8s-framework/internal/mesos/execapi"
)

func sha(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func itoa(n int) string { return strconv.Itoa(n) }

// shelf serves programs, and counts how often it was asked.
type shelf struct {
	*httptest.Server
	asked  atomic.Int32
	answer func(http.ResponseWriter, *http.Request, int32)
}

func newShelf(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, time int32)) *shelf {
	s := &shelf{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, s.asked.Add(1)) }))
	t.Cleanup(s.Close)
	return s
}

func testFetcher(t *testing.T) fetcher {
	return fetcher{dir: filepath.Join(t.TempDir(), "cache"), stall: time.Minute, pause: time.Millisecond}
}

func TestAProgramIsFetchedOnceAndKept(t *testing.T) {
	s := newShelf(t, func(w http.ResponseWriter, _ *http.Request, _ int32) { fmt.Fprint(w, "program") })
	f, program := testFetcher(t), kubelet.Program{URI: s.URL + "/kubelet", SHA256: sha("program")}
	var said []string
	for range 2 {
		path, err := f.obtain(t.Context(), program, func(why string) { said = append(said, why) })
		require.NoError(t, err)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, "program", string(text))
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o700), info.Mode())
	}
	assert.EqualValues(t, 1, s.asked.Load())
	assert.Equal(t, []string{"for the kubelet, which is fetched from " + s.URL + "/kubelet"}, said)

	// What was damaged on the host is not executed, but fetched again.
	require.NoError(t, os.WriteFile(filepath.Join(f.dir, program.SHA256, "kubelet"), []byte("damaged"), 0o700))
	path, err := f.obtain(t.Context(), program, func(string) {})
	require.NoError(t, err)
	sum, err := sumOf(path)
	require.NoError(t, err)
	assert.Equal(t, program.SHA256, sum)
	assert.EqualValues(t, 2, s.asked.Load())
}

func TestAWrongProgramIsNotKeptAndNotAskedForAgain(t *testing.T) {
	s := newShelf(t, func(w http.ResponseWriter, _ *http.Request, _ int32) { fmt.Fprint(w, "another") })
	f := testFetcher(t)
	_, err := f.obtain(t.Context(), kubelet.Program{URI: s.URL, SHA256: sha("program")}, func(string) {})
	require.EqualError(t, err, fmt.Sprintf("%s: sha256 is %s, want %s: it is not executed", s.URL, sha("another"), sha("program")))
	left, err := os.ReadDir(f.dir)
	require.NoError(t, err)
	assert.Empty(t, left)
	assert.EqualValues(t, 1, s.asked.Load())
}

func TestWhatFailsOnTheWayIsTriedAgain(t *testing.T) {
	s := newShelf(t, func(w http.ResponseWriter, _ *http.Request, time int32) {
		switch time {
		case 1:
			http.Error(w, "not yet", http.StatusServiceUnavailable)
		case 2:
			w.Header().Set("Content-Length", "7")
			fmt.Fprint(w, "pro") // and the connection ends
		default:
			fmt.Fprint(w, "program")
		}
	})
	var said []string
	_, err := testFetcher(t).obtain(t.Context(), kubelet.Program{URI: s.URL, SHA256: sha("program")}, func(why string) { said = append(said, why) })
	require.NoError(t, err)
	require.Len(t, said, 5)
	assert.Equal(t, "to try again after 1ms: "+s.URL+": the server answers 503 Service Unavailable", said[1])
	assert.Equal(t, "to try again after 2ms: "+s.URL+": unexpected EOF", said[3])

	s.answer = func(w http.ResponseWriter, _ *http.Request, _ int32) { http.NotFound(w, nil) }
	_, err = testFetcher(t).obtain(t.Context(), kubelet.Program{URI: s.URL, SHA256: sha("program")}, func(string) {})
	require.EqualError(t, err, s.URL+": the server answers 404 Not Found")
	assert.EqualValues(t, 6, s.asked.Load())
}

func TestAServerThatFallsSilentIsLeft(t *testing.T) {
	s := newShelf(t, func(w http.ResponseWriter, r *http.Request, _ int32) {
		fmt.Fprint(w, "pro")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	f := testFetcher(t)
	f.stall = 20 * time.Millisecond
	_, err := f.obtain(t.Context(), kubelet.Program{URI: s.URL, SHA256: sha("program")}, func(string) {})
	require.EqualError(t, err, s.URL+": not a byte for 20ms")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = f.obtain(ctx, kubelet.Program{URI: s.URL, SHA256: sha("program")}, func(string) {})
	require.ErrorIs(t, err, context.Canceled)
}

func TestTheCacheIsBounded(t *testing.T) {
	s := newShelf(t, func(w http.ResponseWriter, r *http.Request, _ int32) { fmt.Fprint(w, r.URL.Path) })
	f := testFetcher(t)
	for i := range 5 {
		path := fmt.Sprintf("/%d", i)
		_, err := f.obtain(t.Context(), kubelet.Program{URI: s.URL + path, SHA256: sha(path)}, func(string) {})
		require.NoError(t, err)
		_, err = f.obtain(t.Context(), kubelet.Program{URI: s.URL + "/0", SHA256: sha("/0")}, func(string) {})
		require.NoError(t, err)
	}
	left, err := os.ReadDir(f.dir)
	require.NoError(t, err)
	var names []string
	for _, entry := range left {
		names = append(names, entry.Name())
	}
	assert.ElementsMatch(t, []string{sha("/0"), sha("/3"), sha("/4")}, names)
}

// The whole executor with a kubelet that it fetches: the right one runs, the wrong one fails the task, with all that is known.
func TestTheKubeletIsFetchedAndCompared(t *testing.T) {
	text, err := os.ReadFile(self(t))
	require.NoError(t, err)
	s := newShelf(t, func(w http.ResponseWriter, _ *http.Request, _ int32) { _, _ = w.Write(text) })
	h := open(t, func(h *house) { h.spec.Kubelet = s.URL + "/kubelet#sha256=" + sha(string(text)) })
	h.subscribe()
	h.launch("t1", 1000, 512)
	h.agent.await(t, "t1 RUNNING healthy")
	program, err := os.Readlink(filepath.Join("/proc", itoa(h.pid()), "exe"))
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(h.spec.RootDir, cacheFolder, sha(string(text)), "kubelet"), program)

	h = open(t, func(h *house) { h.spec.Kubelet = s.URL + "/kubelet#sha256=" + sha("another") })
	h.subscribe()
	h.launch("t1", 1000, 512)
	h.awaitEnd()
	assert.Equal(t, execapi.TaskFailed, h.agent.last().State)
	assert.Equal(t, fmt.Sprintf("cannot prepare the host: get the kubelet: %s/kubelet: sha256 is %s, want %s: it is not executed",
		s.URL, sha(string(text)), sha("another")), h.agent.last().Message)
}
