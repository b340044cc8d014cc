package framework

import (
	"maps"
	"slices"
	"time"

	"k8s-framework/scheduler"
)

// acknowledge hands an acknowledgement to the agent, unless it gets lost on its way.
func (m *simMaster) acknowledge(c scheduler.Acknowledge) {
	if a := m.agents[c.Agent]; a != nil && a.reached() && !m.w.perMille(30) {
		m.w.later(0, 20*time.Millisecond, func() { a.acknowledged(c.Task, c.Update) })
	}
}

// message hands a message to an executor, unless it gets lost on its way.
func (m *simMaster) message(c scheduler.TellDrained) {
	a := m.agents[c.Agent]
	if a == nil || !a.reached() || m.w.perMille(30) {
		return
	}
	if e := a.executor(c.Executor); e != nil {
		m.w.later(0, 20*time.Millisecond, func() { e.told = true })
	}
}

// kill hands a kill to the agent. It is lost in three ways: the agent is not there, it is another's, or the executor's
// stream is closed; only for an agent that is away for a moment it is kept.
func (m *simMaster) kill(c scheduler.Kill) {
	t := m.tasks[c.Task]
	switch {
	case t == nil:
		m.answer(c.Task, c.Agent)
	case c.Agent != "" && c.Agent != t.agent.id:
	case t.agent.status == simAway:
		t.agent.kept = append(t.agent.kept, c)
	case t.agent.reached() && !m.w.perMille(30):
		m.w.later(0, 20*time.Millisecond, func() { t.agent.kill(c.Task, c.Grace, true) })
	}
}

// reconcile answers for each task, or for all that are known.
func (m *simMaster) reconcile(c scheduler.Reconcile) {
	for _, ask := range c.Tasks {
		m.answer(ask.Task, ask.Agent)
	}
	if len(c.Tasks) > 0 {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(m.tasks)) {
		m.answer(id, m.tasks[id].agent.id)
	}
}

// answer is what the master says of a task, or its silence. Of a task that it does not know it judges by the agent that
// was asked about: the wrong one gives the wrong answer.
func (m *simMaster) answer(id scheduler.TaskID, agent scheduler.AgentID) {
	said := scheduler.TaskUpdated{Task: id, Agent: agent, Reason: "REASON_RECONCILIATION", Message: "Reconciliation: latest task state"}
	if t := m.tasks[id]; t != nil {
		said.Agent, said.State, said.Executor = t.agent.id, t.known, t.executor.id
		m.tell(said)
		return
	}
	a := m.agents[agent]
	switch {
	case a == nil:
		said.State = scheduler.TaskUnknown
	case a.status == simRecovering:
		return
	case a.status == simUnreachable:
		said.State = scheduler.TaskUnreachable
	case a.status == simMarkedGone:
		said.State = scheduler.TaskGoneByOperator
	case a.status == simRemoved:
		said.State = scheduler.TaskUnknown
	default:
		said.State = scheduler.TaskGone
	}
	m.tell(said)
}
