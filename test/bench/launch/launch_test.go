//go:build bench

package launch_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/lab"
	"k8s-framework/internal/local/site"
	"k8s-framework/scheduler"
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
	rows := table{{"what", "least", "median", "most"}}
	rows = rows.add(hand, "kubelet started by hand, until Ready")
	rows = rows.add(ours, "LAUNCH until Ready", "LAUNCH at the master until the executor has it", "until the kubelet is started",
		"until it answers /healthz", "until Ready")
	rows = rows.add(larger, "LAUNCH of one more task until Allocatable", "until the old kubelet is asked to end", "until the new one is started",
		"until it answers /healthz", "until Allocatable is larger")
	rows.print(t, fmt.Sprintf("%d launches of each, in turn, and %d growths", rounds, growths))
	t.Logf("ours adds, by the medians: %v", milliseconds(median(ours, 0)-median(hand, 0)))
}

// rest lets the machine end what the other side has left: what containerd, the kernel and Mesos tidy up afterwards would be
// counted for the one that comes next.
func rest(t *testing.T) {
	select {
	case <-time.After(2 * time.Second):
	case <-t.Context().Done():
	}
}

// table is printed as Markdown.
type table [][]string

// add appends a row for each of the steps, which all runs have in the same order.
func (rows table) add(runs [][]time.Duration, names ...string) table {
	for i, name := range names {
		of := column(runs, i)
		rows = append(rows, []string{name, milliseconds(of[0]), milliseconds(median(runs, i)), milliseconds(of[len(of)-1])})
	}
	return rows
}

func (rows table) print(t *testing.T, title string) {
	var text strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&text, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(&text, "|%s\n", strings.Repeat("---|", len(row)))
		}
	}
	t.Logf("%s\n\n%s", title, text.String())
}

// column is one step of all runs, sorted.
func column(runs [][]time.Duration, step int) []time.Duration {
	var of []time.Duration
	for _, run := range runs {
		of = append(of, run[step])
	}
	slices.Sort(of)
	return of
}

// median is that of one step; runs are odd in number.
func median(runs [][]time.Duration, step int) time.Duration { return column(runs, step)[len(runs)/2] }

func milliseconds(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }
