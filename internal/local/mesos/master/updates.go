package master

import (
	"slices"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"k8s-framework/internal/local/mesos/link"
)

func updateEvent(status *mesos.TaskStatus) *scheduler.Event {
	return &scheduler.Event{Type: scheduler.Event_UPDATE, Update: &scheduler.Event_Update{Status: *status}}
}

// statusUpdate forwards an update to the scheduler, if it is there, and keeps what it says of the task. Updates of tasks
// that the master does not know, or that are over, are forwarded as well.
func (m *Master) statusUpdate(a *agent, u *link.StatusUpdate) {
	f := m.frameworks[u.FrameworkID.Value]
	if f == nil {
		m.log.warn("Ignoring status update of task %s: framework %s is unknown", u.Status.TaskID.Value, u.FrameworkID.Value)
		return
	}
	f.send(updateEvent(&u.Status))
	t := a.tasks[taskKey{f.id, u.Status.TaskID.Value}]
	if t == nil {
		return
	}
	latest := u.Latest
	if latest == mesos.TASK_STAGING || (!terminal(latest) && latest == 0) {
		latest = u.Status.GetState()
	}
	before := t.GetState()
	m.setTaskState(t, latest)
	t.StatusUpdateState, t.StatusUpdateUUID = u.Status.State, u.Status.UUID
	kept := u.Status
	kept.Data = nil
	history := slices.Clone(t.Statuses) // an answer that is being encoded may hold the former one
	if n := len(history); n > 0 && history[n-1].GetState() == kept.GetState() {
		history = history[:n-1]
	}
	t.Statuses = append(history, kept)
	if before != t.GetState() {
		m.tellTaskUpdated(t, &kept)
	}
	if u.Status.UUID == nil && terminal(t.GetState()) { // nobody will acknowledge it
		m.removeTask(t)
		m.checkDrained(a)
	}
}

// exitedExecutor tells the scheduler that an executor has ended, and frees what it had.
func (m *Master) exitedExecutor(a *agent, e *link.ExitedExecutor) {
	m.removeExecutor(a, executorKey{e.FrameworkID.Value, e.ExecutorID.Value})
	if f := m.frameworks[e.FrameworkID.Value]; f != nil {
		executor, status := e.ExecutorID, e.Status
		f.send(&scheduler.Event{Type: scheduler.Event_FAILURE, Failure: &scheduler.Event_Failure{
			AgentID: &mesos.AgentID{Value: a.id}, ExecutorID: &executor, Status: &status,
		}})
	}
}

func (m *Master) executorMessage(a *agent, e *link.ExecutorMessage) {
	if f := m.frameworks[e.FrameworkID.Value]; f != nil {
		f.send(&scheduler.Event{Type: scheduler.Event_MESSAGE, Message: &scheduler.Event_Message{
			AgentID: mesos.AgentID{Value: a.id}, ExecutorID: e.ExecutorID, Data: e.Data,
		}})
	}
}

// agentFailure tells every connected framework that an agent is lost.
func (m *Master) agentFailure(id string) {
	for _, f := range m.frameworks {
		f.send(&scheduler.Event{Type: scheduler.Event_FAILURE, Failure: &scheduler.Event_Failure{AgentID: &mesos.AgentID{Value: id}}})
	}
}
