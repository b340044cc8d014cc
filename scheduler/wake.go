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
	for _, n := range c.order {
		c.nodeWake(&a, n)
	}
	for _, p := range c.pools {
		if len(p.refusals) > 0 {
			a.at(p.launchAfter)
		}
	}
	for _, stray := range c.strays {
		a.at(stray.next)
	}
	c.identityWake(&a)
	if c.connected {
		a.at(c.reconcileNext)
		for _, o := range c.orphans {
			a.at(o.kill.next)
		}
		if c.freed || len(c.suppressed) > 0 {
			a.at(c.revived.Add(reviveEvery))
		}
	}
	return a.next
}

// nodeWake adds the deadlines of one node's phase.
func (c *Core) nodeWake(a *alarm, n *node) {
	if c.connected && n.Phase != Gone {
		a.at(n.ask)
	}
	switch n.Phase {
	case NotReady:
		due := n.Since.Add(time.Duration(c.pools[n.Pool].ReadyTimeout))
		if due.After(a.now) {
			a.at(due)
		} else {
			a.at(a.now.Add(firstRetry)) // held back by the guard
		}
	case Unreachable:
		a.at(n.Since.Add(time.Duration(c.pools[n.Pool].UnreachableAfter)))
	case Draining:
		a.at(n.DrainBy)
		a.at(n.drain.next)
	case Stopping:
		a.at(n.kill.next)
	case Gone:
		a.at(n.forget.next)
	}
}
