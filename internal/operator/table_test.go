package operator

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"k8s-framework/scheduler"
)

// badNight is a state with something of everything.
func badNight(now time.Time) scheduler.View {
	pool := func(name scheduler.PoolName, nodes scheduler.Count, rollout scheduler.Rollout) scheduler.PoolView {
		p := scheduler.DefaultPool()
		p.Name, p.Nodes, p.Resources = name, nodes, scheduler.Resources{CPUs: 1500, Mem: 1_024_000}
		return scheduler.PoolView{PoolRecord: scheduler.PoolRecord{Pool: p, Rollout: rollout}, Phases: map[scheduler.Phase]int{}}
	}
	node := func(name scheduler.NodeName, pool scheduler.PoolName, number int, phase scheduler.Phase, version int64) scheduler.NodeView {
		return scheduler.NodeView{Node: scheduler.Node{
			Name: name, Pool: pool, Agent: scheduler.AgentID(fmt.Sprint("a", number)), Host: scheduler.Hostname(fmt.Sprint("h", number)), Phase: phase,
			Version: version, Why: "Kubernetes says Ready", Launched: now.Add(-26 * time.Hour), Since: now.Add(-25*time.Hour - 30*time.Minute),
			Drain: scheduler.DefaultPool().Drain,
		}}
	}
	batch := pool("batch", scheduler.All, scheduler.Rollout{Version: 3, RolledBack: "version 2 failed on 3 nodes, maxFailures is 3; last: Mesos says TASK_FAILED"})
	batch.Phases[scheduler.Ready], batch.Paused, batch.Outdated = 1, true, 1
	for i := range 5 {
		batch.Refusals = append(batch.Refusals, scheduler.RefusalView{Host: scheduler.Hostname(fmt.Sprint("h", 10+i)), Why: "the host has a node of pool workers"})
	}
	backoff := now.Add(time.Minute)
	workers := pool("workers", 3, scheduler.Rollout{Version: 4})
	workers.Missing, workers.Backoff, workers.Rollout.Failures = 1, &backoff, 1
	workers.Phases[scheduler.Ready], workers.Phases[scheduler.Draining] = 1, 1
	workers.Refusals = []scheduler.RefusalView{{Agent: "a3", Host: "h3", At: now, Why: "mem: the pool needs 1280, overhead included, 256 short"}}
	old := pool("old", 0, scheduler.Rollout{Version: 1, Done: true})
	old.Deleted, old.Phases[scheduler.Draining] = true, 1

	drifted := node("workers-1", "workers", 1, scheduler.Ready, 4)
	drifted.AllocatableCPU, drifted.AllocatableMem, drifted.Drift = 1500, 1<<30, "Allocatable is 1500m CPU and 1 bytes"
	drains := node("workers-2", "workers", 2, scheduler.Draining, 3)
	drains.Why, drains.Since, drains.DrainBy = "1 pods left; blocked: pod default/web-1 by budget web", now.Add(-30*time.Second), now.Add(9*time.Minute)
	waits := node("old-5", "old", 5, scheduler.Draining, 1)
	waits.Why, waits.Since, waits.DrainBy = "1 pods left; blocked: pod default/db-0 by budget db", now.Add(-3*time.Hour), now.Add(-2*time.Hour)
	waits.Node.Drain.Then = scheduler.Wait
	return scheduler.View{
		FrameworkID: "fw-1", KubernetesSeen: true,
		Pools:   []scheduler.PoolView{batch, old, workers},
		Nodes:   []scheduler.NodeView{drifted, drains, node("batch-4", "batch", 4, scheduler.Ready, 1), waits},
		Orphans: []scheduler.TaskID{"workers-7.1"},
		Maintenance: []scheduler.MaintenanceView{
			{Agent: "a4", Host: "h4", From: now.Add(2 * time.Hour), Until: now.Add(4 * time.Hour)}, {Agent: "a9", From: now.Add(time.Hour)},
		},
	}
}

const badNightTable = `FRAMEWORK   fw-1
MESOS       NOT SUBSCRIBED
KUBERNETES  watched

POOL     WANTED  MISSING  NODES                EACH                VERSION
batch    all     0        1 Ready              cpus:1.5; mem:1024  3, ROLLED BACK, paused, 1 to go
old      0       0        1 Draining           cpus:1.5; mem:1024  being deleted
workers  3       1        1 Draining, 1 Ready  cpus:1.5; mem:1024  4, not all in place, 1 failed

NODE       PHASE     HOST  AGENT  AGE    ALLOCATABLE   WHY
workers-1  Ready     h1    a1     26h0m  1500m/1024Mi  Kubernetes says Ready (for 25h30m)
workers-2  Draining  h2    a2     26h0m  -             1 pods left; blocked: pod default/web-1 by budget web (for 30s); deadline 2030-01-01T03:09:00Z, then force; outdated: version 3
batch-4    Ready     h4    a4     26h0m  -             Kubernetes says Ready (for 25h30m); outdated: version 1
old-5      Draining  h5    a5     26h0m  -             1 pods left; blocked: pod default/db-0 by budget db (for 3h0m); deadline 2030-01-01T01:00:00Z, then wait

MAINTENANCE OF  HOST  FROM                  UNTIL
a4              h4    2030-01-01T05:00:00Z  2030-01-01T07:00:00Z
a9              -     2030-01-01T04:00:00Z  -

LOOK AT
pool batch has the definition of before again: version 2 failed on 3 nodes, maxFailures is 3; last: Mesos says TASK_FAILED
pool batch is paused with 1 nodes to go
pool batch is not on 5 hosts (h10, h11, h12, …): the host has a node of pool workers
pool workers is not on host h3: mem: the pool needs 1280, overhead included, 256 short
pool workers launches again at 2030-01-01T03:01:00Z, after failures
node workers-1: Allocatable is 1500m CPU and 1 bytes
node old-5 drains since 2030-01-01T00:00:00Z, past its deadline, and its pool waits: 1 pods left; blocked: pod default/db-0 by budget db
task workers-7.1 runs without a record
`

func TestStatusAnswersAtThreeInTheMorning(t *testing.T) {
	now := time.Date(2030, 1, 1, 3, 0, 0, 0, time.UTC)
	var out strings.Builder
	require.NoError(t, Print(&out, badNight(now), now))
	require.Equal(t, badNightTable, out.String())
}

func TestTheDocumentedTableIsTheOneThatIsPrinted(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	require.True(t, strings.Contains(string(text), badNightTable), "docs/operations.md, \"Status\", shows another table than the test above")
}

func TestVersionsSayHowFarAChangeIs(t *testing.T) {
	for want, set := range map[string]func(*scheduler.PoolView){
		"3":                             func(p *scheduler.PoolView) { p.Rollout.Done = true },
		"3, 2 to go":                    func(p *scheduler.PoolView) { p.Outdated = 2 },
		"3, not all in place":           func(*scheduler.PoolView) {},
		"3, not all in place, 1 failed": func(p *scheduler.PoolView) { p.Rollout.Failures = 1 },
		"3, paused":                     func(p *scheduler.PoolView) { p.Paused = true },
		"3, STOPPED, 2 to go":           func(p *scheduler.PoolView) { p.Rollout.Stopped, p.Outdated = "failures", 2 },
		"3, ROLLED BACK":                func(p *scheduler.PoolView) { p.Rollout.RolledBack, p.Rollout.Done = "failures", true },
	} {
		p := scheduler.PoolView{PoolRecord: scheduler.PoolRecord{Rollout: scheduler.Rollout{Version: 3}}}
		set(&p)
		require.Equal(t, want, change(&p))
	}
}

func TestATeardownIsShown(t *testing.T) {
	var out strings.Builder
	require.NoError(t, Print(&out, scheduler.View{Teardown: scheduler.TearingDown}, time.Time{}))
	require.Contains(t, out.String(), "TEARDOWN    draining\n")
	require.NotContains(t, out.String(), "MAINTENANCE")
	require.NotContains(t, out.String(), "LOOK AT")
}

func TestManyReasonsAreCutShort(t *testing.T) {
	var p scheduler.PoolView
	p.Name = "workers"
	for i := range 25 {
		p.Refusals = append(p.Refusals, scheduler.RefusalView{Host: scheduler.Hostname(fmt.Sprint("h", i)), Why: fmt.Sprint(i, " short")})
	}
	own := scheduler.View{Nodes: []scheduler.NodeView{{Node: scheduler.Node{Name: "workers-1", Pool: "workers", Host: "own"}}}}
	p.Refusals = append(p.Refusals, scheduler.RefusalView{Host: "own", Why: "the host has node workers-1"})
	lines := refusals(own, &p)
	require.Len(t, lines, maxReasons+1)
	require.Equal(t, "pool workers is not on 15 hosts more: k8s-framework status -o json", lines[maxReasons])
}
