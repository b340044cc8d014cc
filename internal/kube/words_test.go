package kube

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"k8s-framework/internal/kube/api"
	"k8s-framework/scheduler"
)

func TestTaintsOfOthersStay(t *testing.T) {
	taints := func(texts ...string) (list []taint) {
		for _, text := range texts {
			list = append(list, parseTaint(text))
		}
		return list
	}
	for name, test := range map[string]struct {
		present        []taint
		before, wanted []string
		want           []taint
		changes        bool
	}{
		"nothing at all":         {},
		"a first one":            {wanted: []string{"a=1:NoSchedule"}, want: taints("a=1:NoSchedule"), changes: true},
		"it is there":            {present: taints("a=1:NoSchedule"), wanted: []string{"a=1:NoSchedule"}, want: taints("a=1:NoSchedule")},
		"another value":          {present: taints("a=1:NoSchedule"), wanted: []string{"a=2:NoSchedule"}, want: taints("a=2:NoSchedule"), changes: true},
		"another effect":         {present: taints("a:NoSchedule"), wanted: []string{"a:NoExecute"}, want: taints("a:NoSchedule", "a:NoExecute"), changes: true},
		"ours goes":              {present: taints("x:NoExecute", "a:NoSchedule"), before: []string{"a:NoSchedule"}, want: taints("x:NoExecute"), changes: true},
		"ours goes, whatever":    {present: taints("a=9:NoSchedule"), before: []string{"a=1:NoSchedule"}, changes: true},
		"ours is gone already":   {present: taints("x:NoExecute"), before: []string{"a:NoSchedule"}, want: taints("x:NoExecute")},
		"theirs, of that key":    {present: taints("a:NoExecute"), before: []string{"a:NoSchedule"}, want: taints("a:NoExecute")},
		"before and now as well": {present: taints("a=1:NoSchedule"), before: []string{"a=1:NoSchedule"}, wanted: []string{"a=1:NoSchedule"}, want: taints("a=1:NoSchedule")},
	} {
		t.Run(name, func(t *testing.T) {
			after, changed := retaint(test.present, test.before, test.wanted)
			assert.Equal(t, test.want, after)
			assert.Equal(t, test.changes, changed)
		})
	}
	since := "2026-01-02T03:04:05Z"
	after, _ := retaint([]taint{{Key: "x", Effect: "NoExecute", TimeAdded: &since}}, nil, []string{"a:NoSchedule"})
	assert.Equal(t, &since, after[0].TimeAdded, "of a taint that stays everything stays")
}

func TestWhoToleratesTheTaintOfADeadNode(t *testing.T) {
	for tolerations, want := range map[string]bool{
		``:                      false,
		`{"operator":"Exists"}`: true,
		`{"operator":"Exists","effect":"NoExecute"}`:                                                      true,
		`{"operator":"Exists","effect":"NoSchedule"}`:                                                     false,
		`{"operator":"Exists","effect":"NoExecute","tolerationSeconds":300}`:                              false,
		`{"key":"node.kubernetes.io/not-ready","operator":"Exists"}`:                                      false,
		`{"key":"node.kubernetes.io/out-of-service","operator":"Exists"}`:                                 true,
		`{"key":"node.kubernetes.io/out-of-service","value":"nodeshutdown"}`:                              true,
		`{"key":"node.kubernetes.io/out-of-service","operator":"Equal","value":"x"}`:                      false,
		`{"key":"a","operator":"Exists"},{"key":"node.kubernetes.io/out-of-service","operator":"Exists"}`: true,
	} {
		var p tolerant
		require.NoError(t, json.Unmarshal([]byte(`{"spec":{"tolerations":[`+tolerations+`]}}`), &p))
		assert.Equal(t, want, p.tolerates(parseTaint(outOfService)), tolerations)
	}
}

func TestPodsThatStayOnADeadNodeAreNamed(t *testing.T) {
	o, s, events := operate(t)
	defer o.Wait()
	o.releaseWithin = 50 * time.Millisecond
	op := scheduler.ForgetKubeNode{Node: "w-1", Host: "host-1", ProviderID: "mesos://f/w-1", OutOfService: true}
	o.Perform(t.Context(), op, func(e scheduler.Event) { events <- e })
	failed := next(t, events).(scheduler.OpFailed)
	assert.Equal(t, "pods are left on Node host-1 50ms after its taint node.kubernetes.io/out-of-service=nodeshutdown:NoExecute, so it is not deleted: "+
		"n/p. They go when the Node is NotReady, and their finalizers' owners have done their part", failed.Why)
	assert.Equal(t, 1, s.count("PATCH /api/v1/nodes/host-1"))
	assert.Zero(t, s.count("DELETE /api/v1/nodes/host-1"))
}

func TestWhatFailsOfTheOtherOperationsIsTold(t *testing.T) {
	o, _, events := operate(t)
	defer o.Wait()
	for _, test := range []struct {
		op   scheduler.Op
		want string
	}{
		{scheduler.MarkKubeNode{Node: "w-1", Host: "locked", ProviderID: "p"}, "read Node locked: you may not"},
		{scheduler.MarkKubeNode{Node: "w-1", Host: "gone", ProviderID: "p"}, "find Node gone: there is no such Node"},
		{scheduler.Uncordon{Node: "w-1", Host: "locked", ProviderID: "p"}, "read Node locked: you may not"},
		{scheduler.Uncordon{Node: "w-1", Host: "host-1"}, `host is "host-1" and provider ID is "", want both: without them any Node could be meant`},
		{scheduler.ForgetKubeNode{Node: "w-1", Host: "locked", ProviderID: "p", OutOfService: true}, "read Node locked: you may not"},
		{scheduler.ReadLease{Node: "w-1"}, `host is "", want the host of a node`},
	} {
		o.Perform(t.Context(), test.op, func(e scheduler.Event) { events <- e })
		assert.Equal(t, scheduler.OpFailed{Op: test.op, Why: test.want}, next(t, events))
	}
}

// changing is an API server with a Node that changes between reading and writing it, as often as is said.
func changing(t *testing.T, conflicts int) (*Operator, *int) {
	t.Helper()
	patches := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPatch {
			fmt.Fprintf(w, `{"metadata":{"name":"host-1","uid":"u","resourceVersion":"%d"},"spec":{"providerID":"p"}}`, patches)
			return
		}
		var patch nodePatch
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&patch))
		assert.Equal(t, "u", patch.Metadata.UID)
		assert.Equal(t, fmt.Sprint(patches), patch.Metadata.ResourceVersion)
		if patches++; patches <= conflicts {
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, `{"kind":"Status","status":"Failure","code":409,"reason":"Conflict","message":"it has been modified"}`)
			return
		}
		fmt.Fprint(w, `{}`)
	}))
	t.Cleanup(server.Close)
	client, err := api.New(&rest.Config{Host: server.URL, QPS: 1000, Burst: 1000})
	require.NoError(t, err)
	o, err := NewOperator(OperatorOptions{Client: client, Component: "test"})
	require.NoError(t, err)
	t.Cleanup(o.Wait)
	return o, &patches
}

func TestANodeThatChangesIsReadAgain(t *testing.T) {
	op := scheduler.MarkKubeNode{Host: "host-1", ProviderID: "p", Marks: scheduler.Marks{Labels: map[string]string{"a": "1"}}}
	o, patches := changing(t, editTries-1)
	require.NoError(t, o.mark(t.Context(), op))
	assert.Equal(t, editTries, *patches)
	o, patches = changing(t, editTries)
	require.EqualError(t, o.mark(t.Context(), op), "change Node host-1: it has been modified")
	assert.Equal(t, editTries, *patches)
}
