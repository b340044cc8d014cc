package hollow

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/mesos/flags"
	"k8s-framework/internal/local/zookeeper"
)

// All agents register, and are offered in one event.
func TestAllAgentsAreOfferedInOneEvent(t *testing.T) {
	const agents = 2000
	c, _ := start(t, agents)
	s := subscribe(t, c.Addr().String(), nil)
	offers := s.next(scheduler.Event_OFFERS).Offers.Offers
	require.Len(t, offers, agents)
	hosts, ids, racks := map[string]bool{}, map[string]bool{}, map[string]int{}
	for i := range offers {
		o := &offers[i]
		hosts[o.Hostname], ids[o.AgentID.Value] = true, true
		require.Equal(t, "rack", o.Attributes[0].Name)
		racks[o.Attributes[0].Text.Value]++
		require.Len(t, o.Resources, 4)
	}
	require.Len(t, hosts, agents)
	require.Len(t, ids, agents)
	require.True(t, hosts["agent-00001.example.com"] && hosts["agent-02000.example.com"])
	require.Len(t, racks, 40)
	require.Equal(t, agents/40, racks["r39"])
}

// A task on each agent says what an executor's task says, one update after the other is acknowledged, and nothing twice.
func TestLaunchedTasksRun(t *testing.T) {
	const agents = 300
	c, _ := start(t, agents)
	s := subscribe(t, c.Addr().String(), nil)
	offers := s.next(scheduler.Event_OFFERS).Offers.Offers
	for i := range offers { // pipelined
		s.write(launch(&offers[i], fmt.Sprintf("t%d", i)))
	}
	s.flush()
	for range offers {
		s.answer()
	}
	starting := map[string]*mesos.TaskStatus{}
	for range offers {
		u := s.next(scheduler.Event_UPDATE).Update.Status
		require.Equal(t, mesos.TASK_STARTING, u.GetState(), "nothing else before it is acknowledged")
		require.Equal(t, mesos.SOURCE_EXECUTOR, u.GetSource())
		require.Len(t, u.UUID, 16)
		require.NotEmpty(t, u.ContainerStatus.ContainerID.Value)
		require.NotNil(t, u.Timestamp)
		require.NotNil(t, u.AgentID)
		starting[u.TaskID.Value] = &u
	}
	require.Len(t, starting, agents)
	for _, u := range starting {
		s.call(acknowledge(u))
		r := s.next(scheduler.Event_UPDATE).Update.Status
		require.Equal(t, u.TaskID, r.TaskID)
		require.Equal(t, mesos.TASK_RUNNING, r.GetState())
		require.True(t, r.GetHealthy())
		require.Equal(t, u.ContainerStatus, r.ContainerStatus)
		s.call(acknowledge(&r))
	}
	require.Eventually(t, func() bool { return c.Snapshot().Agents.Acknowledged == 2*agents }, patience, time.Millisecond)
	now := c.Snapshot()
	require.Equal(t, Counts{Registered: agents, Running: agents, Updates: 2 * agents, Acknowledged: 2 * agents}, now.Agents)

	// What a benchmark sees of it.
	resp, err := http.Get("http://" + c.Addr().String() + CountsPath)
	require.NoError(t, err)
	defer resp.Body.Close() // a test's
	type counter struct{ Number, First, Last int64 }
	var seen struct {
		Now    int64
		Master struct {
			Subscribed, Read, Written, Offers, Launched, Reconciled, Refused counter
			Calls, Events                                                    map[string]counter
		}
		Agents Counts
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&seen))
	m := seen.Master
	require.EqualValues(t, 1, m.Subscribed.Number)
	require.EqualValues(t, agents, m.Offers.Number)
	require.EqualValues(t, agents, m.Launched.Number)
	require.EqualValues(t, agents, m.Calls["ACCEPT"].Number)
	require.EqualValues(t, 2*agents, m.Calls["ACKNOWLEDGE"].Number)
	require.EqualValues(t, 1, m.Events["OFFERS"].Number)
	require.EqualValues(t, 2*agents, m.Events["UPDATE"].Number)
	require.Zero(t, m.Refused.Number)
	require.Positive(t, m.Read.Number)
	require.Positive(t, m.Written.Number)
	require.True(t, m.Subscribed.Last < m.Launched.First && m.Launched.First < m.Launched.Last && m.Launched.Last < seen.Now, "%+v", m)
}

// A KILL ends the task and its executor, and the agent is free again.
func TestKill(t *testing.T) {
	c, _ := start(t, 1)
	s := subscribe(t, c.Addr().String(), nil)
	offer := s.next(scheduler.Event_OFFERS).Offers.Offers[0]
	s.call(launch(&offer, "t"))
	s.run(2)
	s.call(&scheduler.Call{Type: scheduler.Call_KILL, Kill: &scheduler.Call_Kill{TaskID: mesos.TaskID{Value: "t"}, AgentID: &offer.AgentID}})
	u := s.next(scheduler.Event_UPDATE).Update.Status
	require.Equal(t, mesos.TASK_KILLED, u.GetState())
	failure := s.next(scheduler.Event_FAILURE).Failure
	require.Equal(t, "t.executor", failure.ExecutorID.Value)
	require.Zero(t, failure.GetStatus())
	s.call(acknowledge(&u))
	s.call(&scheduler.Call{Type: scheduler.Call_REVIVE})
	again := s.next(scheduler.Event_OFFERS).Offers.Offers
	require.Len(t, again, 1)
	require.Equal(t, offer.Resources, again[0].Resources)
	require.Zero(t, c.Snapshot().Agents.Running)
}

func TestShutdownEndsAllTasksOfAnExecutor(t *testing.T) {
	c, _ := start(t, 1)
	s := subscribe(t, c.Addr().String(), nil)
	offer := s.next(scheduler.Event_OFFERS).Offers.Offers[0]
	call := launch(&offer, "t1")
	first := &call.Accept.Operations[0].Launch.TaskInfos
	(*first)[0].Resources = []mesos.Resource{scalar("cpus", 1), scalar("mem", 128)}
	second := (*first)[0]
	second.TaskID.Value = "t2"
	*first = append(*first, second)
	s.call(call)
	s.run(4)
	s.call(&scheduler.Call{Type: scheduler.Call_SHUTDOWN, Shutdown: &scheduler.Call_Shutdown{
		AgentID: offer.AgentID, ExecutorID: mesos.ExecutorID{Value: "t1.executor"},
	}})
	for _, id := range []string{"t1", "t2"} {
		u := s.next(scheduler.Event_UPDATE).Update.Status
		require.Equal(t, id, u.TaskID.Value)
		require.Equal(t, mesos.TASK_KILLED, u.GetState())
	}
	require.Equal(t, "t1.executor", s.next(scheduler.Event_FAILURE).Failure.ExecutorID.Value)
}

// A scheduler that subscribes again gets what it has not acknowledged, at once, and asks for the rest.
func TestSubscribedAgain(t *testing.T) {
	c, _ := start(t, 3)
	s := subscribe(t, c.Addr().String(), nil)
	offers := s.next(scheduler.Event_OFFERS).Offers.Offers
	for i, id := range []string{"running", "unsure", "unsaid"} {
		s.call(launch(&offers[i], id))
		if id != "unsaid" {
			u := s.next(scheduler.Event_UPDATE).Update.Status
			s.call(acknowledge(&u))
			u = s.next(scheduler.Event_UPDATE).Update.Status
			if id == "running" {
				s.call(acknowledge(&u))
			}
		}
	}
	before := s
	s = subscribe(t, c.Addr().String(), s.id)
	before.write(&scheduler.Call{Type: scheduler.Call_SUPPRESS})
	before.flush()
	resp, err := http.ReadResponse(before.answers, nil)
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 400, resp.StatusCode)
	require.Contains(t, string(text), "didn't match the stream ID currently associated with framework ID "+s.id.Value)
	require.EqualValues(t, 1, c.Snapshot().Master.Refused.Number())
	states := map[string]mesos.TaskState{}
	for range 2 {
		u := s.next(scheduler.Event_UPDATE).Update.Status
		require.NotEqual(t, mesos.REASON_RECONCILIATION, u.GetReason())
		states[u.TaskID.Value] = u.GetState()
	}
	require.Equal(t, map[string]mesos.TaskState{"unsure": mesos.TASK_RUNNING, "unsaid": mesos.TASK_STARTING}, states)
	require.Equal(t, map[string]mesos.TaskState{
		"running": mesos.TASK_RUNNING, "unsure": mesos.TASK_RUNNING, "unsaid": mesos.TASK_STARTING,
	}, s.reconcile(3))
	require.Equal(t, map[string]mesos.TaskState{"nobody": mesos.TASK_GONE, "running": mesos.TASK_RUNNING},
		s.reconcile(2, scheduler.Call_Reconcile_Task{TaskID: mesos.TaskID{Value: "running"}, AgentID: &offers[0].AgentID},
			scheduler.Call_Reconcile_Task{TaskID: mesos.TaskID{Value: "nobody"}, AgentID: &offers[0].AgentID}))
}

// run acknowledges a number of updates.
func (c *client) run(updates int) {
	for range updates {
		c.call(acknowledge(&c.next(scheduler.Event_UPDATE).Update.Status))
	}
}

// reconcile asks, for all without names, and collects the answers.
func (c *client) reconcile(answers int, tasks ...scheduler.Call_Reconcile_Task) map[string]mesos.TaskState {
	c.call(&scheduler.Call{Type: scheduler.Call_RECONCILE, Reconcile: &scheduler.Call_Reconcile{Tasks: tasks}})
	states := map[string]mesos.TaskState{}
	for len(states) < answers {
		if u := c.next(scheduler.Event_UPDATE).Update.Status; u.GetReason() == mesos.REASON_RECONCILIATION {
			states[u.TaskID.Value] = u.GetState()
		}
	}
	return states
}

// A master that ends is followed by one that knows nothing: the agents bring it their tasks.
func TestMasterFailsOver(t *testing.T) {
	c, _ := start(t, 100)
	failOver(t, c, func() string { return c.Addr().String() })
}

// The same with a second master that stands by.
func TestStandbyLeads(t *testing.T) {
	zk, err := zookeeper.Start(t.Context(), zookeeper.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	f, err := flags.ParseMaster([]string{
		"--ip=127.0.0.1", "--port=0", "--hostname=127.0.0.1", "--work_dir=" + t.TempDir(), "--zk=" + zk.URL("/mesos"), "--quorum=1", "--quiet",
	}, nil)
	require.NoError(t, err)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := free.Addr().(*net.TCPAddr).Port
	require.NoError(t, free.Close())
	c, _ := startCluster(t, ClusterOptions{
		Master: f, StandbyPort: port, Log: os.Stderr,
		Agents: Options{Number: 100, Hostname: "agent-", Spread: 100 * time.Millisecond},
	})
	places := []string{c.Addr().String(), fmt.Sprintf("127.0.0.1:%d", port)}
	leader := func() string {
		for i, m := range c.masters() {
			if m.Leads() {
				return places[i]
			}
		}
		return ""
	}
	before := leader()
	failOver(t, c, func() string {
		require.Eventually(t, func() bool { return leader() != "" && leader() != before }, patience, time.Millisecond)
		return leader()
	})
	before = leader()
	require.True(t, c.Failover(), "and back again")
	require.Eventually(t, func() bool { return leader() != "" && leader() != before }, patience, time.Millisecond)
	require.Eventually(t, func() bool { return c.Snapshot().Agents.Registered == 100 }, patience, time.Millisecond)
}

func failOver(t *testing.T, c *Cluster, next func() string) {
	t.Helper()
	old := c.masters()
	addr := c.Addr().String()
	for i, m := range old {
		if m.Leads() {
			addr = c.places[i].reign.Load().master.Addr().String()
		}
	}
	s := subscribe(t, addr, nil)
	offers := s.next(scheduler.Event_OFFERS).Offers.Offers
	require.Len(t, offers, 100)
	for i := range 10 {
		s.call(launch(&offers[i], fmt.Sprintf("t%d", i)))
	}
	s.run(19) // one RUNNING stays unacknowledged
	last := s.next(scheduler.Event_UPDATE).Update.Status
	require.Equal(t, mesos.TASK_RUNNING, last.GetState())

	resp, err := http.Post("http://"+addr+FailoverPath, "", strings.NewReader(""))
	require.NoError(t, err)
	resp.Body.Close() // it is empty
	require.Equal(t, http.StatusAccepted, resp.StatusCode)
	for s.read() != nil { // the stream ends
		continue
	}
	addr = next()
	require.Eventually(t, func() bool {
		for _, m := range c.masters() {
			for _, gone := range old {
				if m.Leads() && m.Addr().String() == addr && (m != gone || len(old) > 1) {
					return true
				}
			}
		}
		return false
	}, patience, time.Millisecond)
	require.Eventually(t, func() bool { return c.Snapshot().Agents.Registered == 100 }, patience, time.Millisecond)

	s = subscribe(t, addr, s.id)
	again := s.next(scheduler.Event_UPDATE).Update.Status
	require.Equal(t, last.UUID, again.UUID, "what is not acknowledged is sent again")
	s.call(acknowledge(&again))
	states := s.reconcile(10)
	require.Len(t, states, 10)
	for id, state := range states {
		require.Equal(t, mesos.TASK_RUNNING, state, id)
	}
	require.EqualValues(t, 10, c.Snapshot().Agents.Running)
	require.EqualValues(t, 2, c.Snapshot().Master.Subscribed.Number())
}
