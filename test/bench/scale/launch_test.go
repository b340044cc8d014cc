//go:build bench

package scale_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkLaunch wants a node on every agent, all at once: from the operator's command until each task was launched, and until each
// TASK_STARTING and TASK_RUNNING is acknowledged. Before an ACCEPT its nodes are saved, and before an acknowledgement what it changed.
func BenchmarkLaunch(b *testing.B) {
	for _, agents := range []int{1000, 10_000, 50_000} {
		b.Run(fmt.Sprintf("agents=%d", agents), func(b *testing.B) {
			for b.Loop() {
				launch(b, agents)
			}
			b.ReportMetric(0, "ns/op") // the whole, with the start of the cluster, says nothing
		})
	}
}

func launch(b *testing.B, agents int) {
	c := startCluster(b, agents, 1)
	defer c.close(b)
	settle(b)
	leader := c.Instances[0]
	before, usedBefore := c.counts(b), used(b, leader)
	asked := time.Now()
	c.scale(b, agents)
	after := c.allRunning(b, agents)
	u := used(b, leader)

	acknowledged := after.Master.Calls["ACKNOWLEDGE"]
	launched := time.Unix(0, after.Master.Launched.Last).Sub(asked)
	b.ReportMetric(launched.Seconds(), "s-to-launched")
	b.ReportMetric(time.Unix(0, acknowledged.Last).Sub(asked).Seconds(), "s-to-acknowledged")
	b.ReportMetric(float64(agents)/launched.Seconds(), "launches/s")
	b.ReportMetric(float64(acknowledged.Number)/seconds(after.Master.Events["UPDATE"].First, acknowledged.Last), "acks/s")
	b.ReportMetric((u.cpu - usedBefore.cpu).Seconds(), "cpu-s")
	b.ReportMetric(u.since(usedBefore, "go_memstats_mallocs_total")/float64(agents), "allocs/node")
	b.ReportMetric(float64(u.rss)/1e6, "rss-MB")
	b.ReportMetric(float64(u.peak)/1e6, "peak-MB")
	b.ReportMetric(u.since(usedBefore, "k8s_framework_changes_total"), "records")
	b.ReportMetric(u.since(usedBefore, "k8s_framework_save_seconds_count"), "saves")
	b.ReportMetric(u.since(usedBefore, "k8s_framework_save_seconds_sum"), "s-saving")
	b.ReportMetric(u.since(usedBefore, "k8s_framework_step_seconds_sum"), "s-deciding")
	b.ReportMetric(float64(after.Master.Read.Number-before.Master.Read.Number)/float64(agents), "B-sent/node")
	b.ReportMetric(float64(after.Master.Written.Number-before.Master.Written.Number)/float64(agents), "B-received/node")
}

// scale asks for so many nodes.
func (c *cluster) scale(t testing.TB, nodes int) {
	_, err := c.Command(t.Context(), "scale", pool, fmt.Sprint(nodes))
	require.NoError(t, err)
}

// allRunning waits until so many tasks run and everything is acknowledged.
func (c *cluster) allRunning(t testing.TB, tasks int) counts {
	return c.await(t, "all tasks to be launched and acknowledged", func(now counts) bool {
		return now.Agents.Running == int64(tasks) && now.Agents.Acknowledged == now.Agents.Updates-now.Agents.Repeated
	})
}

// settle lets the machine end what the start has left.
func settle(t testing.TB) {
	select {
	case <-time.After(2 * time.Second):
	case <-t.Context().Done():
	}
}

// seconds is the time between two moments that the master has noted.
func seconds(from, to int64) float64 { return time.Duration(to - from).Seconds() }
