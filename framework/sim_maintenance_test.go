package framework

import (
	"slices"
	"time"

	"k8s-framework/scheduler"
)

// plan is a maintenance schedule for one host: offers say so from now on, and we are asked to leave.
func (h *simHost) plan(in, lasts time.Duration) {
	if h.down || !h.unavailable.IsZero() || h.agent.draining != nil {
		return
	}
	m, start := h.w.master, h.w.now.Add(in)
	h.w.logf("!!! maintenance of host %s is planned in %s for %s", h.name, in, lasts)
	h.unavailable, h.said, h.lasts = start, start, lasts
	m.rescind(h.agent)
	m.soon()
	if len(h.agent.executors) > 0 {
		m.askToLeave(h)
	}
	h.w.later(in, in, func() {
		if h.unavailable.Equal(start) && !h.down {
			h.beginMaintenance()
		}
	})
}

// replan moves the maintenance: what was asked before is void.
func (h *simHost) replan() {
	if h.unavailable.IsZero() || h.down {
		return
	}
	m := h.w.master
	for _, id := range simSorted(m.inverse) {
		if m.inverse[id] == h {
			delete(m.inverse, id)
			m.tell(scheduler.InverseRescinded{Offer: id})
		}
	}
	h.unavailable = time.Time{}
	h.w.logf("!!! the maintenance of host %s is called off", h.name)
	m.rescind(h.agent)
	m.soon()
}

// askToLeave sends an inverse offer, unless one is open.
func (m *simMaster) askToLeave(h *simHost) {
	if m.stream == nil || h.unavailable.IsZero() || h.down || !h.agent.reached() {
		return
	}
	for _, open := range m.inverse {
		if open == h {
			return
		}
	}
	id := scheduler.OfferID(m.w.fresh("i"))
	m.inverse[id] = h
	m.tell(scheduler.InverseOffered{Offers: []scheduler.InverseOffer{
		{ID: id, Agent: h.agent.id, UnavailableFrom: h.unavailable.UnixNano(), For: h.lasts},
	}})
}

// answerInverse takes the answer; the question comes again when its filter is over.
func (m *simMaster) answerInverse(ids []scheduler.OfferID, refuse time.Duration, _ string) {
	for _, id := range ids {
		if h := m.inverse[id]; h != nil {
			delete(m.inverse, id)
			m.w.later(refuse, refuse+time.Second, func() { m.askToLeave(h) })
		}
	}
}

// beginMaintenance is START_MAINTENANCE, whether or not we have left: the agent is removed and shut down.
func (h *simHost) beginMaintenance() {
	a := h.agent
	h.w.logf("!!! the maintenance of host %s begins", h.name)
	h.down = true
	h.w.master.rescind(a)
	if a.status != simMarkedGone {
		a.status = simRemoved
	}
	a.forgetTasks(scheduler.TaskLost, "REASON_SLAVE_REMOVED", "the machine is DOWN")
	a.shutExecutors()
	h.w.later(h.lasts, h.lasts, h.endMaintenance)
}

// endMaintenance is STOP_MAINTENANCE: the host is back, with a new agent.
func (h *simHost) endMaintenance() {
	h.unavailable = time.Time{}
	if !h.down {
		h.w.master.rescind(h.agent)
		h.w.master.soon()
		return
	}
	h.w.logf("the maintenance of host %s is over", h.name)
	h.down = false
	h.agent.replaced()
	h.newAgent()
	h.agent.comeBack(time.Second, 20*time.Second)
}

// drainBy is DRAIN_AGENT: every task is killed, within the grace given.
func (a *simAgent) drainBy(grace time.Duration, gone bool) {
	if !a.reached() || a.draining != nil {
		return
	}
	a.w.logf("!!! agent %s is drained within %s, marked gone: %v", a.id, grace, gone)
	a.draining = &simDraining{grace, gone}
	a.w.master.rescind(a)
	for _, e := range slices.Clone(a.executors) {
		for _, t := range slices.Clone(e.tasks) {
			if e.alive && !t.state.Over() {
				e.kill(t, min(grace, time.Duration(e.policy.Deadline)+time.Minute), false)
			}
		}
	}
	a.settleDrain()
}

// settleDrain ends a drain when no executor is left and every update is acknowledged.
func (a *simAgent) settleDrain() {
	if a.draining == nil || len(a.executors) > 0 {
		return
	}
	if a.draining.gone {
		a.markGone()
		return
	}
	a.w.later(time.Minute, 20*time.Minute, a.reactivate)
}

// reactivate is REACTIVATE_AGENT, which is refused while the agent drains.
func (a *simAgent) reactivate() {
	if a.draining != nil && !a.draining.gone && len(a.executors) == 0 {
		a.w.logf("agent %s is reactivated", a.id)
		a.draining = nil
		a.w.master.soon()
	}
}

// markGone is MARK_AGENT_GONE: an operator's word that the agent is gone. If it comes back it is shut down.
func (a *simAgent) markGone() {
	if a.status == simMarkedGone || a.status == simRemoved {
		return
	}
	a.w.logf("!!! agent %s is marked gone", a.id)
	reached := a.reached()
	a.w.master.rescind(a)
	a.status = simMarkedGone
	a.losses++
	a.forgetTasks(scheduler.TaskGoneByOperator, "REASON_AGENT_REMOVED_BY_OPERATOR", "the agent is gone")
	a.w.master.tell(scheduler.AgentRemoved{Agent: a.id})
	if reached {
		a.shutDown()
	}
}
