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
	// inverse are the inverse offers that announce it and hold.
	inverse map[OfferID]bool
	// doubt is when it stops to count unless it is announced again; zero: it is not in doubt.
	doubt time.Time
}

const (
	// maintenanceSettle is how long a window holds after what announced it is void: a new schedule, or a new subscription,
	// is followed by announcements of what is left of it.
	maintenanceSettle = time.Minute
	// inverseAgain is when an inverse offer that was declined comes again; inverseRest when one that was accepted does.
	inverseAgain = 10 * time.Second
	inverseRest  = time.Hour
)

// announce notes a planned maintenance.
func (c *Core) announce(agent AgentID, from int64, lasts time.Duration, inverse OfferID) {
	start := time.Unix(0, from).UTC()
	w := c.maintenance[agent]
	if w == nil || !w.from.Equal(start) {
		c.note(Note{Agent: agent, Text: "maintenance is planned from " + start.Format(time.RFC3339)})
		w = &window{from: start, inverse: map[OfferID]bool{}}
		c.maintenance[agent] = w
		if n := c.agents[agent]; n != nil {
			c.touch(n)
		}
	}
	if lasts > 0 {
		w.to = start.Add(lasts)
	}
	if inverse != "" {
		w.inverse[inverse] = true
	}
	w.doubt = time.Time{}
}

// doubtMaintenance puts the windows in doubt that nothing announces any more.
func (c *Core) doubtMaintenance(now time.Time, gone func(*window) bool) {
	for _, w := range c.maintenance {
		if gone(w) && w.doubt.IsZero() {
			w.doubt = now.Add(maintenanceSettle)
		}
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
		case !w.doubt.IsZero() && !now.Before(w.doubt):
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
func (c *Core) answerInverse(time.Time) {
	for _, o := range c.inverse {
		n := c.agents[o.Agent]
		if n == nil || n.Phase == Gone {
			c.call(AcceptInverse{Offers: []OfferID{o.ID}, Refuse: inverseRest, Why: fmt.Sprintf("nothing of ours is on agent %s", o.Agent)})
			continue
		}
		c.call(DeclineInverse{Offers: []OfferID{o.ID}, Refuse: inverseAgain, Why: fmt.Sprintf("node %s is %s on host %s: %s", n.Name, n.Phase, n.Host, n.Why)})
	}
}
