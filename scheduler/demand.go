package scheduler

import (
	"fmt"
	"slices"
	"time"
)

// Each revival makes the master visit all its agents. There may be two within reviveWindow: so the second wish of an operator, or the one
// that comes just after a failover, need not wait.
const reviveWindow = 10 * time.Second

// callAgain is when a call is made again that the master did not take.
const callAgain = 5 * time.Second

// revivals are the times of the last two, the older one first.
type revivals [2]time.Time

// next is when there may be another.
func (r revivals) next() time.Time { return r[0].Add(reviveWindow) }

// add notes one more.
func (r *revivals) add(now time.Time) { r[0], r[1] = r[1], now }

// peekFor is how long offers are asked for, with each reconciliation of all, although no node is missing: only an offer can
// tell that a lost agent has come back under a new ID, or bring reservations of an agent that was away for long.
const peekFor = 30 * time.Second

// announcement is what Mesos is told of us that pools decide.
type announcement struct {
	roles []Role
	gpus  bool
	// refused: the master did not take it; again is when it is tried next.
	refused bool
	again   time.Time
}

func (c *Core) announcement() announcement {
	var a announcement
	for _, p := range c.pools {
		a.roles = append(a.roles, p.Role)
		a.gpus = a.gpus || p.Resources.GPUs > 0
		for at := range p.returns {
			a.roles = append(a.roles, at.Role)
		}
	}
	for _, n := range c.unsettled { // of another version than its pool, perhaps
		a.roles = append(a.roles, n.Executor.Role)
		a.gpus = a.gpus || n.Slice().GPUs > 0
	}
	slices.Sort(a.roles)
	a.roles = slices.Compact(a.roles)
	return a
}

// announceAgain is when a change of our roles is told again that the master has refused.
const announceAgain = time.Minute

// announceRoles tells Mesos of roles, and of a need for GPUs, that pools have added or removed. Mesos forgets then what was
// suppressed. That the change holds for later subscriptions too is the adapter's part.
func (c *Core) announceRoles(now time.Time) {
	if !c.connected || c.meta.Teardown != "" {
		return
	}
	a, told := c.announcement(), c.announced
	if slices.Equal(a.roles, told.roles) && a.gpus == told.gpus && !(told.refused && !now.Before(told.again)) {
		return
	}
	c.announced = a
	clear(c.suppressed)
	c.call(UpdateFramework{Roles: a.roles, GPUs: a.gpus, Why: "pools have changed"})
}

// callFailed takes back what a call would have changed, so that it is made again.
func (c *Core) callFailed(now time.Time, e CallFailed) {
	switch call := e.Call.(type) {
	case Revive:
		for _, role := range call.Roles {
			c.suppressed[role] = true
		}
		c.revivals = revivals{now.Add(callAgain - reviveWindow), now}
	case Suppress:
		for _, role := range call.Roles {
			delete(c.suppressed, role)
		}
		c.quiet = now.Add(callAgain)
	case Accept:
		c.unanswered = append(c.unanswered, call.Offers...)
		c.answerAt = now.Add(callAgain)
	case Decline:
		c.unanswered = append(c.unanswered, call.Offers...)
		c.answerAt = now.Add(callAgain)
	case UpdateFramework:
		c.announced.refused, c.announced.again = true, now.Add(announceAgain)
		c.note(Note{Alarm: true, Text: fmt.Sprintf("%s was not taken by the master, it is tried again: %s", call, e.Why)})
	}
}

// declineAgain declines offers whose answer the master did not take: without an offer timeout it would keep them for us for
// ever. If the answer has arrived all the same, they are void, and this does nothing.
func (c *Core) declineAgain(now time.Time) {
	if c.connected && len(c.unanswered) > 0 && !now.Before(c.answerAt) {
		c.call(Decline{Offers: c.unanswered, Refuse: returnRefuse, Why: "their answer was not taken"})
		c.unanswered = nil
		c.awaitReturnsAgain() // only now are their resources offered again
	}
}

// signalDemand tells the master whether we want offers.
func (c *Core) signalDemand(now time.Time) {
	if !c.connected || c.meta.Teardown == TornDown {
		return
	}
	wanted := c.wantedRoles(now)
	any := false
	for _, want := range wanted {
		any = any || want
	}
	c.freed = c.freed && any
	var revive, suppress []Role
	for _, role := range sortedKeys(wanted) {
		switch {
		case wanted[role] && (c.suppressed[role] || c.freed) && !now.Before(c.revivals.next()):
			revive = append(revive, role)
			delete(c.suppressed, role)
		case !wanted[role] && !c.suppressed[role] && !now.Before(c.quiet):
			suppress = append(suppress, role)
			c.suppressed[role] = true
		}
	}
	if len(suppress) > 0 {
		c.call(Suppress{Roles: suppress, Why: "no node is missing"})
	}
	if len(revive) > 0 {
		c.freed = false
		c.revivals.add(now)
		c.call(Revive{Roles: revive, Why: "nodes are missing"})
	}
}

// wantedRoles says of each role whether offers to it are wanted: for a node that is missing or grows, or to give
// reservations back.
func (c *Core) wantedRoles(now time.Time) map[Role]bool {
	wanted := map[Role]bool{}
	for _, p := range c.pools {
		want := c.missing(p, now) > 0 || c.grows(p)
		wanted[p.Role] = wanted[p.Role] || want || !c.teardown.sweep.IsZero()
	}
	for _, p := range c.pools {
		for at, r := range p.returns {
			wanted[at.Role] = wanted[at.Role] || !r.overdue || now.Before(c.peek)
		}
	}
	for _, w := range c.maintenance {
		if w.owed != "" {
			wanted[w.owed] = true
		}
	}
	if now.Before(c.peek) {
		for _, n := range c.active() {
			wanted[n.Executor.Role] = wanted[n.Executor.Role] || n.agentLost
		}
	}
	return wanted
}

// grows reports whether a node of the pool waits for room on its agent.
func (c *Core) grows(p *pool) bool {
	return p.rolls() && slices.ContainsFunc(c.active(), func(n *node) bool { return n.pool == p && !n.resize.since.IsZero() && n.resizes() })
}
