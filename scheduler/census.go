package scheduler

import (
	"math"
	"time"
)

// tally counts a pool's nodes.
type tally struct {
	nodes    int // with a record
	counted  int // those that the pool wants: not retired, and not given up as unreachable
	ready    int // of those, Ready
	notReady int // NotReady
	retired  int // Draining or Stopping
	outdated int // counted, and not as the pool's definition says
	leaving  int // counted, not outdated, and to be replaced because of a planned maintenance
}

// count brings the tallies and the list of busy nodes up to date, in one pass over the nodes.
func (c *Core) count(now time.Time) {
	if c.counted {
		return
	}
	c.counted = true
	c.busy = c.busy[:0]
	for _, p := range c.pools {
		p.tally = tally{}
	}
	for _, n := range c.order {
		t := &n.pool.tally
		t.nodes++
		if n.Phase == Ready {
			t.counted++
			t.ready++
		} else {
			c.busy = append(c.busy, n)
			c.countBusy(t, n)
		}
		if n.retired() || n.lease.lost {
			continue
		}
		switch {
		case !n.pool.Rollout.Done && n.outdated():
			t.outdated++
		case len(c.maintenance) > 0 && c.isPolite(now, n):
			t.leaving++
		}
	}
}

func (c *Core) countBusy(t *tally, n *node) {
	if !n.retired() && !n.lease.lost {
		t.counted++
	}
	switch n.Phase {
	case NotReady:
		t.notReady++
	case Draining, Stopping:
		t.retired++
	}
}

// census is the pool's tally, up to date.
func (c *Core) census(p *pool, now time.Time) tally {
	c.count(now)
	return p.tally
}

// active are the nodes that are not simply Ready, oldest first. The list is made anew when a node moves; visit a copy if
// the visit moves nodes.
func (c *Core) active(now time.Time) []*node {
	c.count(now)
	return c.busy
}

// wanted is how many nodes the pool wants; of a pool of all agents, as many as there are.
func (c *Core) wanted(p *pool, now time.Time) int {
	switch {
	case p.Deleted || c.meta.Teardown != "":
		return 0
	case p.Nodes == All:
		return c.census(p, now).counted
	default:
		return int(p.Nodes)
	}
}

// surge is how many nodes the pool may have beyond those that it wants: while it replaces some.
func (c *Core) surge(p *pool, now time.Time) int {
	t := c.census(p, now)
	replacing := t.leaving
	if p.rolls() {
		replacing += t.outdated
	}
	return min(p.MaxSurge, replacing)
}

// missing is how many nodes are to be launched; of a pool of all agents, as many as match.
func (c *Core) missing(p *pool, now time.Time) int {
	switch {
	case p.Deleted || c.meta.Teardown != "":
		return 0
	case p.Nodes == All:
		return math.MaxInt
	default:
		return max(0, int(p.Nodes)+c.surge(p, now)-c.census(p, now).counted)
	}
}

// mayTakeDown reports whether a node may be taken down by a replacement that can wait: the pool keeps as many Ready nodes
// as it promises, or the node is none of them and few enough are on their way out.
func (c *Core) mayTakeDown(now time.Time, n *node) bool {
	p, t := n.pool, c.census(n.pool, now)
	if n.Phase != Ready {
		return t.retired < max(1, p.MaxUnavailable)
	}
	return t.ready-1 >= c.wanted(p, now)-p.MaxUnavailable
}
