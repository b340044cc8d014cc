//go:build bench

package launch_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/lab"
	"k8s-framework/internal/local/site"
	"k8s-framework/scheduler"
	"k8s-framework/test/bench/table"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m.Run)) }

const (
	pool    = "workers"
	rounds  = 7
	growths = 5
)

// bench is one host of a site, on which both sides take turns.
type bench struct {
	site      *site.Site
	agent     *site.Agent
	framework scheduler.FrameworkID
	watcher   *watcher
	recipe    recipe
}

func TestBenchLaunch(t *testing.T) {
	s, err := site.Start(context.WithoutCancel(t.Context()), site.Options{
		Agents: 1, Masters: 1, Instances: 1,
		AgentResources: "cpus:2;mem:2048;disk:10000;ports:[31000-32000]",
		InstanceFlags:  []string{"--pool=name=" + pool + ",nodes=0,cpus=1,mem=1024"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	_, err = s.LeadingInstance(t.Context())
	require.NoError(t, err)
	view, err := s.State(t.Context())
	require.NoError(t, err)
	b := &bench{site: s, agent: s.Agents[0], framework: view.FrameworkID, watcher: watch(t, s.Kube.Client())}

	// The first kubelet of a host signs itself a certificate: neither side is measured with that.
	b.launch(t)
	b.recipe = recipeOf(t, b.agent.Host.Name())
	b.leave(t)
	var hand, ours, larger [][]time.Duration
	for i := range rounds {
		rest(t)
		hand = append(hand, []time.Duration{b.byHand(t, i)})
		rest(t)
		ours = append(ours, b.launch(t))
		if i < rounds-1 {
			b.leave(t)
		}
	}
	for i := range growths {
		larger = append(larger, b.grow(t, i+1))
	}
	rows := table.Table{{"what", "least", "median", "most"}}
	rows = append(rows, summary(hand, "kubelet started by hand, until Ready")...)
	rows = append(rows, summary(ours, "LAUNCH until Ready", "LAUNCH at the master until the executor has it", "until the kubelet is started",
		"until it answers /healthz", "until Ready")...)
	rows = append(rows, summary(larger, "LAUNCH of one more task until Allocatable", "until the old kubelet is asked to end",
		"until the new one is started", "until it answers /healthz", "until Allocatable is larger")...)
	t.Logf("%d launches of each, in turn, and %d growths\n\n%v", rounds, growths, rows)
	t.Logf("ours adds, by the medians: %v", table.Milliseconds(table.Median(column(ours, 0))-table.Median(column(hand, 0))))
}

// rest lets the machine end what the other side has left: what containerd, the kernel and Mesos tidy up afterwards would be
// counted for the one that comes next.
func rest(t *testing.T) {
	select {
	case <-time.After(2 * time.Second):
	case <-t.Context().Done():
	}
}

// summary is a row for each of the steps, which all runs have in the same order.
func summary(runs [][]time.Duration, names ...string) table.Table {
	var rows table.Table
	for i, name := range names {
		rows = append(rows, append([]string{name}, table.Spread(column(runs, i))...))
	}
	return rows
}

// column is one step of all runs.
func column(runs [][]time.Duration, step int) []time.Duration {
	var of []time.Duration
	for _, run := range runs {
		of = append(of, run[step])
	}
	return of
}
