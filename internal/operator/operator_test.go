package operator

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"k8s-framework/scheduler"
)

func TestStatusAnswersAtThreeInTheMorning(t *testing.T) {
	now := time.Date(2030, 1, 1, 3, 0, 0, 0, time.UTC)
	pool := scheduler.DefaultPool()
	pool.Name, pool.Nodes, pool.Resources = "workers", 3, scheduler.Resources{CPUs: 1500, Mem: 1_024_000}
	backoff := now.Add(time.Minute)
	view := scheduler.View{
		FrameworkID: "fw-1", KubernetesSeen: true,
		Pools: []scheduler.PoolView{{
			PoolRecord: scheduler.NewPoolRecord(pool), Missing: 1, Phases: map[scheduler.Phase]int{scheduler.Ready: 1, scheduler.Draining: 1}, Backoff: &backoff,
			Refusals: []scheduler.RefusalView{{Agent: "a3", Host: "h3", At: now, Why: "mem: the pool needs 1280, overhead included, 256 short"}},
		}},
		Nodes: []scheduler.NodeView{
			{
				Node: scheduler.Node{
					Name: "workers-1", Pool: "workers", Agent: "a1", Host: "h1", Phase: scheduler.Ready, Why: "Kubernetes says Ready",
					Launched: now.Add(-26 * time.Hour), Since: now.Add(-25*time.Hour - 30*time.Minute),
				},
				AllocatableCPU: 1500, AllocatableMem: 1 << 30, Drift: "Allocatable is 1500m CPU and 1 bytes",
			},
			{
				Node: scheduler.Node{
					Name: "workers-2", Pool: "workers", Agent: "a2", Host: "h2", Phase: scheduler.Draining, Drain: pool.Drain,
					Why:      "1 pods left; blocked: pod default/web-1 by budget web",
					Launched: now.Add(-5 * time.Minute), Since: now.Add(-30 * time.Second), DrainBy: now.Add(9 * time.Minute),
				},
			},
		},
		Orphans: []scheduler.TaskID{"workers-7.1"},
	}
	var out strings.Builder
	require.NoError(t, Print(&out, view, now))
	require.Equal(t, `FRAMEWORK   fw-1
MESOS       NOT SUBSCRIBED
KUBERNETES  watched

POOL     WANTED  MISSING  NODES                EACH
workers  3       1        1 Draining, 1 Ready  cpus:1.5; mem:1024

NODE       PHASE     HOST  AGENT  AGE    ALLOCATABLE   WHY
workers-1  Ready     h1    a1     26h0m  1500m/1024Mi  Kubernetes says Ready (for 25h30m)
workers-2  Draining  h2    a2     5m     -             1 pods left; blocked: pod default/web-1 by budget web (for 30s); deadline 2030-01-01T03:09:00Z, then force

LOOK AT
pool workers is not on host h3: mem: the pool needs 1280, overhead included, 256 short
pool workers launches again at 2030-01-01T03:01:00Z, after failures
node workers-1: Allocatable is 1500m CPU and 1 bytes
task workers-7.1 runs without a record
`, out.String())
}

func TestInstancesAreAskedInTurn(t *testing.T) {
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, dead.Close())
	leader := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/pools/workers/scale" {
			http.Error(w, "nodes is too many", http.StatusUnprocessableEntity)
			return
		}
		_, _ = w.Write([]byte(`{"frameworkID": "fw-1"}`))
	}))
	defer leader.Close()
	standby := httptest.NewServer(http.RedirectHandler(leader.URL+"/state", http.StatusTemporaryRedirect))
	defer standby.Close()

	c, err := New([]string{dead.Addr().String(), standby.URL})
	require.NoError(t, err)
	view, err := c.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, scheduler.FrameworkID("fw-1"), view.FrameworkID)

	c, err = New([]string{strings.TrimPrefix(leader.URL, "http://")})
	require.NoError(t, err)
	require.ErrorContains(t, c.Scale(t.Context(), "workers", 9), "nodes is too many")

	c, err = New([]string{dead.Addr().String()})
	require.NoError(t, err)
	_, err = c.State(t.Context())
	require.ErrorContains(t, err, "no instance of k8s-framework answers")
	require.ErrorContains(t, err, dead.Addr().String())
}

func TestBadServersAreNamed(t *testing.T) {
	for _, server := range []string{"", "https://x:1", "::"} {
		_, err := New([]string{server})
		require.ErrorContains(t, err, "--server is \""+server+"\"")
	}
	_, err := New(nil)
	require.ErrorContains(t, err, "--server is empty")
}
