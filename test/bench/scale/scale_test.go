//go:build bench

package scale_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBenchScale(t *testing.T) {
	for _, agents := range []int{1000, 10_000, 50_000} {
		t.Run(fmt.Sprintf("agents=%d", agents), func(t *testing.T) {
			c := startCluster(t, agents, 1)
			time.Sleep(2 * time.Second)
			before, beforeUsed := c.counts(t), used(t, c.Instances[0])
			began := time.Now()
			_, err := c.Command(t.Context(), "scale", pool, fmt.Sprint(agents))
			require.NoError(t, err)
			after := c.await(t, "all tasks to be launched and acknowledged", func(now counts) bool {
				return now.Master.Launched.Number == int64(agents) && now.Agents.Acknowledged == now.Agents.Updates && now.Agents.Running == int64(agents)
			})
			u := used(t, c.Instances[0])
			t.Logf("command to first launch %v, to last launch %v, to last acknowledgement %v", time.Unix(0, after.Master.Launched.First).Sub(began),
				time.Unix(0, after.Master.Launched.Last).Sub(began), time.Unix(0, after.Master.Calls["ACKNOWLEDGE"].Last).Sub(began))
			t.Logf("cpu %v rss %d MiB peak %d MiB mallocs %.0f changes %.0f saves %.0f (%.3f s), steps %.3f s", u.cpu-beforeUsed.cpu, u.rss>>20, u.peak>>20,
				u.since(beforeUsed, "go_memstats_mallocs_total"), u.since(beforeUsed, "k8s_framework_changes_total"),
				u.since(beforeUsed, "k8s_framework_save_seconds_count"), u.since(beforeUsed, "k8s_framework_save_seconds_sum"), u.since(beforeUsed, "k8s_framework_step_seconds_sum"))
			t.Logf("read %d written %d", after.Master.Read.Number-before.Master.Read.Number, after.Master.Written.Number-before.Master.Written.Number)
			t.Logf("%+v", after)
		})
	}
}
