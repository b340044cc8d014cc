package hollow

import (
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/mesos/link"
)

// lonely is one registered agent of a master that is not there: what it says stays in out.
func lonely() (*Agents, *agent) {
	a := New(Options{Number: 1, Hostname: "agent-"})
	a.now = time.Unix(1e9, 0)
	g := &a.agents[0]
	g.line = &line{agent: g, of: a}
	a.registered(g, mesos.AgentID{Value: "S1"}, nil)
	return a, g
}

// said takes what was said.
func (a *Agents) said() []link.Message {
	var all []link.Message
	for _, s := range a.out {
		all = append(all, s.Message)
	}
	a.out = nil
	return all
}

// pass lets time pass, second by second.
func (a *Agents) pass(d time.Duration) {
	for end := a.now.Add(d); a.now.Before(end); {
		a.now = a.now.Add(time.Second)
		a.deadlines.run(a.now)
	}
}

func (a *Agents) runOn(g *agent, tasks ...string) {
	m := &link.RunTasks{Framework: mesos.FrameworkInfo{ID: &mesos.FrameworkID{Value: "F"}}}
	for _, id := range tasks {
		m.Tasks = append(m.Tasks, mesos.TaskInfo{
			TaskID: mesos.TaskID{Value: id}, AgentID: mesos.AgentID{Value: g.id},
			Executor: &mesos.ExecutorInfo{ExecutorID: mesos.ExecutorID{Value: "e"}},
		})
	}
	a.receive(heard{g.line, m})
	a.deadlines.run(a.now)
}

func TestUnacknowledgedUpdateIsSentAgain(t *testing.T) {
	a, g := lonely()
	a.runOn(g, "t")
	first := a.said()[0].(*link.StatusUpdate)
	require.Equal(t, mesos.TASK_STARTING, first.Status.GetState())
	require.Equal(t, mesos.TASK_STARTING, first.Latest)
	var at []time.Duration
	for elapsed := time.Duration(0); elapsed < 40*time.Minute; elapsed += time.Second {
		a.pass(time.Second)
		for _, m := range a.said() {
			require.Equal(t, first.Status.UUID, m.(*link.StatusUpdate).Status.UUID)
			at = append(at, elapsed+time.Second)
		}
	}
	require.Equal(t, []time.Duration{
		10 * time.Second, 30 * time.Second, 70 * time.Second, 150 * time.Second, 310 * time.Second, 630 * time.Second,
		1230 * time.Second, 1830 * time.Second,
	}, at)
	require.EqualValues(t, len(at), a.Counts().Repeated)

	ack := func(uuid []byte) {
		a.receive(heard{g.line, &link.AckUpdate{FrameworkID: first.FrameworkID, TaskID: first.Status.TaskID, UUID: uuid}})
	}
	ack(newUUID())
	require.Empty(t, a.said(), "another update's")
	ack(first.Status.UUID)
	second := a.said()[0].(*link.StatusUpdate)
	require.Equal(t, mesos.TASK_RUNNING, second.Status.GetState())
	ack(second.Status.UUID)
	a.pass(time.Hour)
	require.Empty(t, a.said())
}

// A task that is killed in front of its delayed start never says that it runs.
func TestKilledBeforeItsStart(t *testing.T) {
	a, g := lonely()
	a.o.Delay = time.Minute
	a.runOn(g, "t")
	require.Empty(t, a.said())
	a.receive(heard{g.line, &link.KillTask{FrameworkID: mesos.FrameworkID{Value: "F"}, TaskID: mesos.TaskID{Value: "t"}}})
	said := a.said()
	require.Len(t, said, 2)
	require.Equal(t, mesos.TASK_KILLED, said[0].(*link.StatusUpdate).Status.GetState())
	require.IsType(t, &link.ExitedExecutor{}, said[1])
	a.receive(heard{g.line, &link.AckUpdate{
		FrameworkID: mesos.FrameworkID{Value: "F"}, TaskID: mesos.TaskID{Value: "t"}, UUID: said[0].(*link.StatusUpdate).Status.UUID,
	}})
	a.pass(time.Hour)
	require.Empty(t, a.said())
	require.Empty(t, g.executors)
}

func TestRegistrationNamesWhatIsNotAcknowledged(t *testing.T) {
	a, g := lonely()
	a.runOn(g, "t1", "t2")
	said := a.said()
	m := a.registration(g).(*link.Reregister)
	require.Equal(t, "S1", m.Agent.GetID().Value)
	require.Len(t, m.Frameworks, 1)
	require.Len(t, m.Executors, 1)
	require.Len(t, m.Tasks, 2)
	require.Equal(t, mesos.TASK_RUNNING, m.Tasks[0].GetState())
	require.Equal(t, mesos.TASK_STARTING, m.Tasks[0].GetStatusUpdateState())
	require.Equal(t, said[0].(*link.StatusUpdate).Status.UUID, m.Tasks[0].StatusUpdateUUID)
	require.Equal(t, "e", m.Tasks[0].ExecutorID.Value)

	// The master misses a task that the agent never got.
	a.registered(g, mesos.AgentID{Value: "S1"}, []link.ReconcileTask{
		{FrameworkID: mesos.FrameworkID{Value: "F"}, TaskID: mesos.TaskID{Value: "t1"}},
		{FrameworkID: mesos.FrameworkID{Value: "F"}, TaskID: mesos.TaskID{Value: "t3"}, PartitionAware: true},
	})
	said = a.said()
	require.Len(t, said, 3, "two updates again, and one new")
	require.Equal(t, mesos.TASK_DROPPED, said[2].(*link.StatusUpdate).Status.GetState())
}

func TestFrameworkIsShutDownWithoutAWordOfItsTasks(t *testing.T) {
	a, g := lonely()
	a.runOn(g, "t1", "t2")
	a.said()
	a.receive(heard{g.line, &link.ShutdownFramework{FrameworkID: mesos.FrameworkID{Value: "F"}}})
	said := a.said()
	require.Len(t, said, 1)
	require.IsType(t, &link.ExitedExecutor{}, said[0])
	a.pass(time.Hour)
	require.Empty(t, a.said())
	require.Zero(t, a.Counts().Running)
}

func TestDrainKillsWithItsReason(t *testing.T) {
	a, g := lonely()
	a.runOn(g, "t")
	uuid := a.said()[0].(*link.StatusUpdate).Status.UUID
	a.receive(heard{g.line, &link.Drain{}})
	require.IsType(t, &link.ExitedExecutor{}, a.said()[0], "the updates are still behind the first")
	for range 2 {
		a.receive(heard{g.line, &link.AckUpdate{FrameworkID: mesos.FrameworkID{Value: "F"}, TaskID: mesos.TaskID{Value: "t"}, UUID: uuid}})
		uuid = a.out[0].Message.(*link.StatusUpdate).Status.UUID
		last := a.said()[0].(*link.StatusUpdate)
		if last.Status.GetState() == mesos.TASK_KILLED {
			require.Equal(t, mesos.REASON_AGENT_DRAINING, last.Status.GetReason())
		}
	}
	require.NotNil(t, g.drain)
	a.receive(heard{g.line, &link.AckUpdate{FrameworkID: mesos.FrameworkID{Value: "F"}, TaskID: mesos.TaskID{Value: "t"}, UUID: uuid}})
	require.Nil(t, g.drain)
}

func TestDeadlinesAreDueInTheirOrder(t *testing.T) {
	var d deadlines
	var ran []int
	begin := time.Unix(0, 0)
	for i := range 100 {
		at := i * 37 % 100
		d.add(begin.Add(time.Duration(at)), func() { ran = append(ran, at) })
	}
	require.Equal(t, time.Duration(1), d.run(begin.Add(49)))
	require.Len(t, ran, 50)
	require.Equal(t, time.Hour, d.run(begin.Add(200)))
	for i, at := range ran {
		require.Equal(t, i, at)
	}
}
