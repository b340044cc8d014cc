//go:build bench

package scale_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/process"
	"k8s-framework/internal/local/site"
	"k8s-framework/test/bench/table"
)

// TestBenchSoak lets one leader launch and end half of its nodes again and again, with a Mesos master that fails over now and then, and
// looks at what it holds when all that is garbage was collected. SOAK says for how long, 5m by default.
func TestBenchSoak(t *testing.T) {
	const agents, few, rounds = 1000, 500, 5
	lasts := 5 * time.Minute
	if text := os.Getenv("SOAK"); text != "" {
		var err error
		lasts, err = time.ParseDuration(text)
		require.NoError(t, err, "SOAK")
	}
	c := startCluster(t, agents, 1)
	defer c.close(t)
	leader := c.Instances[0]
	began, cycles := time.Now(), 0
	cycle := func() {
		for _, nodes := range []int{agents, few} {
			c.scale(t, nodes)
			c.nodes(t, leader, nodes)
		}
		if cycles++; cycles%rounds == 0 {
			answer, err := http.Post("http://"+c.Masters[0].Address+"/hollow/failover", "", nil)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.Equal(t, http.StatusAccepted, answer.StatusCode)
		}
	}
	rows := table.Table{{"after", "cycles", "nodes launched", "heap, collected", "objects", "goroutines", "open files", "resident"}}
	for look := began.Add(lasts / 10); time.Since(began) < lasts; look = look.Add(lasts / 10) {
		for time.Now().Before(look) {
			cycle()
		}
		u := collected(t, leader)
		profile(t, leader, fmt.Sprintf("heap?after=%d", len(rows)))
		rows = append(rows, []string{
			time.Since(began).Round(time.Second).String(), fmt.Sprint(cycles), fmt.Sprint(c.counts(t).Master.Launched.Number),
			fmt.Sprintf("%.1f MB", u.metrics["go_memstats_heap_alloc_bytes"]/1e6), fmt.Sprintf("%.0f", u.metrics["go_memstats_heap_objects"]),
			fmt.Sprintf("%.0f", u.metrics["go_goroutines"]), fmt.Sprintf("%.0f", u.metrics["process_open_fds"]), fmt.Sprintf("%d MB", u.rss/1e6),
		})
	}
	t.Logf("%d agents, %d to %d nodes and back, the master fails over every %d times\n\n%s", agents, few, agents, rounds, rows)
}

// nodes waits until so many nodes run and no other is left.
func (c *cluster) nodes(t testing.TB, leader *site.Instance, wanted int) {
	require.NoError(t, process.WaitFor(t.Context(), fmt.Sprintf("%d nodes", wanted), func(context.Context) error {
		u := used(t, leader)
		there := u.metrics[`k8s_framework_nodes{phase="NotReady",pool="`+pool+`"}`]
		all := 0.0
		for _, phase := range []string{"Launching", "NotReady", "Ready", "Unreachable", "Draining", "Stopping", "Gone"} {
			all += u.metrics[`k8s_framework_nodes{phase="`+phase+`",pool="`+pool+`"}`]
		}
		if int(there) != wanted || all != there {
			return fmt.Errorf("%v of %v", there, all)
		}
		return nil
	}))
}

// collected is what an instance uses when its garbage is gone.
func collected(t testing.TB, i *site.Instance) usage {
	for range 2 { // what is in pools goes the second time
		answer, err := http.Get("http://" + i.Address + "/debug/pprof/heap?gc=1")
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
	}
	return used(t, i)
}
