package scheduler

import (
	"fmt"
	"slices"
	"time"
)

// A pool with reserve: true reserves the resources of a node in the ACCEPT that launches it. The labels of a reservation
// say for which framework, pool and node it was made. What nobody owns any more is given back when it is offered.

// The labels of our reservations.
const (
	labelFramework = "framework"
	labelPool      = "pool"
	labelNode      = "node"
)

// returning is how far a Return has come.
type returning struct {
	// offered: an offer of the host has come. until is when no further one is awaited, since what an executor holds comes
	// after its tasks' resources; zero: not set yet.
	offered bool
	until   time.Time
	// overdue: no offer has come in time; it is looked for from time to time.
	overdue bool
}

const (
	// returnSettle is how long after an offer its host is watched for what was not given back; returnPatience how long a
	// first offer is asked for all the time.
	returnSettle   = time.Minute
	returnPatience = 15 * time.Minute
	// returnRefuse is the filter of an ACCEPT that gives back, so that a loss of it shows.
	returnRefuse = 5 * time.Second
)

// ownedBy is the pool for which this framework has reserved an entry dynamically; empty: it has not.
func ownedBy(framework FrameworkID, r *Resource) PoolName {
	at := len(r.Reservations) - 1
	if at < 0 || !r.Reservations[at].Dynamic || framework == "" {
		return ""
	}
	labels := r.Reservations[at].Labels
	ours := false
	var pool PoolName
	for i := range labels {
		switch labels[i].Key {
		case labelFramework:
			ours = labels[i].Value == string(framework)
		case labelPool:
			pool = PoolName(labels[i].Value)
		}
	}
	if !ours {
		return ""
	}
	return pool
}

// reserve says what has to be reserved before the node uses what was taken for it, and what it uses then. A reservation
// below a static one refines it.
func (c *Core) reserve(n *node, taken []Resource) (reserve, reserved []Resource) {
	if !n.pool.Reserve {
		return nil, taken
	}
	for _, r := range taken {
		at := len(r.Reservations) - 1
		if at >= 0 && r.Reservations[at].Role == n.pool.Role {
			reserved = append(reserved, r) // for the role already, by us or by an operator
			continue
		}
		r.Reservations = append(slices.Clone(r.Reservations), Reservation{
			Role: n.pool.Role, Dynamic: true, Principal: c.config.Principal,
			Labels: []Label{{labelFramework, string(c.meta.FrameworkID)}, {labelPool, string(n.Pool)}, {labelNode, string(n.Name)}},
		})
		reserve, reserved = append(reserve, r), append(reserved, r)
	}
	return reserve, reserved
}

// leftover are the entries that this framework has reserved and nobody owns.
func (c *Core) leftover(now time.Time, s *supply, entries []Resource) []Resource {
	var over []Resource
	for i := range entries {
		r := &entries[i]
		owner := ownedBy(c.meta.FrameworkID, r)
		if owner == "" || r.Special != "" || (r.Amount <= 0 && len(r.Ranges) == 0) {
			continue
		}
		if !c.keeps(now, owner, s) {
			over = append(over, *r)
		}
	}
	return over
}

// keeps reports whether a pool keeps what it has reserved on the supply's host and does not use: it misses a node, and could
// have it there as soon as something that passes has passed.
func (c *Core) keeps(now time.Time, owner PoolName, s *supply) bool {
	p := c.pools[owner]
	if p == nil || p.Deleted || !p.Reserve || p.Role != s.role || c.meta.Teardown != "" {
		return false
	}
	if s.occupant != nil {
		// Of its own node it is what that does not need any more, unless the node is to grow or to be launched again here.
		return s.occupant.pool == p && (s.occupant.retired() || s.occupant.resizes())
	}
	return c.missing(p, now) > 0
}

// giveBack answers a supply that holds reservations which nobody owns by giving them back.
func (c *Core) giveBack(now time.Time, s *supply) bool {
	over := c.leftover(now, s, s.resources)
	if len(over) == 0 {
		return false
	}
	c.call(Accept{Agent: s.agent, Offers: s.offers, Unreserve: over, Refuse: returnRefuse, Why: "no pool owns the reservations any more"})
	c.note(Note{Agent: s.agent, Text: "gives reservations on host " + string(s.host) + " back: " + list(over)})
	s.answered, s.returned = true, true
	return true
}

// awaitReturn notes that a host has reservations of a pool that are to be given back.
func (c *Core) awaitReturn(p *pool, r Return) {
	p.returns[r] = &returning{}
	if !slices.Contains(p.Returns, r) {
		p.Returns = append(p.Returns, r)
		c.dirtyPools[p.Name] = true
	}
}

// awaitReturnsAgain awaits offers of all hosts again that have reservations to be given back: whether that was done is not
// known.
func (c *Core) awaitReturnsAgain() {
	for _, p := range c.pools {
		for _, r := range p.returns {
			*r = returning{}
		}
	}
}

// watchReturns notes that offers of a host have come, and forgets hosts from which enough has been heard.
func (c *Core) watchReturns(now time.Time, supplies []*supply) {
	for _, name := range c.poolNames() {
		p := c.pools[name]
		if len(p.Returns) == 0 {
			continue
		}
		for _, s := range supplies {
			r := p.returns[Return{s.host, s.role}]
			switch {
			case r == nil:
			case c.holds(now, p, s):
				*r = returning{} // until the pool misses nothing any more, here or elsewhere
			case !r.offered || s.returned:
				r.offered, r.overdue, r.until = true, false, now.Add(returnSettle)
			}
		}
		p.Returns = slices.DeleteFunc(p.Returns, func(at Return) bool { return c.returned(now, p, at) })
	}
}

// holds reports whether a supply has what the pool has reserved, does not use, and keeps.
func (c *Core) holds(now time.Time, p *pool, s *supply) bool {
	return c.keeps(now, p.Name, s) && slices.ContainsFunc(s.resources, func(r Resource) bool {
		return ownedBy(c.meta.FrameworkID, &r) == p.Name && (r.Amount > 0 || len(r.Ranges) > 0)
	})
}

// returned reports whether a host is not watched any more.
func (c *Core) returned(now time.Time, p *pool, at Return) bool {
	r := p.returns[at]
	switch {
	case r.until.IsZero():
		r.until = now.Add(returnPatience)
	case now.Before(r.until) || r.overdue:
	case r.offered:
		delete(p.returns, at)
		c.dirtyPools[p.Name] = true
		return true
	default:
		r.overdue = true
		c.note(Note{Pool: p.Name, Alarm: true, Text: fmt.Sprintf(
			"reservations for the role %s may be left on host %s: its agent has offered nothing for %s. They are given back when it does; of a pool that is being deleted "+
				"the record stays until then, unless it is deleted a second time", at.Role, at.Host, returnPatience)})
	}
	return false
}

// awaitsReturns reports whether offers that bring reservations of the pool back are still to come soon.
func (p *pool) awaitsReturns() bool {
	for _, r := range p.returns {
		if !r.overdue {
			return true
		}
	}
	return false
}
