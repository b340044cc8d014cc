package framework

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"k8s-framework/scheduler"
)

// ask sends a request and returns status and body, without following redirects.
func ask(t *testing.T, server *httptest.Server, method, path, body string) (int, string, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, strings.TrimSpace(string(text)), answer.Header
}

func serve(t *testing.T, a *operatorAPI) *httptest.Server {
	t.Helper()
	if a.registry == nil {
		a.registry = prometheus.NewRegistry()
	}
	server := httptest.NewServer(a.handler())
	t.Cleanup(server.Close)
	return server
}

// leading is the API of a loop that leads, until the test ends.
func leading(t *testing.T) (*world, *loop, *httptest.Server) {
	w := &world{}
	l := testLoop(t, w, 1)
	end := start(t, l)
	t.Cleanup(func() { _ = end() })
	a := &operatorAPI{options: DefaultOptions()}
	a.lead(l)
	return w, l, serve(t, a)
}

// line is an election of which these are known.
type line struct {
	leader, next string
	broken       error
}

func (l line) Leader(context.Context) (string, error) { return named(l.leader) }
func (l line) Next(context.Context) (string, error)   { return l.next, l.broken }

func named(address string) (string, error) {
	if address == "" {
		return "", errors.New("ZooKeeper is away")
	}
	return address, nil
}

func TestALeaderResignsWhereAnotherStandsBy(t *testing.T) {
	w := &world{}
	l := testLoop(t, w, 1)
	ended := make(chan error, 1)
	go func() { ended <- l.run(t.Context()) }()
	a := &operatorAPI{options: DefaultOptions()}
	a.lead(l)
	server := serve(t, a)

	a.takesPart(line{leader: "a:1"})
	status, text, _ := ask(t, server, http.MethodPost, "/abdicate", "")
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, text, "no other instance stands by")
	a.takesPart(line{leader: "a:1", broken: errors.New("no connection")})
	status, text, _ = ask(t, server, http.MethodPost, "/abdicate", "")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, text, "who would lead next is not known, nothing was changed: no connection")
	a.takesPart(line{leader: "a:1", next: "b:1"})
	status, _, _ = ask(t, server, http.MethodPost, "/abdicate", "really")
	require.Equal(t, http.StatusBadRequest, status)
	status, text, _ = ask(t, server, http.MethodPost, "/abdicate?dryRun=true", "")
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"lines": ["the leader resigns and ends; b:1 leads next"]}`, text)
	status, _, _ = ask(t, server, http.MethodGet, "/state", "")
	require.Equal(t, http.StatusOK, status, "a dry run changes nothing")
	status, _, _ = ask(t, server, http.MethodPost, "/abdicate?dry=true", "")
	require.Equal(t, http.StatusBadRequest, status)

	status, text, _ = ask(t, server, http.MethodPost, "/abdicate", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "b:1 leads next")
	require.ErrorIs(t, <-ended, errAbdicated)
}

func TestStandbysRedirectToTheLeader(t *testing.T) {
	a := &operatorAPI{options: DefaultOptions()}
	server := serve(t, a)
	status, text, _ := ask(t, server, http.MethodGet, "/state", "")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, text, "no instance leads")

	a.takesPart(line{leader: "leader.example:10260"})
	status, _, header := ask(t, server, http.MethodPost, "/pools/workers/scale", `{"nodes": 3}`)
	require.Equal(t, http.StatusTemporaryRedirect, status)
	require.Equal(t, "http://leader.example:10260/pools/workers/scale", header.Get("Location"))

	a.takesPart(line{})
	status, _, _ = ask(t, server, http.MethodGet, "/state", "")
	require.Equal(t, http.StatusServiceUnavailable, status)

	status, text, _ = ask(t, server, http.MethodGet, "/readyz", "")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "standby", text)
}

func TestReadinessSaysWhatIsMissing(t *testing.T) {
	w, l, server := leading(t)
	status, text, _ := ask(t, server, http.MethodGet, "/readyz", "")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, text, "not subscribed")
	tell(l, scheduler.Subscribed{Framework: "fw-1", Master: "m:5050"})
	eventually(t, w, "saved")
	status, text, _ = ask(t, server, http.MethodGet, "/readyz", "")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, text, "Kubernetes")
	tell(l, scheduler.KubeSynced{})
	require.Eventually(t, func() bool {
		status, text, _ := ask(t, server, http.MethodGet, "/readyz", "")
		return status == http.StatusOK && text == "leading"
	}, 5e9, 1e6)
}

func TestMetricsShowPoolsAndNodes(t *testing.T) {
	w := &world{}
	l := testLoop(t, w, 2)
	end := start(t, l)
	defer func() { _ = end() }()
	a := &operatorAPI{registry: prometheus.NewRegistry(), options: DefaultOptions()}
	a.registry.MustRegister(newViewCollector(a.overview))
	a.lead(l)
	tell(l, scheduler.Subscribed{Framework: "fw-1"})
	tell(l, scheduler.KubeSynced{})
	tell(l, scheduler.Offered{Offers: []scheduler.Offer{offer(1)}})
	eventually(t, w, "call scheduler.Accept")
	_, text, _ := ask(t, serve(t, a), http.MethodGet, "/metrics", "")
	require.Contains(t, text, `k8s_framework_nodes{phase="Launching",pool="workers"} 1`)
	require.Contains(t, text, `k8s_framework_nodes_wanted{pool="workers"} 2`)
	require.Contains(t, text, `k8s_framework_nodes_missing{pool="workers"} 1`)
	require.Contains(t, text, `k8s_framework_nodes_outdated{pool="workers"} 0`)
	require.Contains(t, text, `k8s_framework_rollout_stopped{pool="workers"} 0`)
}

func TestAPoolOfAllWantsWhatItHas(t *testing.T) {
	view := scheduler.PoolView{Phases: map[scheduler.Phase]int{scheduler.Ready: 3, scheduler.Draining: 1, scheduler.NotReady: 1}}
	view.Nodes = scheduler.All
	require.Equal(t, 4, nodesWanted(view))
}
