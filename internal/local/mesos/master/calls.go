package master

import (
	"fmt"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"k8s-framework/internal/local/mesos/link"
	"k8s-framework/internal/local/mesos/wire"
)

// kill passes a KILL on. For a task that is not known it answers as reconciliation does; a wrong agent id makes it be
// ignored; for an agent that is not connected it is kept until the agent is back.
func (m *Master) kill(f *framework, call *scheduler.Call_Kill) {
	t := f.tasks[call.TaskID.Value]
	if t == nil {
		m.reconcileTask(f, call.TaskID, call.AgentID)
		return
	}
	if call.AgentID != nil && call.AgentID.Value != t.AgentID.Value {
		m.log.warn("Ignoring kill of task %s: it is on agent %s, not on %s", t.TaskID.Value, t.AgentID.Value, call.AgentID.Value)
		return
	}
	a := m.agents[t.AgentID.Value]
	if a == nil {
		return
	}
	a.killed[t.key()] = true
	if !a.connected() {
		m.log.warn("Cannot kill task %s now: agent %s is disconnected; the kill is kept until it registers again", t.TaskID.Value, a.id)
	}
	a.send(&link.KillTask{FrameworkID: t.FrameworkID, TaskID: t.TaskID, KillPolicy: call.KillPolicy})
}

// shutdownExecutor passes a SHUTDOWN on, to an agent that is there.
func (m *Master) shutdownExecutor(f *framework, call *scheduler.Call_Shutdown) {
	if a := m.agents[call.AgentID.Value]; a != nil {
		a.send(&link.ShutdownExecutor{FrameworkID: mesos.FrameworkID{Value: f.id}, ExecutorID: call.ExecutorID})
	}
}

// acknowledge passes an ACKNOWLEDGE on; the one of a terminal update makes the task history.
func (m *Master) acknowledge(f *framework, call *scheduler.Call_Acknowledge) {
	a := m.agents[call.AgentID.Value]
	if a == nil || !a.connected() {
		m.log.warn("Ignoring acknowledgement for task %s: agent %s is not connected", call.TaskID.Value, call.AgentID.Value)
		return
	}
	t := f.tasks[call.TaskID.Value]
	if t != nil && t.AgentID.Value == a.id {
		if t.StatusUpdateUUID == nil {
			return
		}
		if string(t.StatusUpdateUUID) == string(call.UUID) && terminal(t.GetStatusUpdateState()) {
			m.removeTask(t)
		}
	}
	a.send(&link.AckUpdate{FrameworkID: mesos.FrameworkID{Value: f.id}, TaskID: call.TaskID, UUID: call.UUID})
	m.checkDrained(a)
}

// message passes a MESSAGE on, or loses it.
func (m *Master) message(f *framework, call *scheduler.Call_Message) {
	if a := m.agents[call.AgentID.Value]; a != nil {
		a.send(&link.FrameworkMessage{FrameworkID: mesos.FrameworkID{Value: f.id}, ExecutorID: call.ExecutorID, Data: call.Data})
	}
}

// updateFramework is UPDATE_FRAMEWORK: what may not change is refused with 400, and offers to roles that are gone are
// rescinded.
func (m *Master) updateFramework(f *framework, call *scheduler.Call_UpdateFramework, constraints offerConstraints) *wire.Refusal {
	info := call.FrameworkInfo
	if text := m.refuseInfo(&info, call.SuppressedRoles); text != "" {
		return wire.Refuse(400, "'UpdateFramework.framework_info' is not valid: "+text)
	}
	unsupported := func(name string, from, to any) *wire.Refusal {
		return wire.Refuse(400, fmt.Sprintf("FrameworkInfo update is not valid: Updating 'FrameworkInfo.%s' is unsupported; attempted to update from '%v' to '%v'", name, from, to))
	}
	switch {
	case info.GetPrincipal() != f.info.GetPrincipal():
		return unsupported("principal", f.info.GetPrincipal(), info.GetPrincipal())
	case info.User != f.info.User:
		return unsupported("user", f.info.User, info.User)
	case info.GetCheckpoint() != f.info.GetCheckpoint():
		return unsupported("checkpoint", f.info.GetCheckpoint(), info.GetCheckpoint())
	}
	info.ID = &mesos.FrameworkID{Value: f.id}
	f.setInfo(info)
	f.suppressed = setOf(call.SuppressedRoles)
	f.constraints = constraints
	m.dropRolelessOffers(f)
	m.tellAgents(f)
	m.tellFramework(operatorFrameworkUpdated, f)
	return nil
}
