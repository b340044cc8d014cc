//go:build bench

package scale_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"k8s-framework/internal/local/site"
)

const (
	// calm is how long a leader is left alone before it is looked at: Go collects its garbage every two minutes, and what the launch
	// has left in pools is garbage after the second time.
	calm = 4*time.Minute + 15*time.Second
	// idleFor is how long it is looked at.
	idleFor = 60 * time.Second
)

// BenchmarkIdle looks at a leader whose nodes are all Ready, with nothing to do but to hear the kubelets' heartbeats, and with a
// Prometheus that asks for the metrics every 15 s; and then at the same without heartbeats.
func BenchmarkIdle(b *testing.B) {
	for _, agents := range []int{1000, 10_000, 50_000} {
		b.Run(fmt.Sprintf("agents=%d", agents), func(b *testing.B) {
			for b.Loop() {
				idle(b, agents)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func idle(b *testing.B, agents int) {
	c := startCluster(b, agents, 1)
	defer c.close(b)
	c.scale(b, agents)
	c.allRunning(b, agents)
	names := c.join(b)
	leader := c.Instances[0]
	ctx, end := context.WithCancel(b.Context())
	var beating sync.WaitGroup
	beating.Go(func() { c.beat(ctx, b, names) })
	time.Sleep(calm)
	before, usedBefore, began := c.counts(b), used(b, leader), time.Now()
	u := watched(b, leader)
	after, passed := c.counts(b), time.Since(began)
	profile(b, leader, "heap")
	profile(b, leader, "profile?seconds=30")
	end()
	beating.Wait()
	silent := used(b, leader)
	still := watched(b, leader)

	calls := int64(0)
	for name, made := range after.Master.Calls {
		calls += made.Number - before.Master.Calls[name].Number
	}
	b.ReportMetric(100*(u.cpu-usedBefore.cpu).Seconds()/passed.Seconds(), "%-of-a-core")
	b.ReportMetric(100*(still.cpu-silent.cpu).Seconds()/idleFor.Seconds(), "%-without-heartbeats")
	b.ReportMetric(float64(u.rss)/1e6, "rss-MB")
	b.ReportMetric(u.metrics["go_memstats_heap_inuse_bytes"]/1e6, "heap-MB")
	b.ReportMetric(float64(calls)/passed.Seconds(), "calls/s")
	b.ReportMetric(u.since(usedBefore, "k8s_framework_events_total")/passed.Seconds(), "events/s")
	b.ReportMetric(u.since(usedBefore, "k8s_framework_changes_total")/passed.Seconds(), "records/s")
	b.ReportMetric(u.metrics["go_goroutines"], "goroutines")
}

// watched lets time pass, and asks for the metrics now and then, at last when it is over.
func watched(b *testing.B, leader *site.Instance) (u usage) {
	for range idleFor / (15 * time.Second) {
		time.Sleep(15 * time.Second)
		u = used(b, leader)
	}
	return u
}
