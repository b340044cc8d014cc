package master

import (
	"sort"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// reconcile answers for the tasks that are named, or, when none is, for every task of the framework that is known.
func (m *Master) reconcile(f *framework, call *scheduler.Call_Reconcile) {
	if len(call.Tasks) == 0 {
		for _, t := range sortedTasks(f.tasks) {
			m.latestState(f, t)
		}
		return
	}
	for _, t := range call.Tasks {
		m.reconcileTask(f, t.TaskID, t.AgentID)
	}
}

// reconcileTask answers for one task. For a task that is known the agent id does not matter. For another one it decides
// everything: it may be of an agent that is registered, unreachable, gone, or has not come back yet, and then there is no
// answer.
func (m *Master) reconcileTask(f *framework, id mesos.TaskID, agentID *mesos.AgentID) {
	if t := f.tasks[id.Value]; t != nil {
		m.latestState(f, t)
		return
	}
	status := &mesos.TaskStatus{TaskID: id, AgentID: agentID}
	var state mesos.TaskState
	var text string
	name := agentID.GetValue()
	switch {
	case agentID == nil && len(m.recovered) > 0, m.recovered[name]:
		return
	case agentID != nil && m.agents[name] != nil:
		state, text = mesos.TASK_GONE, "Reconciliation: Task is unknown to the agent"
	case m.registry.unreachable(name) != nil:
		state, text = mesos.TASK_UNREACHABLE, "Reconciliation: Task is unreachable"
		status.UnreachableTime = &mesos.TimeInfo{Nanoseconds: *m.registry.unreachable(name)}
	case m.registry.gone(name):
		state, text = mesos.TASK_GONE_BY_OPERATOR, "Reconciliation: Task is gone"
	default:
		state, text = mesos.TASK_UNKNOWN, "Reconciliation: Task is unknown"
	}
	if !f.partitionAware() {
		state = mesos.TASK_LOST
	}
	status.State, status.Message = state.Enum(), &text
	status.Source, status.Reason = mesos.SOURCE_MASTER.Enum(), mesos.REASON_RECONCILIATION.Enum()
	m.counts.Reconciled.add(1)
	m.sendStatus(f, status)
}

// latestState answers for a task that is known: with the state that was last forwarded, without data and labels.
func (m *Master) latestState(f *framework, t *task) {
	state := t.GetState()
	if t.StatusUpdateState != nil {
		state = *t.StatusUpdateState
	}
	status := t.fromMaster(state, "Reconciliation: Latest task state", mesos.REASON_RECONCILIATION)
	t.addDetails(status)
	m.counts.Reconciled.add(1)
	m.sendStatus(f, status)
}

// fromMaster makes an update about a task whose source is the master.
func (t *task) fromMaster(state mesos.TaskState, message string, reason mesos.TaskStatus_Reason) *mesos.TaskStatus {
	agentID := t.AgentID
	return &mesos.TaskStatus{
		TaskID: t.TaskID, State: state.Enum(), Message: &message, Source: mesos.SOURCE_MASTER.Enum(), Reason: reason.Enum(),
		AgentID: &agentID, ExecutorID: t.ExecutorID,
	}
}

// addDetails adds what the latest update said of health and container.
func (t *task) addDetails(status *mesos.TaskStatus) {
	if n := len(t.Statuses); n > 0 {
		last := &t.Statuses[n-1]
		status.Healthy, status.CheckStatus, status.ContainerStatus = last.Healthy, last.CheckStatus, last.ContainerStatus
	}
}

func sortedTasks(set map[string]*task) []*task {
	list := make([]*task, 0, len(set))
	for _, t := range set {
		list = append(list, t)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].TaskID.Value < list[j].TaskID.Value })
	return list
}
