package hollow

import (
	"fmt"
	"os"
	"runtime/debug"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/require"
)

// BenchmarkLaunchAll is a whole life of a cluster with a scheduler that does next to nothing: subscribe, launch a task on every
// agent, acknowledge until all run, reconcile all. What it takes is the master's and the agents' share of any benchmark. With
// serial calls each waits for its answer, otherwise they are pipelined on one connection.
//
//	go test ./internal/local/mesos/hollow -run '^$' -bench LaunchAll -benchtime 1x
func BenchmarkLaunchAll(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as mesos-hollow
	for _, agents := range []int{1000, 10000, 50000} {
		for _, serial := range []bool{true, false} {
			b.Run(fmt.Sprintf("agents=%d/serial=%v", agents, serial), func(b *testing.B) {
				for b.Loop() {
					launchAll(b, agents, serial)
				}
			})
		}
	}
}

func launchAll(b *testing.B, agents int, serial bool) {
	began := time.Now()
	cluster, stop := start(b, agents)
	b.ReportMetric(time.Since(began).Seconds()*1e3, "ms/register")

	began = time.Now()
	c := subscribe(b, cluster.Addr().String(), nil)
	offers := c.next(scheduler.Event_OFFERS).Offers.Offers
	require.Len(b, offers, agents)
	b.ReportMetric(c.frameAt.Sub(began).Seconds()*1e3, "ms/offers")
	b.ReportMetric(float64(c.frame)/1e6, "MB/offers")

	began = time.Now()
	cpu := cpuTime()
	calls := make(chan *scheduler.Call, 3*agents)
	made := make(chan struct{})
	go func() { defer close(made); c.makeCalls(calls, 3*agents, serial) }()
	for i := range offers {
		calls <- launch(&offers[i], fmt.Sprintf("workers-%d.1", i+1))
	}
	for updates := 0; updates < 2*agents; updates++ {
		calls <- acknowledge(&c.next(scheduler.Event_UPDATE).Update.Status)
	}
	<-made
	require.Eventually(b, func() bool { return cluster.Snapshot().Agents.Acknowledged == int64(2*agents) }, time.Minute, time.Millisecond)
	took := time.Since(began).Seconds()
	b.ReportMetric(float64(agents)/took, "tasks/s")
	b.ReportMetric(float64(3*agents)/took, "calls/s")
	b.ReportMetric((cpuTime()-cpu).Seconds()*1e6/float64(agents), "µs-cpu/task")

	began = time.Now()
	call := &scheduler.Call{Type: scheduler.Call_RECONCILE, Reconcile: &scheduler.Call_Reconcile{}}
	for i := range offers {
		call.Reconcile.Tasks = append(call.Reconcile.Tasks, scheduler.Call_Reconcile_Task{
			TaskID: mesos.TaskID{Value: fmt.Sprintf("workers-%d.1", i+1)}, AgentID: &offers[i].AgentID,
		})
	}
	c.call(call)
	for range offers {
		c.next(scheduler.Event_UPDATE)
	}
	b.ReportMetric(time.Since(began).Seconds()*1e3, "ms/reconcile")
	b.ReportMetric(float64(residentBytes(b))/1e6, "MB-rss")
	c.close()
	stop()
}

// makeCalls makes a number of calls as they come.
func (c *client) makeCalls(calls <-chan *scheduler.Call, number int, serial bool) {
	if serial {
		for range number {
			c.call(<-calls)
		}
		return
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for range number {
			c.answer()
		}
	}()
	for range number {
		select {
		case call := <-calls:
			c.write(call)
		default:
			c.flush()
			c.write(<-calls)
		}
	}
	c.flush()
	<-read
}

func residentBytes(b *testing.B) int {
	statm, err := os.ReadFile("/proc/self/statm")
	require.NoError(b, err)
	var size, resident int
	_, err = fmt.Sscan(string(statm), &size, &resident)
	require.NoError(b, err)
	return resident * os.Getpagesize()
}
