package hollow

import (
	"bytes"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"k8s-framework/internal/local/mesos/link"
)

// How long an update waits for its acknowledgement before it is sent again, at first and at last.
const (
	retryMin = 10 * time.Second
	retryMax = 10 * time.Minute
)

// What a k8s-executor says of a task.
var (
	notHealthy = "the kubelet is not healthy yet"
	healthy    = "the kubelet is healthy and offers 1000m CPU, 1073741824 bytes of memory"
	killed     = "killed: the kubelet and its pods have ended"
)

// task is a task with the updates that are on their way.
type task struct {
	mesos.Task
	agent    *agent
	executor *executor // nil for a task that the agent does not know
	updates  []mesos.TaskStatus
	attempt  int // counts what was sent of the updates; an earlier attempt's deadline is void
}

func newTask(e *executor, info *mesos.TaskInfo) *task {
	t := &task{agent: e.agent, executor: e}
	t.Task = mesos.Task{
		Name: info.Name, TaskID: info.TaskID, FrameworkID: e.framework, AgentID: info.AgentID, State: mesos.TASK_STAGING.Enum(),
		Resources: info.Resources, Labels: info.Labels, Discovery: info.Discovery, Container: info.Container,
		HealthCheck: info.HealthCheck, KillPolicy: info.KillPolicy,
	}
	if !e.generated {
		t.ExecutorID = &e.info.ExecutorID
	}
	return t
}

// over says whether the task has ended, acknowledged or not.
func (t *task) over() bool {
	switch t.GetState() {
	case mesos.TASK_STAGING, mesos.TASK_STARTING, mesos.TASK_RUNNING:
		return false
	}
	return true
}

// start is the executor's word that the task runs.
func (a *Agents) start(t *task) {
	if t.over() {
		return // killed meanwhile
	}
	a.update(t, mesos.TaskStatus{State: mesos.TASK_STARTING.Enum(), Message: &notHealthy, Source: mesos.SOURCE_EXECUTOR.Enum()})
	yes := true
	a.update(t, mesos.TaskStatus{State: mesos.TASK_RUNNING.Enum(), Message: &healthy, Healthy: &yes, Source: mesos.SOURCE_EXECUTOR.Enum()})
}

// kill is the executor's word that the task has ended.
func (a *Agents) kill(t *task) {
	if t.over() {
		return
	}
	s := mesos.TaskStatus{State: mesos.TASK_KILLED.Enum(), Message: &killed, Source: mesos.SOURCE_EXECUTOR.Enum()}
	if drain := t.agent.drain; drain != nil {
		s.Reason = mesos.REASON_AGENT_DRAINING.Enum()
		if drain.GetMarkGone() && a.partitionAware(t.FrameworkID) {
			s.State = mesos.TASK_GONE_BY_OPERATOR.Enum()
		}
	}
	a.update(t, s)
}

// unknownTask is an update of a task that the agent does not know.
func (a *Agents) unknownTask(
	g *agent, framework mesos.FrameworkID, id mesos.TaskID, state mesos.TaskState, reason mesos.TaskStatus_Reason, message string,
) {
	t := &task{agent: g}
	t.Task = mesos.Task{FrameworkID: framework, TaskID: id, State: mesos.TASK_STAGING.Enum()}
	g.unknown = append(g.unknown, t)
	a.update(t, mesos.TaskStatus{State: &state, Reason: &reason, Message: &message, Source: mesos.SOURCE_AGENT.Enum()})
}

// setState keeps the number of those that run.
func (a *Agents) setState(t *task, state mesos.TaskState) {
	if t.GetState() == mesos.TASK_RUNNING {
		a.counts.running.Add(-1)
	}
	if state == mesos.TASK_RUNNING {
		a.counts.running.Add(1)
	}
	t.State = &state
}

// update puts an update behind those that wait.
func (a *Agents) update(t *task, s mesos.TaskStatus) {
	seconds := float64(a.now.UnixNano()) / 1e9
	s.TaskID, s.AgentID, s.Timestamp, s.UUID = t.TaskID, &mesos.AgentID{Value: t.agent.id}, &seconds, newUUID()
	if t.executor != nil {
		s.ContainerStatus = t.executor.container
	}
	a.setState(t, s.GetState())
	t.Statuses = append(slices.Clip(t.Statuses), s) // a registration that is on its way may hold the former ones
	t.updates = append(t.updates, s)
	if len(t.updates) == 1 {
		a.forward(t, retryMin)
	}
}

// forward sends a task's oldest update, and will send it again. Without a master it waits for the next registration.
func (a *Agents) forward(t *task, again time.Duration) {
	if len(t.updates) == 0 || !t.agent.registered {
		return
	}
	t.attempt++
	attempt := t.attempt
	s := t.updates[0]
	t.StatusUpdateState, t.StatusUpdateUUID = s.State, s.UUID
	m := &link.StatusUpdate{FrameworkID: t.FrameworkID, Status: s, Latest: t.GetState()}
	if t.executor != nil {
		m.ExecutorID = &t.executor.info.ExecutorID
	}
	a.say(t.agent, m)
	a.counts.updates.Add(1)
	a.after(again, func() {
		if t.attempt == attempt && len(t.updates) > 0 && t.agent.registered {
			a.counts.repeated.Add(1)
			a.forward(t, min(2*again, retryMax))
		}
	})
}

// acknowledged lets the next update go; with that of its end the task is forgotten.
func (a *Agents) acknowledged(g *agent, m *link.AckUpdate) {
	t := g.task(m.FrameworkID.Value, m.TaskID.Value)
	if t == nil || len(t.updates) == 0 || !bytes.Equal(t.updates[0].UUID, m.UUID) {
		return
	}
	a.counts.acknowledged.Add(1)
	last := t.over() && len(t.updates) == 1
	t.updates = t.updates[1:]
	t.attempt++
	if !last {
		a.forward(t, retryMin)
		return
	}
	is := func(other *task) bool { return other == t }
	if t.executor == nil {
		g.unknown = slices.DeleteFunc(g.unknown, is)
		return
	}
	t.executor.tasks = slices.DeleteFunc(t.executor.tasks, is)
	g.forget()
}
