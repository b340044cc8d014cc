package master

import (
	"net/http"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mastercalls "github.com/mesos/mesos-go/api/v1/lib/master"

	"k8s-framework/internal/local/mesos/link"
	"k8s-framework/internal/local/mesos/wire"
)

func unknownAgent() *wire.Refusal { return wire.Refuse(http.StatusBadRequest, "Unknown agent") }

// drainAgent is DRAIN_AGENT. A second one overwrites the first.
func (m *Master) drainAgent(call *mastercalls.Call_DrainAgent) *wire.Refusal {
	id := call.AgentID.Value
	a := m.agents[id]
	if a == nil && !m.recovered[id] && m.registry.unreachable(id) == nil {
		return unknownAgent()
	}
	config := mesos.DrainConfig{MarkGone: call.MarkGone}
	if call.MarkGone == nil {
		config.MarkGone = new(false)
	}
	if d := call.MaxGracePeriod; d != nil {
		config.MaxGracePeriod = &mesos.DurationInfo{Nanoseconds: d.Seconds*int64(time.Second) + int64(d.Nanos)}
	}
	c := condition{Deactivated: true, Drain: &mesos.DrainInfo{State: mesos.DrainState_DRAINING, Config: config}, DrainStarted: time.Now()}
	m.log.info("Draining agent %s", id)
	m.registry.setCondition(id, c, func() {
		a := m.agents[id]
		if a == nil {
			return
		}
		a.deactivated, a.drain, a.drainStarted = c.Deactivated, c.Drain, c.DrainStarted
		m.rescindAgent(a)
		a.send(&link.Drain{Config: config})
		m.checkDrained(a)
	})
	return nil
}

// checkDrained ends the draining of an agent on which no task is left: it is drained, or gone.
func (m *Master) checkDrained(a *agent) {
	if a.drain == nil || a.drain.State != mesos.DrainState_DRAINING || len(a.tasks) > 0 || m.agents[a.id] != a {
		return
	}
	if a.drain.Config.GetMarkGone() {
		m.markGone(a.id)
		return
	}
	m.log.info("Agent %s is drained", a.id)
	drained := *a.drain
	drained.State = mesos.DrainState_DRAINED
	a.drain = &drained
	m.registry.setCondition(a.id, condition{Deactivated: true, Drain: &drained, DrainStarted: a.drainStarted}, nil)
}

// deactivateAgent is DEACTIVATE_AGENT: no offers any more, tasks go on.
func (m *Master) deactivateAgent(id string) *wire.Refusal {
	a := m.agents[id]
	if a == nil {
		return unknownAgent()
	}
	m.registry.setCondition(id, condition{Deactivated: true, Drain: a.drain, DrainStarted: a.drainStarted}, func() {
		a.deactivated = true
		m.rescindAgent(a)
	})
	return nil
}

// reactivateAgent is REACTIVATE_AGENT: offers again, from the next allocation on.
func (m *Master) reactivateAgent(id string) *wire.Refusal {
	a := m.agents[id]
	switch {
	case a == nil:
		return unknownAgent()
	case a.drain != nil && a.drain.State == mesos.DrainState_DRAINING:
		return wire.Refuse(http.StatusBadRequest, "Agent is still in the DRAINING state")
	}
	m.registry.setCondition(id, condition{}, func() {
		a.deactivated, a.drain, a.drainStarted = false, nil, time.Time{}
	})
	return nil
}

// markAgentGone is MARK_AGENT_GONE; for an agent that is gone already it does nothing.
func (m *Master) markAgentGone(id string) *wire.Refusal {
	switch {
	case m.registry.gone(id):
		return nil
	case m.agents[id] == nil && !m.recovered[id] && m.registry.unreachable(id) == nil:
		return wire.Refuse(http.StatusNotFound, "")
	}
	m.markGone(id)
	return nil
}

// markGone makes an agent gone for ever: its tasks are over, and it is told to end, now or when it comes back.
func (m *Master) markGone(id string) {
	m.log.info("Marking agent %s gone", id)
	m.registry.markGone(id, time.Now().UnixNano(), func() {
		delete(m.recovered, id)
		if a := m.agents[id]; a != nil {
			for _, t := range sortedAgentTasks(a) {
				m.goneTask(t)
			}
			a.send(&link.Shutdown{Reason: "Agent has been marked gone"})
			m.finishAgent(a)
			return
		}
		for _, f := range m.frameworks {
			for _, t := range append([]*task(nil), f.unreachable...) {
				if t.AgentID.Value == id {
					f.unhide(t.TaskID.Value)
					m.goneTask(t)
				}
			}
		}
	})
}

// goneTask ends a task of an agent that is gone.
func (m *Master) goneTask(t *task) {
	f := m.frameworks[t.FrameworkID.Value]
	if f == nil {
		return
	}
	if terminal(t.GetState()) && t.GetState() != mesos.TASK_LOST {
		m.removeTask(t)
		return
	}
	state, reason := mesos.TASK_LOST, mesos.REASON_AGENT_REMOVED
	if f.partitionAware() {
		state, reason = mesos.TASK_GONE_BY_OPERATOR, mesos.REASON_AGENT_REMOVED_BY_OPERATOR
	}
	m.setTaskState(t, state)
	m.sendStatus(f, t.fromMaster(state, "Agent has been marked gone", reason))
	if state == mesos.TASK_LOST { // as Mesos shows it: lost, not over
		m.hideTask(f, t)
		return
	}
	if f.tasks[t.TaskID.Value] == nil { // it was unreachable
		f.tasks[t.TaskID.Value] = t
	}
	m.removeTask(t)
}
