package drain

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/kube/api"
)

// diary keeps what a drain told.
type diary struct {
	mu   sync.Mutex
	told []Progress
}

func (d *diary) write(p Progress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = append(d.told, p)
}

// find waits until something was told of which is is true.
func (d *diary) find(t *testing.T, is func(Progress) bool) Progress {
	t.Helper()
	var found Progress
	require.Eventually(t, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, p := range d.told {
			if is(p) {
				found = p
				return true
			}
		}
		return false
	}, 10*time.Second, 5*time.Millisecond)
	return found
}

func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestDrainCordonsThenEvictsThenEnds(t *testing.T) {
	t.Parallel()
	s := newServer(t, "a", "b")
	result, err := s.drainer().Drain(bounded(t), Request{Node: nodeName, UID: "node-uid", ProviderID: "mesos://f/w-1"}, nil)
	require.NoError(t, err)
	assert.Equal(t, Result{Gone: 2, Last: Progress{Node: nodeName}}, result)
	assert.Equal(t, []string{"GET /api/v1/nodes/host-1", "PATCH /api/v1/nodes/host-1", "GET /api/v1/pods"}, s.requests[:3])
	assert.Equal(t, true, s.node["spec"].(map[string]any)["unschedulable"])
	assert.Equal(t, 2, s.evictions())
}

func TestDrainingADrainedNodeCostsThreeReads(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.node["spec"].(map[string]any)["unschedulable"] = true
	_, err := s.drainer().Drain(bounded(t), Request{Node: nodeName}, nil)
	require.NoError(t, err)
	assert.NotContains(t, s.requests, "PATCH /api/v1/nodes/host-1")
	assert.LessOrEqual(t, len(s.requests), 3, "%q", s.requests)
}

// A pod that the scheduler bound just before it saw the cordon appears just after the list.
func TestAPodThatComesRightAfterTheCordonIsDrainedToo(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.intercept = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("watch") == "true" && s.intercept != nil {
			s.intercept = nil
			go s.put("late")
		}
		return false
	}
	result, err := s.drainer().Drain(bounded(t), Request{Node: nodeName}, nil)
	require.NoError(t, err)
	assert.Equal(t, 1, result.Gone)
}

func TestDrainTouchesNothingOfAnotherNode(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		request Request
		change  func(*server)
		want    error
	}{
		"no Node":           {Request{Node: nodeName}, func(s *server) { s.node = nil }, ErrNodeGone},
		"other UID":         {Request{Node: nodeName, UID: "x"}, func(*server) {}, ErrOtherNode},
		"other provider ID": {Request{Node: nodeName, ProviderID: "mesos://f/w-2"}, func(*server) {}, ErrOtherNode},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, "a")
			test.change(s)
			_, err := s.drainer().Drain(bounded(t), test.request, nil)
			require.ErrorIs(t, err, test.want)
			assert.Equal(t, []string{"GET /api/v1/nodes/host-1"}, s.requests)
		})
	}
}

func TestTheRefusalToCordonEndsTheDrain(t *testing.T) {
	t.Parallel()
	s := newServer(t, "a")
	s.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			fail(w, 403, "you may not patch nodes", "")
			return true
		}
		return false
	}
	_, err := s.drainer().Drain(bounded(t), Request{Node: nodeName}, nil)
	require.EqualError(t, err, "drain node host-1: cordon Node host-1: you may not patch nodes")
}

func TestADrainStartsWhenTheServerComesBack(t *testing.T) {
	t.Parallel()
	s := newServer(t, "a")
	s.intercept = func(w http.ResponseWriter, _ *http.Request) bool { fail(w, 503, "starting", ""); return true }
	var told diary
	ended := make(chan error, 1)
	ctx := bounded(t)
	go func() {
		_, err := s.drainer().Drain(ctx, Request{Node: nodeName}, told.write)
		ended <- err
	}()
	p := told.find(t, func(p Progress) bool { return p.Trouble != nil })
	assert.Contains(t, p.Why(), "no good answer from the API server since ")
	assert.Contains(t, p.Why(), "read Node host-1: starting")
	s.locked(func() { s.intercept = nil })
	require.NoError(t, <-ended)
	assert.Nil(t, told.told[len(told.told)-1].Trouble)
}

func TestADeletionThatHappensWhileTheWatchIsCutIsNoticed(t *testing.T) {
	t.Parallel()
	s := newServer(t, "a")
	s.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/eviction") {
			// Accepted; the pod goes while nobody watches, and its history is compacted.
			s.cut()
			s.remove("a")
			expired := 0
			s.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Query().Get("watch") == "true" && expired < 1 {
					expired++
					fail(w, 410, "too old resource version", "")
					return true
				}
				return false
			}
			return false
		}
		return false
	}
	result, err := s.drainer().Drain(bounded(t), Request{Node: nodeName}, nil)
	require.NoError(t, err)
	assert.Equal(t, 1, result.Gone)
}

func TestAnswersThatAreNotYes(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(w http.ResponseWriter){
		"429 of a budget":    func(w http.ResponseWriter) { shutBy(w, "web") },
		"429 of the server":  func(w http.ResponseWriter) { fail(w, 429, "slow down", "") },
		"500 of two budgets": func(w http.ResponseWriter) { fail(w, 500, twoBudgets, "") },
		"500":                func(w http.ResponseWriter) { fail(w, 500, "boom", "") },
		"404":                func(w http.ResponseWriter) { fail(w, 404, "gone", "") },
		"409":                func(w http.ResponseWriter) { fail(w, 409, "other UID", "") },
		"an HTML page":       func(w http.ResponseWriter) { w.WriteHeader(502); _, _ = w.Write([]byte("<html>")) },
		"a cut connection":   func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, "a")
			s.intercept = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/eviction") {
					s.intercept = nil
					refuse(w)
					return true
				}
				return false
			}
			result, err := s.drainer().Drain(bounded(t), Request{Node: nodeName}, nil)
			require.NoError(t, err)
			assert.Equal(t, 1, result.Gone)
			assert.Equal(t, 2, s.evictions())
		})
	}
}

// As a kubelet's own identity: budgets may not be seen, so they are asked again and again, and named by what they answer.
func TestTheDeadlineEndsADrainAndNamesWhatBlocks(t *testing.T) {
	t.Parallel()
	s := newServer(t, "a", "b", "free")
	s.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/eviction") && !strings.Contains(r.URL.Path, "free") {
			shutBy(w, "web")
			return true
		}
		return false
	}
	d := s.drainer()
	begun := time.Now()
	result, err := d.Drain(bounded(t), Request{Node: nodeName, Deadline: begun.Add(1200 * time.Millisecond)}, nil)
	require.ErrorIs(t, err, ErrDeadline)
	assert.ErrorContains(t, err, "drain node host-1: the drain's deadline has passed: 2 pods left; blocked: pod n/a by budget web since ")
	assert.WithinDuration(t, begun.Add(1200*time.Millisecond), time.Now(), time.Second)
	assert.Equal(t, 1, result.Gone)
	require.Len(t, result.Last.Blocked, 2)
	assert.Equal(t, []string{"web"}, result.Last.Blocked[1].Budgets)
	assert.LessOrEqual(t, s.evictions(), 3+4, "one pod asks for both, every 250 ms")
	assert.Contains(t, s.requests, "GET /apis/policy/v1/poddisruptionbudgets")
	assert.Zero(t, d.board.readers)
}

func TestTheContextEndsADrainThatCannotReachTheServer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	d := s.drainer()
	s.http.Close()
	why := errors.New("an operator's cancel")
	ctx, cancel := context.WithCancelCause(t.Context())
	var told diary
	go func() {
		told.find(t, func(p Progress) bool { return p.Trouble != nil })
		cancel(why)
	}()
	_, err := d.Drain(ctx, Request{Node: nodeName}, told.write)
	require.ErrorIs(t, err, why)
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	_, err := New(Options{})
	assert.EqualError(t, err, "client is nil, want one to the API server")
	_, err = New(Options{Client: &api.Client{}, InFlight: -1})
	assert.ErrorContains(t, err, "in flight is -1")
	_, err = newServer(t).drainer().Drain(t.Context(), Request{}, nil)
	assert.EqualError(t, err, "drain: node is empty, want the name of a Node object")
}
