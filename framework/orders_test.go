package framework

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/operator"
	"k8s-framework/scheduler"
)

// heard is a loop that answers every order as reply says and shows one state, in the place of the core: what is tested with
// it is what lies between an operator and the core.
func heard(t testing.TB, view scheduler.View, reply func(scheduler.Asked) scheduler.Reply) *operatorAPI {
	t.Helper()
	l := &loop{requests: make(chan request), views: make(chan viewing)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ctx.Done():
				return
			case v := <-l.views:
				v.answer <- view
			case r := <-l.requests:
				r.reply <- reply(r.event(1).(scheduler.Asked))
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	a := &operatorAPI{options: DefaultOptions()}
	a.lead(l)
	return a
}

// anotherPool is a pools file of one pool, with what is said behind its resources.
func anotherPool(more string) string {
	return "pools: [{name: blue, resources: {cpus: 1, mem: 1024}" + more + "}]"
}

func TestScaleIsStoredBeforeItIsAnswered(t *testing.T) {
	w, _, server := leading(t)

	status, text, _ := ask(t, server, http.MethodPost, "/pools/workers/scale", `{"nodes": 3}`)
	require.Equal(t, http.StatusOK, status)
	var answer struct{ Lines []string }
	require.NoError(t, json.Unmarshal([]byte(text), &answer))
	require.NotNil(t, answer.Lines, text)
	require.Contains(t, strings.Join(w.seen(), "\n"), "3 nodes of cpus:1; mem:1024")

	status, text, _ = ask(t, server, http.MethodGet, "/state", "")
	require.Equal(t, http.StatusOK, status)
	var view scheduler.View
	require.NoError(t, json.Unmarshal([]byte(text), &view))
	require.EqualValues(t, 3, view.Pools[0].Nodes)
}

func TestOrdersReachTheCoreAsCommands(t *testing.T) {
	blue := scheduler.DefaultPool()
	blue.Name, blue.Resources = "blue", scheduler.Resources{CPUs: 1000, Mem: 1_024_000}
	counted := blue
	counted.Nodes = scheduler.All
	for _, each := range []struct {
		method, path, body string
		want               scheduler.Asked
	}{
		{"POST", "/pools/blue/scale", `{"nodes": 3}`, scheduler.Asked{Command: scheduler.Scale{Pool: "blue", Nodes: 3}}},
		{"POST", "/pools/blue/scale?dryRun=true", `{"nodes": "all"}`, scheduler.Asked{DryRun: true, Command: scheduler.Scale{Pool: "blue", Nodes: scheduler.All}}},
		{"PUT", "/pools", anotherPool(""), scheduler.Asked{Command: scheduler.Apply{Pools: []scheduler.Pool{blue}, KeepNodes: []scheduler.PoolName{"blue"}}}},
		{"PUT", "/pools", anotherPool(", nodes: all"), scheduler.Asked{Command: scheduler.Apply{Pools: []scheduler.Pool{counted}}}},
		{
			"PUT", "/pools?dryRun=true", `{"pools": [{"name": "blue", "resources": {"cpus": 1, "mem": 1024}}]}`,
			scheduler.Asked{DryRun: true, Command: scheduler.Apply{Pools: []scheduler.Pool{blue}, KeepNodes: []scheduler.PoolName{"blue"}}},
		},
		{"DELETE", "/pools/blue", "", scheduler.Asked{Command: scheduler.RemovePool{Pool: "blue"}}},
		{"POST", "/pools/blue/pause", "", scheduler.Asked{Command: scheduler.Pause{Pool: "blue"}}},
		{"POST", "/pools/blue/resume?dryRun=false", "", scheduler.Asked{Command: scheduler.Resume{Pool: "blue"}}},
		{"POST", "/pools/blue/rollback", "", scheduler.Asked{Command: scheduler.RollBack{Pool: "blue"}}},
		{"POST", "/pools/blue/restart", "", scheduler.Asked{Command: scheduler.RestartPool{Pool: "blue"}}},
		{"POST", "/nodes/blue-1/restart", "", scheduler.Asked{Command: scheduler.RestartNode{Node: "blue-1"}}},
		{"POST", "/nodes/blue-1/cancel?dryRun=1", "", scheduler.Asked{DryRun: true, Command: scheduler.CallOff{Node: "blue-1"}}},
		{"POST", "/teardown", `{"yes": true}`, scheduler.Asked{Command: scheduler.EndAll{}}},
	} {
		var got []scheduler.Asked
		server := serve(t, heard(t, scheduler.View{}, func(asked scheduler.Asked) scheduler.Reply {
			got = append(got, asked)
			return scheduler.Reply{Request: asked.Request, Lines: []string{"so it is"}}
		}))
		status, text, _ := ask(t, server, each.method, each.path, each.body)
		require.Equal(t, http.StatusOK, status, "%s %s: %s", each.method, each.path, text)
		require.JSONEq(t, `{"lines": ["so it is"]}`, text)
		each.want.Request = 1
		require.Equal(t, []scheduler.Asked{each.want}, got, "%s %s", each.method, each.path)
	}
}

func TestBadOrdersAreExplainedAndReachNobody(t *testing.T) {
	server := serve(t, heard(t, scheduler.View{}, func(asked scheduler.Asked) scheduler.Reply {
		t.Errorf("%v reached the core", asked)
		return scheduler.Reply{}
	}))
	for _, bad := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "/pools/workers/scale", `{"node": 3}`, 400, `want {"nodes": N}`},
		{"POST", "/pools/workers/scale", `{}`, 400, `want {"nodes": N}`},
		{"POST", "/pools/workers/scale", `{"nodes": "3"}`, 400, `want {"nodes": N}`},
		{"POST", "/pools/workers/scale", `{"nodes": -1}`, 400, `nodes is -1, want a whole number, 0 or more`},
		{"POST", "/pools/workers/scale", `{"nodes": 1.5}`, 400, `nodes is 1.5, want a whole number`},
		{"POST", "/pools/workers/scale", `{"nodes": 3} {"nodes": 0}`, 400, `something behind the value`},
		{"POST", "/pools/workers/scale", ``, 400, `want {"nodes": N}`},
		{"POST", "/pools/workers/scale?dryrun=true", `{"nodes": 3}`, 400, `parameter dryrun is ["true"], want dryRun`},
		{"POST", "/pools/workers/scale?dryRun=maybe", `{"nodes": 3}`, 400, `dryRun is "maybe", want true or false`},
		{"POST", "/pools/workers/scale?dryRun=", `{"nodes": 3}`, 400, `dryRun is "", want true or false`},
		{"POST", "/pools/workers/pause", `{"nodes": 3}`, 400, `want none`},
		{"POST", "/nodes/workers-1/cancel", `now`, 400, `want none`},
		{"POST", "/teardown", ``, 400, `want {"yes": true}`},
		{"POST", "/teardown", `{"yes": false}`, 400, `want {"yes": true}`},
		{"PUT", "/pools", ``, 400, "names no pool"},
		{"PUT", "/pools", `pools: []`, 400, "names no pool"},
		{"PUT", "/pools", `pools: [`, 400, "not YAML"},
		{"PUT", "/pools", anotherPool(", colour: red"), 400, `pool 1, "blue": colour is "red": json: unknown field "colour"`},
		{"PUT", "/pools", anotherPool(", nodes: -2"), 400, `nodes is -2, want a whole number`},
		{"PUT", "/pools", anotherPool(", overhead: {cpus: lots}"), 400, `overhead is {"cpus":"lots"}: "\"lots\"" is not an amount`},
		{"PUT", "/pools", anotherPool(", drain: {deadline: 10}"), 400, `drain is {"deadline":10}: 10 is not a duration`},
		{"PUT", "/pools", anotherPool(", maxUnavailable: -1"), 400, "maxUnavailable, maxSurge is -1, 0, want 0 or more"},
		{"PUT", "/pools", anotherPool(", kubelet: {cgroupRoot: /}"), 400, `pool "blue": kubelet spec: kubeletConfiguration.cgroupRoot may not be set`},
		{"PUT", "/pools", anotherPool(", kubelet: {maxPodz: 3}"), 400, `maxPodz`},
		{"PUT", "/pools", anotherPool(`, labels: {kubernetes.io/mine: x}`), 400, `labels is "kubernetes.io/mine", want a key that a kubelet may set`},
		{"PUT", "/pools", strings.Repeat("#", 1<<20+1), 413, "the request has 1048577 bytes, want at most the 1048576 of --max-request"},
		{"PUT", "/pools", anotherPool(", labels: {long: " + strings.Repeat("x", 200_000) + "}"), 400, `labels`},
		{"PUT", "/pools", anotherPool(", annotations: {long: " + strings.Repeat("x", 200_000) + "}"), 400, `pool "blue" has 200`},
		{"POST", "/pools/workers", "", 405, "Method Not Allowed"},
		{"POST", "/pools/workers/explode", "", 404, "not found"},
	} {
		status, text, _ := ask(t, server, bad.method, bad.path, bad.body)
		assert.Equal(t, bad.status, status, "%s %s %.100s: %s", bad.method, bad.path, bad.body, text)
		assert.Contains(t, text, bad.says)
	}
}

func TestRefusedOrdersSayWhetherTheNameIsKnown(t *testing.T) {
	view := scheduler.View{
		Pools: []scheduler.PoolView{{PoolRecord: scheduler.PoolRecord{Pool: scheduler.Pool{Name: "blue"}}}},
		Nodes: []scheduler.NodeView{{Node: scheduler.Node{Name: "blue-1"}}},
	}
	server := serve(t, heard(t, view, func(asked scheduler.Asked) scheduler.Reply {
		return scheduler.Reply{Request: asked.Request, Problem: "no, because"}
	}))
	for path, want := range map[string]int{
		"/pools/blue/pause": 422, "/pools/red/pause": 404, "/nodes/blue-1/cancel": 422, "/nodes/blue-2/cancel": 404,
	} {
		status, text, _ := ask(t, server, http.MethodPost, path, "")
		assert.Equal(t, want, status, path)
		assert.Equal(t, "no, because", text)
	}
	status, _, _ := ask(t, server, http.MethodPut, "/pools", anotherPool(""))
	require.Equal(t, 422, status)
}

// TestUnknownPoolsAreNotScaled asks the real core.
func TestUnknownPoolsAreNotScaled(t *testing.T) {
	w, _, server := leading(t)
	status, text, _ := ask(t, server, http.MethodPost, "/pools/worker/scale", `{"nodes": 3}`)
	require.Equal(t, http.StatusNotFound, status)
	require.Contains(t, text, `pool is "worker", want one of [workers]`)
	require.Empty(t, w.seen())
}

func TestADeletedPoolThatTheFlagsNameIsToldOf(t *testing.T) {
	a := heard(t, scheduler.View{}, func(asked scheduler.Asked) scheduler.Reply { return scheduler.Reply{Request: asked.Request} })
	a.options.Pools = []scheduler.Pool{{Name: "blue"}}
	server := serve(t, a)
	_, text, _ := ask(t, server, http.MethodDelete, "/pools/blue", "")
	require.Contains(t, text, "pool blue stands in --pool or --pools")
	_, text, _ = ask(t, server, http.MethodDelete, "/pools/red", "")
	require.JSONEq(t, `{"lines": []}`, text)
}

// TestPoolsComeBackAsTheyWentOut applies a file with every field, prints what is then saved, and applies that.
func TestPoolsComeBackAsTheyWentOut(t *testing.T) {
	var applied []scheduler.Apply
	server := serve(t, heard(t, scheduler.View{}, func(asked scheduler.Asked) scheduler.Reply {
		applied = append(applied, asked.Command.(scheduler.Apply))
		return scheduler.Reply{Request: asked.Request}
	}))
	client, err := operator.New([]string{server.URL})
	require.NoError(t, err)
	send := func(document string) scheduler.Apply {
		request, err := operator.Apply([]byte(document))
		require.NoError(t, err)
		_, err = client.Do(t.Context(), request, false)
		require.NoError(t, err)
		return applied[len(applied)-1]
	}
	first := send(everything)
	require.Len(t, first.Pools, 2)
	require.Empty(t, first.KeepNodes)
	var printed strings.Builder
	require.NoError(t, operator.WritePools(&printed, viewOf(first.Pools)))
	require.Equal(t, first, send(printed.String()), printed.String())
}

// everything is a pools file with a value other than the default for every field.
const everything = `
pools:
- name: all-of-it
  nodes: all
  resources: {cpus: 1.5, mem: 1024, disk: 100, gpus: 1}
  overhead: {cpus: 0.2, mem: 512, disk: 10}
  ports: 10250,30000-32767
  role: prod/web
  acceptedResourceRoles: [prod/web]
  reserve: true
  constraints: [[rack, MAX_PER, "2"], ["@zone", GROUP_BY], [kind, IS, web]]
  overlap: true
  labels: {team: blue}
  annotations: {example.com/why: "because: of <this> & that"}
  taints: ["dedicated=blue:NoSchedule"]
  kubelet: {maxPods: 50, evictionHard: {imagefs.available: 5%}}
  drain: {deadline: 5m, grace: 30s, then: wait}
  maxUnavailable: 2
  maxSurge: 1
  maxFailures: 0
  paused: true
  killSelection: fewestPods
  launchTimeout: 2m
  readyTimeout: 11m
  unreachable: {after: 1m, then: wait}
  maintenanceHorizon: 0s
  fenceAfter: 0s
  health: {startTimeout: 3m, hangTimeout: 2m, failures: 4, window: 5m}
  backoff: {initial: 2s, factor: 2, max: 1m}
- name: plain
  nodes: 0
  resources: {cpus: 1, mem: 1}
`

func viewOf(pools []scheduler.Pool) scheduler.View {
	view := scheduler.View{Pools: []scheduler.PoolView{{PoolRecord: scheduler.PoolRecord{Pool: scheduler.Pool{Name: "old"}, Deleted: true}}}}
	for _, pool := range pools {
		view.Pools = append(view.Pools, scheduler.PoolView{PoolRecord: scheduler.NewPoolRecord(pool)})
	}
	return view
}

// FuzzOrders: whatever is sent, the answer is one of those that are documented, and what reaches the core is in order.
func FuzzOrders(f *testing.F) {
	f.Add("POST", "/pools/blue/scale", "dryRun=true", `{"nodes": 3}`)
	f.Add("PUT", "/pools", "", everything)
	f.Add("DELETE", "/pools/blue", "", "")
	f.Add("POST", "/nodes/blue-1/restart", "", "")
	f.Add("POST", "/teardown", "dryRun=0", `{"yes": true}`)
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		if method == http.MethodGet || method == http.MethodHead {
			return // no order
		}
		taken := 0
		a := heard(t, scheduler.View{}, func(asked scheduler.Asked) scheduler.Reply {
			taken++
			if apply, ok := asked.Command.(scheduler.Apply); ok {
				assert.NoError(t, scheduler.ValidatePools(apply.Pools))
				assert.NotEmpty(t, apply.Pools)
			}
			return scheduler.Reply{Request: asked.Request}
		})
		status := answerTo(t, a, method, path, query, body)
		if taken > 0 {
			require.Equal(t, http.StatusOK, status)
		}
		require.Contains(t, []int{200, 301, 307, 400, 404, 405, 413}, status, fmt.Sprint(method, path, query))
	})
}

// answerTo is the status of one request, made without a network.
func answerTo(t *testing.T, a *operatorAPI, method, path, query, body string) int {
	a.registry = prometheus.NewRegistry()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://host/", strings.NewReader(body))
	request.Method, request.URL.Path, request.URL.RawQuery = method, path, query
	answer := httptest.NewRecorder()
	a.handler().ServeHTTP(answer, request)
	return answer.Code
}

// TestOrdersAreObeyed asks the real core, in the loop.
func TestOrdersAreObeyed(t *testing.T) {
	w, l, server := leading(t)
	tell(l, scheduler.Subscribed{Framework: "fw-1"})
	tell(l, scheduler.KubeSynced{})
	tell(l, scheduler.Offered{Offers: []scheduler.Offer{offer(1)}})
	eventually(t, w, "call scheduler.Accept")
	const workers = "pools: [{name: workers, resources: {cpus: 2, mem: 1024}, kubelet: {maxPods: 20}}]"
	for _, each := range []struct {
		order, body string
		status      int
		says        string
		saves       bool
	}{
		{"PUT /pools?dryRun=true", workers, 200, "node workers-1: Launching → Draining: outdated: the pool is at version 2, the node at 1", false},
		{"PUT /pools", workers, 200, "version 2 is rolled out", true},
		{"PUT /pools", workers, 200, "stays as it is", false},
		{"PUT /pools", "pools: [{name: a, nodes: 1, resources: {cpus: 1, mem: 1}}, {name: workers, nodes: all, resources: {cpus: 1, mem: 1}}]", 400, "may want the same hosts", false},
		{"PUT /pools", anotherPool(", nodes: all"), 422, `pools "blue" and "workers" may want the same hosts`, false},
		{"POST /pools/workers/pause", "", 200, "pauses", true},
		{"POST /pools/workers/pause", "", 422, "is paused already", false},
		{"POST /pools/workers/resume", "", 200, "resumes", true},
		{"POST /pools/workers/rollback", "", 200, "as version 3", true},
		{"POST /pools/workers/rollback", "", 422, "no definition to go back to", false},
		{"POST /pools/workers/restart?dryRun=true", "", 200, "as version 4", false},
		{"POST /pools/workers/restart", "", 200, "as version 4", true},
		{"POST /nodes/workers-1/cancel", "", 422, "the pool would replace it again: pause the pool first", false},
		{"POST /nodes/workers-9/cancel", "", 404, `node is "workers-9"`, false},
		{"POST /nodes/workers-1/restart?dryRun=true", "", 422, "node workers-1 is Draining already", false},
		{"PUT /pools?dryRun=true", anotherPool(", nodes: 1"), 200, "makes the pool", false},
		{"PUT /pools", anotherPool(", nodes: 1"), 200, "makes the pool", true},
		{"DELETE /pools/blue", "", 200, "deletes the pool", true},
		{"POST /teardown?dryRun=true", `{"yes": true}`, 200, "tears the framework down", false},
		{"POST /teardown", `{"yes": true}`, 200, "tears the framework down", true},
		{"POST /pools/workers/pause", "", 422, "being torn down", false},
	} {
		before := len(w.seen())
		method, path, _ := strings.Cut(each.order, " ")
		status, text, _ := ask(t, server, method, path, each.body)
		assert.Equal(t, each.status, status, "%s: %s", each.order, text)
		assert.Contains(t, text, each.says, each.order)
		assert.Equal(t, each.saves, len(w.seen()) > before, "%s: %v", each.order, w.seen()[before:])
	}
}
