package kube

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"k8s-framework/internal/kube/api"
	"k8s-framework/scheduler"
)

// stuck is an API server with one node and one pod, whose budget never opens: operations on it last as long as a test wants.
// What ends well is tested with a real one (kube_e2e_test.go).
type stuck struct {
	mu       sync.Mutex
	requests []string
}

func (s *stuck) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	switch {
	case r.URL.Query().Get("watch") == "true":
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusConflict)
		_, _ = w.Write([]byte(`{"kind":"Status","status":"Failure","code":409,"reason":"Conflict","message":"other UID"}`))
	case strings.HasPrefix(r.URL.Path, "/api/v1/nodes/host-"):
		fmt.Fprint(w, `{"metadata":{"name":"host-1","uid":"u"},"spec":{"providerID":"mesos://f/w-1"}}`)
	case r.URL.Path == "/api/v1/nodes/gone":
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"kind":"Status","status":"Failure","code":404,"reason":"NotFound","message":"no such node"}`))
	case r.URL.Path == "/api/v1/nodes/locked":
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind":"Status","status":"Failure","code":403,"reason":"Forbidden","message":"you may not"}`))
	case r.URL.Path == "/api/v1/pods":
		fmt.Fprint(w, list(1, `{"metadata":{"namespace":"n","name":"p","uid":"p"}}`))
	case strings.HasSuffix(r.URL.Path, "/eviction"):
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, `{"kind":"Status","status":"Failure","code":429,"reason":"TooManyRequests","details":{"causes":[
			{"reason":"DisruptionBudget","message":"The disruption budget web needs 1 healthy pods and has 1 currently"}]}}`)
	default:
		fmt.Fprint(w, list(1, ""))
	}
}

func (s *stuck) count(request string) (count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if r == request {
			count++
		}
	}
	return count
}

// operate starts an Operator on a stuck server.
func operate(t *testing.T) (*Operator, *stuck, chan scheduler.Event) {
	s := &stuck{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client, err := api.New(&rest.Config{Host: server.URL, QPS: 1000, Burst: 1000})
	require.NoError(t, err)
	o, err := NewOperator(OperatorOptions{Client: client, ProgressEvery: time.Nanosecond, Component: "test"})
	require.NoError(t, err)
	return o, s, make(chan scheduler.Event, 100)
}

func next(t *testing.T, events <-chan scheduler.Event) scheduler.Event {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(10 * time.Second):
		require.Fail(t, "nothing was delivered")
		return nil
	}
}

func drainOf(host string) scheduler.Drain {
	return scheduler.Drain{Node: "w-1", Host: scheduler.Hostname(host), ProviderID: "mesos://f/w-1", Why: "scaled down"}
}

func TestADrainIsAskedForOnceAndCalledOffOnce(t *testing.T) {
	o, s, events := operate(t)
	deliver := func(e scheduler.Event) { events <- e }
	o.Perform(t.Context(), drainOf("HOST-1"), deliver) // as Mesos may write it
	for {
		e := next(t, events).(scheduler.DrainProgressed)
		if len(e.Blocked) > 0 {
			assert.Contains(t, e.Blocked[0], "pod n/p by budget web since ")
			assert.Equal(t, 1, e.PodsLeft)
			break
		}
	}
	o.Perform(t.Context(), drainOf("host-1"), deliver)
	o.Perform(t.Context(), scheduler.CancelDrain{Node: "w-1"}, deliver)
	o.Perform(t.Context(), scheduler.CancelDrain{Node: "w-2"}, deliver)
	o.Wait()
	assert.Equal(t, 1, s.count("PATCH /api/v1/nodes/host-1"), "one drain cordoned")
	assert.Empty(t, o.drains)
	for len(events) > 0 {
		assert.IsType(t, scheduler.DrainProgressed{}, <-events)
	}
	assert.GreaterOrEqual(t, s.count("POST /api/v1/namespaces/default/events"), 2, "started and blocked")
}

func TestADrainMayBeAskedForAgainRightAfterItWasCalledOff(t *testing.T) {
	o, _, events := operate(t)
	ctx, cancel := context.WithCancel(t.Context())
	deliver := func(e scheduler.Event) { events <- e }
	for range 3 {
		o.Perform(ctx, drainOf("host-1"), deliver)
		o.Perform(ctx, scheduler.CancelDrain{Node: "w-1"}, deliver)
	}
	o.Perform(ctx, drainOf("host-1"), deliver)
	require.IsType(t, scheduler.DrainProgressed{}, next(t, events))
	assert.Len(t, o.drains, 1)
	cancel()
	o.Wait()
	assert.Empty(t, o.drains)
}

func TestADrainOfNoNodeIsOver(t *testing.T) {
	o, _, events := operate(t)
	defer o.Wait()
	o.Perform(t.Context(), drainOf("gone"), func(e scheduler.Event) { events <- e })
	assert.Equal(t, scheduler.NodeDrained{Node: "w-1"}, next(t, events))
	other := drainOf("host-1")
	other.ProviderID = "mesos://f/w-9"
	o.Perform(t.Context(), other, func(e scheduler.Event) { events <- e })
	assert.Equal(t, scheduler.NodeDrained{Node: "w-1"}, next(t, events))
}

func TestWhatFailsIsTold(t *testing.T) {
	o, _, events := operate(t)
	defer o.Wait()
	forget := func(host, provider string) scheduler.ForgetKubeNode {
		return scheduler.ForgetKubeNode{Node: "w-1", Host: scheduler.Hostname(host), ProviderID: provider}
	}
	nowhere := drainOf("host-1")
	nowhere.ProviderID = ""
	for _, test := range []struct {
		op   scheduler.Op
		want scheduler.Event
	}{
		{drainOf("locked"), scheduler.OpFailed{Op: drainOf("locked"), Why: "drain node locked: read Node locked: you may not"}},
		{nowhere, scheduler.OpFailed{Op: nowhere, Why: `host is "host-1" and provider ID is "", want both: without them any Node could be meant`}},
		{forget("locked", "mesos://f/w-1"), scheduler.OpFailed{Op: forget("locked", "mesos://f/w-1"), Why: "read Node locked: you may not"}},
		{forget("host-1", ""), scheduler.OpFailed{Op: forget("host-1", ""), Why: `host is "host-1" and provider ID is "", want both: without them any Node could be meant`}},
		{forget("gone", "mesos://f/w-1"), scheduler.KubeNodeForgotten{Node: "w-1"}},
		{forget("host-1", "mesos://f/w-9"), scheduler.KubeNodeForgotten{Node: "w-1"}},
		{forget("host-1", "mesos://f/w-1"), scheduler.KubeNodeForgotten{Node: "w-1"}}, // it changed hands: 409
	} {
		o.Perform(t.Context(), test.op, func(e scheduler.Event) { events <- e })
		assert.Equal(t, test.want, next(t, events))
	}
}
