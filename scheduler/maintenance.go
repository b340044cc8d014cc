package scheduler

import (
	"fmt"
	"time"
)

// window is a planned maintenance of an agent. Mesos announces it in offers and by inverse offers; each leader learns it
// anew.
type window struct {
	from time.Time
	// to is its end; zero: it has none, or it is not known.
	to time.Time
	// inverse is the last inverse offer that announced it.
	inverse OfferID
	// until is how long it holds without being announced again.
	until time.Time
	// owed is the role of a node that has left the agent since: Mesos makes an inverse offer only to those who hold something
	// there, if only an offer, so offers to the role are wanted until we have said that we are gone; empty: nobody waits.
	owed Role
}

const (
	// maintenanceSettle is how long after it should have been announced again a window still holds; and how long after what
	// announced it is void: a new schedule, or a new subscription, is followed by announcements of what is left of it.
	maintenanceSettle = time.Minute
	// An inverse offer comes again: soon while its node is being drained, later while it is not yet, or when nothing of ours
	// is on the agent.
	inverseSoon  = 10 * time.Second
	inverseLater = 5 * time.Minute
	inverseRest  = time.Hour
)

// announce notes a planned maintenance. It holds until the given time, since what announced it comes again by then; none:
// as long as it did.
func (c *Core) announce(agent AgentID, from int64, until time.Time) *window {
	start := time.Unix(0, from).UTC()
	w := c.maintenance[agent]
	if w == nil || !w.from.Equal(start) {
		c.note(Note{Agent: agent, Text: "maintenance is planned from " + start.Format(time.RFC3339)})
		w = &window{from: start, until: until}
		c.maintenance[agent] = w
		if n := c.agents[agent]; n != nil {
			c.touch(n)
		}
	}
	if until.After(w.until) {
		w.until = until
	}
	return w
}

// inverseOffered notes the maintenance that an inverse offer announces; how long it holds is known when that is answered.
func (c *Core) inverseOffered(now time.Time, o InverseOffer) {
	w := c.announce(o.Agent, o.UnavailableFrom, now.Add(maintenanceSettle))
	w.inverse = o.ID
	if o.For > 0 {
		w.to = w.from.Add(o.For)
	}
	c.inverse = append(c.inverse, o)
}

// doubt shortens how long a window holds: what announced it is void.
func (w *window) doubt(now time.Time) {
	if end := now.Add(maintenanceSettle); end.Before(w.until) {
		w.until = end
	}
}

// endWindows forgets windows that are over or were called off, and calls the drains for them off.
func (c *Core) endWindows(now time.Time) {
	for _, agent := range sortedKeys(c.maintenance) {
		w := c.maintenance[agent]
		why := ""
		switch {
		case !w.to.IsZero() && !now.Before(w.to):
			why = "the maintenance is over"
		case c.connected && !now.Before(w.until):
			why = "the maintenance is not planned any more"
		default:
			continue
		}
		delete(c.maintenance, agent)
		c.freed = true
		c.note(Note{Agent: agent, Text: why})
		n := c.agents[agent]
		if n != nil {
			c.touch(n)
		}
		if n != nil && n.Phase == Draining && n.Cause == CauseMaintenance {
			c.callOff(now, n, why)
		}
	}
}

// isPolite reports whether the node is to be replaced in turn because of a planned maintenance.
func (c *Core) isPolite(now time.Time, n *node) bool {
	w := c.maintenance[n.Agent]
	return w != nil && !now.Before(w.from.Add(-time.Duration(n.pool.MaintenanceHorizon)))
}

// lastMoment is when a node must begin to drain for a maintenance, whatever the pool's limits: the host goes down anyway.
func (c *Core) lastMoment(n *node) time.Time {
	w := c.maintenance[n.Agent]
	return w.from.Add(-time.Duration(n.pool.Drain.Deadline) - c.config.StopGrace)
}

// retireForMaintenance drains nodes whose agent's maintenance is planned: in turn within the pool's horizon, and all that are
// left when there is just enough time for their drain.
func (c *Core) retireForMaintenance(now time.Time) {
	c.endWindows(now)
	for _, agent := range sortedKeys(c.maintenance) {
		n := c.agents[agent]
		if n == nil || n.retired() {
			continue
		}
		w := c.maintenance[agent]
		switch {
		case !now.Before(c.lastMoment(n)):
			c.retire(now, n, CauseMaintenance, fmt.Sprintf("maintenance of its agent is planned from %s; a drain may take %s", w.from.Format(time.RFC3339), n.pool.Drain.Deadline))
		case c.isPolite(now, n) && c.mayTakeDown(now, n):
			c.retire(now, n, CauseMaintenance, fmt.Sprintf("maintenance of its agent is planned from %s", w.from.Format(time.RFC3339)))
		}
	}
}

// answerInverse answers inverse offers: accepted when nothing of ours is on the agent, else declined with what is.
func (c *Core) answerInverse(now time.Time) {
	for _, o := range c.inverse {
		n := c.agents[o.Agent]
		gone, refuse := n == nil || n.Phase == Gone, inverseLater
		switch {
		case gone:
			refuse = inverseRest
			c.call(AcceptInverse{Offers: []OfferID{o.ID}, Refuse: refuse, Why: fmt.Sprintf("nothing of ours is on agent %s", o.Agent)})
		case n.retired():
			refuse = inverseSoon
			fallthrough
		default:
			c.call(DeclineInverse{Offers: []OfferID{o.ID}, Refuse: refuse, Why: fmt.Sprintf("node %s is %s on host %s: %s", n.Name, n.Phase, n.Host, n.Why)})
		}
		w := c.announce(o.Agent, o.UnavailableFrom, now.Add(refuse+maintenanceSettle))
		if gone {
			w.owed = ""
		}
	}
}
