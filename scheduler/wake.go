package scheduler

import "time"

// alarm collects the earliest of several times that still lie ahead.
type alarm struct{ now, next time.Time }

// at asks to be woken at a time; one that has passed is left out: what was due then has been done in this Step, or waits
// for an event.
func (a *alarm) at(when time.Time) {
	if when.After(a.now) && (a.next.IsZero() || when.Before(a.next)) {
		a.next = when
	}
}

// wake says when the next rule becomes due without any event.
func (c *Core) wake(now time.Time) time.Time {
	a := alarm{now: now}
	for _, n := range c.unsettled {
		c.nodeWake(&a, n)
	}
	for _, p := range c.pools {
		a.at(p.launchAfter)
		a.at(p.pods.ask.next)
		for _, r := range p.returns {
			a.at(r.until)
		}
	}
	for _, stray := range c.strays {
		a.at(stray.next)
	}
	for agent, w := range c.maintenance {
		c.windowWake(&a, agent, w)
	}
	c.identityWake(&a)
	if c.connected {
		a.at(c.reconcileNext)
		for _, o := range c.orphans {
			a.at(o.kill.next)
		}
		if c.freed || len(c.suppressed) > 0 {
			a.at(c.revivals.next())
		}
		a.at(c.quiet)
		a.at(c.answerAt)
		a.at(c.peek)
		a.at(c.announced.again)
		a.at(c.teardown.sweep)
		a.at(c.teardown.call.next)
	}
	return a.next
}

// windowWake adds the moments of a planned maintenance.
func (c *Core) windowWake(a *alarm, agent AgentID, w *window) {
	a.at(w.to)
	a.at(w.until)
	if n := c.agents[agent]; n != nil && !n.retired() {
		a.at(w.from.Add(-time.Duration(n.pool.MaintenanceHorizon)))
		a.at(c.lastMoment(n))
	}
}

// nodeWake adds the deadlines of one node.
func (c *Core) nodeWake(a *alarm, n *node) {
	if c.connected && n.Phase != Gone {
		a.at(n.ask)
	}
	switch n.Phase {
	case NotReady:
		due := n.Since.Add(time.Duration(n.pool.ReadyTimeout))
		if due.After(a.now) {
			a.at(due)
		} else {
			a.at(a.now.Add(firstRetry)) // held back by the guard
		}
	case Unreachable:
		a.at(n.lostAt())
	case Draining:
		a.at(n.DrainBy)
		a.at(n.resize.kill.next)
		a.at(n.drain.next)
	case Stopping:
		a.at(n.kill.next)
	case Gone:
		a.at(n.forget.next)
	}
	if n.agentLost {
		a.at(n.lease.ask.next)
		if !n.lease.read.IsZero() {
			a.at(n.lease.read.Add(leaseApart))
		}
	}
	if n.retired() {
		return
	}
	a.at(n.uncordon.next)
	a.at(n.mark.next)
	a.at(n.resize.kill.next)
	if !n.resize.since.IsZero() && !n.resize.stuck {
		a.at(n.resize.since.Add(growPatience))
	}
}
