package drain

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"k8s-framework/internal/kube/api"
)

// server behaves like an API server with one node, as far as a drain sees it, and fails as a test tells it. What a real one
// does is tested with a real one (drain_e2e_test.go); this is for the failures that a real one cannot be asked for.
type server struct {
	t    *testing.T
	http *httptest.Server

	mu       sync.Mutex
	version  int
	node     map[string]any // nil: none
	pods     map[string]string
	history  []string      // events, one for each version
	changed  chan struct{} // closed at each change
	cutWatch chan struct{} // closed to end all watches
	requests []string
	// intercept, unless nil, may answer instead: it reports whether it did. It is called with mu held.
	intercept func(w http.ResponseWriter, r *http.Request) bool
}

const nodeName = "host-1"

func newServer(t *testing.T, pods ...string) *server {
	s := &server{
		t: t, pods: map[string]string{}, changed: make(chan struct{}), cutWatch: make(chan struct{}),
		node: map[string]any{"metadata": map[string]any{"name": nodeName, "uid": "node-uid"}, "spec": map[string]any{"providerID": "mesos://f/w-1"}},
	}
	s.http = httptest.NewServer(s)
	t.Cleanup(s.http.Close)
	t.Cleanup(func() { s.locked(func() { close(s.cutWatch) }) })
	for _, name := range pods {
		s.put(name)
	}
	return s
}

// drainer makes one that reports without waiting.
func (s *server) drainer() *Drainer {
	client, err := api.New(&rest.Config{Host: s.http.URL, QPS: 1000, Burst: 1000})
	require.NoError(s.t, err)
	d, err := New(Options{Client: client, ProgressEvery: time.Nanosecond})
	require.NoError(s.t, err)
	return d
}

func (s *server) locked(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

func (s *server) happen(kind, object string) {
	s.history = append(s.history, fmt.Sprintf(`{"type":%q,"object":%s}`, kind, object))
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *server) put(name string) {
	s.locked(func() {
		s.version++
		s.pods[name] = fmt.Sprintf(`{"metadata":{"namespace":"n","name":%q,"uid":%q,"resourceVersion":"%d"}}`, name, name, s.version)
		s.happen("ADDED", s.pods[name])
	})
}

// remove deletes a pod; mu is held.
func (s *server) remove(name string) {
	s.version++
	object := fmt.Sprintf(`{"metadata":{"namespace":"n","name":%q,"uid":%q,"resourceVersion":"%d"}}`, name, name, s.version)
	delete(s.pods, name)
	s.happen("DELETED", object)
}

// cut ends all watches, as a restart of the server does.
func (s *server) cut() {
	close(s.cutWatch)
	s.cutWatch = make(chan struct{})
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	switch {
	case s.intercept != nil && s.intercept(w, r):
	case r.URL.Path == "/api/v1/nodes/"+nodeName:
		s.serveNode(w, r)
	case r.URL.Path == "/api/v1/pods" && r.URL.Query().Get("fieldSelector") != "spec.nodeName="+nodeName:
		fail(w, 403, "a kubelet may list the pods of its node only", "")
	case r.URL.Path == "/api/v1/pods" && r.URL.Query().Get("watch") == "true":
		s.serveWatch(w, r)
	case r.URL.Path == "/api/v1/pods":
		var items []string
		for _, pod := range s.pods {
			items = append(items, pod)
		}
		fmt.Fprintf(w, `{"metadata":{"resourceVersion":"%d"},"items":[%s]}`, s.version, strings.Join(items, ","))
	case strings.HasSuffix(r.URL.Path, "/eviction"):
		name := strings.Split(r.URL.Path, "/")[6]
		if s.pods[name] == "" {
			fail(w, 404, "no such pod", "")
			return
		}
		s.remove(name)
		fmt.Fprint(w, `{"kind":"Status","status":"Success"}`)
	default:
		fail(w, 403, "you may not see "+r.URL.Path, "")
	}
}

func (s *server) serveNode(w http.ResponseWriter, r *http.Request) {
	if s.node == nil {
		fail(w, 404, "no such node", "")
		return
	}
	if r.Method == http.MethodPatch {
		s.node["spec"].(map[string]any)["unschedulable"] = true
	}
	_ = json.NewEncoder(w).Encode(s.node)
}

// serveWatch sends the events from the asked version on; it is called with mu held and returns with it held.
func (s *server) serveWatch(w http.ResponseWriter, r *http.Request) {
	at, err := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	if err != nil {
		fail(w, 400, "resourceVersion", "")
		return
	}
	cut := s.cutWatch
	for {
		for ; at < len(s.history); at++ {
			fmt.Fprintln(w, s.history[at])
		}
		w.(http.Flusher).Flush()
		changed := s.changed
		s.mu.Unlock()
		over := false
		select {
		case <-changed:
		case <-cut:
			over = true
		case <-r.Context().Done():
			over = true
		}
		s.mu.Lock()
		if over {
			return
		}
	}
}

// fail answers with a Status; details is its JSON, or empty.
func fail(w http.ResponseWriter, code int, message, details string) {
	if details == "" {
		details = "null"
	}
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"kind":"Status","status":"Failure","code":%d,"message":%q,"details":%s}`, code, message, details)
}

// shutBy answers an eviction as a budget does that forbids it.
func shutBy(w http.ResponseWriter, budget string) {
	fail(w, 429, "Cannot evict pod as it would violate the pod's disruption budget.",
		fmt.Sprintf(`{"causes":[{"reason":"DisruptionBudget","message":"The disruption budget %s needs 2 healthy pods and has 2 currently"}]}`, budget))
}

// evictions counts the eviction calls.
func (s *server) evictions() (count int) {
	s.locked(func() {
		for _, request := range s.requests {
			if strings.HasSuffix(request, "/eviction") {
				count++
			}
		}
	})
	return count
}
