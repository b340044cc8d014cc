//go:build bench

package scale_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	gozk "github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/process"
	"k8s-framework/internal/operator"
)

// BenchmarkKill kills the leader. All times but the first are from the moment in which the other instance has won the election:
// ZooKeeper says when that was.
func BenchmarkKill(b *testing.B) {
	for _, agents := range []int{1000, 10_000, 50_000} {
		b.Run(fmt.Sprintf("agents=%d", agents), func(b *testing.B) {
			c := pair(b, agents)
			for b.Loop() {
				c.kill(b)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkAbdicate makes the leader resign: for how long was nobody subscribed, and for how long did nobody decide?
func BenchmarkAbdicate(b *testing.B) {
	for _, agents := range []int{1000, 10_000, 50_000} {
		b.Run(fmt.Sprintf("agents=%d", agents), func(b *testing.B) {
			c := pair(b, agents)
			for b.Loop() {
				c.abdicate(b)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// spare agents have no node yet: one more is wanted after each kill.
const spare = 20

// kept is the cluster of the last failover, for the next: -count repeats each benchmark, and the start takes much longer than it.
var kept *cluster

// pair is a cluster with two instances, whose nodes are Ready.
func pair(b *testing.B, agents int) *cluster {
	if kept != nil && kept.agents == agents+spare {
		return kept
	}
	leave(b)
	kept = startCluster(b, agents+spare, 2)
	kept.wanted = agents
	kept.scale(b, agents)
	kept.allRunning(b, agents)
	kept.join(b)
	settle(b)
	return kept
}

// leave ends the cluster that is kept, if there is one.
func leave(t testing.TB) {
	if kept != nil {
		kept.close(t)
		kept = nil
	}
}

func (c *cluster) kill(b *testing.B) {
	leader, err := c.LeadingInstance(b.Context())
	require.NoError(b, err)
	epoch, changed := c.epoch(b)
	before := c.counts(b)
	killed := time.Now()
	require.NoError(b, leader.Kill())
	<-changed
	won := c.wonBy(b, epoch)
	tasks := c.wanted
	c.wanted++
	c.oneMore(b, c.wanted)
	launched := c.await(b, "one more launch", func(now counts) bool { return now.Master.Launched.Number > before.Master.Launched.Number })
	after := c.await(b, "the reconciliation", func(now counts) bool {
		return now.Master.Reconciled.Number-before.Master.Reconciled.Number >= int64(tasks)
	})
	b.ReportMetric(won.Sub(killed).Seconds(), "s-to-election")
	b.ReportMetric(seconds(won.UnixNano(), after.Master.Subscribed.Last), "s-to-subscribed")
	b.ReportMetric(seconds(won.UnixNano(), after.Master.Reconciled.Last), "s-to-reconciled")
	b.ReportMetric(seconds(won.UnixNano(), launched.Master.Launched.Last), "s-to-first-launch")
	c.revive(b)
}

// oneMore asks for one node more, until a leader takes it.
func (c *cluster) oneMore(b *testing.B, nodes int) {
	client, err := operator.New(c.Servers())
	require.NoError(b, err)
	request, err := operator.Scale(pool, fmt.Sprint(nodes))
	require.NoError(b, err)
	for {
		if _, err = client.Do(b.Context(), request, false); err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func (c *cluster) abdicate(b *testing.B) {
	client, err := operator.New(c.Servers())
	require.NoError(b, err)
	epoch, _ := c.epoch(b)
	asked := time.Now()
	_, err = client.Do(b.Context(), operator.Abdicate(), false)
	require.NoError(b, err)
	won := c.wonBy(b, epoch)
	leads := c.decides(b)
	after := c.counts(b)
	b.ReportMetric(won.Sub(asked).Seconds(), "s-to-election")
	b.ReportMetric(seconds(asked.UnixNano(), after.Master.Subscribed.Last), "s-to-subscribed")
	b.ReportMetric(leads.Sub(asked).Seconds(), "s-to-deciding")
	c.revive(b)
}

// decides waits until an instance answers out of its loop, which it does when it has loaded its nodes.
func (c *cluster) decides(b *testing.B) time.Time {
	for {
		for _, server := range c.Servers() {
			answer, err := http.Get("http://" + server + "/readyz")
			if err != nil {
				continue // it has ended
			}
			text, err := io.ReadAll(answer.Body)
			require.NoError(b, errors.Join(err, answer.Body.Close()))
			if bytes.HasPrefix(text, []byte("leading")) {
				return time.Now()
			}
		}
	}
}

// revive starts what has ended again, and waits until one leads and one stands by.
func (c *cluster) revive(b *testing.B) {
	for i, instance := range c.Instances {
		select {
		case <-instance.Done():
			_, err := c.RestartInstance(b.Context(), i)
			require.NoError(b, err)
		case <-time.After(time.Second): // one that abdicates is about to end
		}
	}
	_, err := c.LeadingInstance(b.Context())
	require.NoError(b, err)
	settle(b)
}

// epoch is the number of the election of now, and a channel that tells of the next change of what belongs to it.
func (c *cluster) epoch(b *testing.B) (int64, <-chan gozk.Event) {
	number, _, changed := c.readEpoch(b)
	return number, changed
}

// wonBy waits until a later election is won, and returns when that was.
func (c *cluster) wonBy(b *testing.B, before int64) time.Time {
	var won time.Time
	require.NoError(b, process.WaitFor(b.Context(), "another election", func(context.Context) error {
		number, at, _ := c.readEpoch(b)
		if number == before {
			return fmt.Errorf("epoch %d", number)
		}
		won = at
		return nil
	}))
	return won
}

// readEpoch reads number and time of the last election.
func (c *cluster) readEpoch(b *testing.B) (int64, time.Time, <-chan gozk.Event) {
	text, stat, changed, err := c.zk(b).GetW("/k8s-framework/epoch")
	require.NoError(b, err)
	var epoch struct {
		Epoch int64 `json:"epoch"`
	}
	require.NoError(b, json.Unmarshal(text, &epoch))
	return epoch.Epoch, time.UnixMilli(stat.Mtime), changed
}
