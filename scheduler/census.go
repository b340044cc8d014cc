package scheduler

import (
	"maps"
	"math"
	"slices"
	"time"
)

// Most nodes, most of the time, are settled: Ready, as their pool says, and nothing about them waits for anything but the
// next reconciliation of all. A Step visits the others only, so that it costs nothing per idle node. Whatever touches a
// node unsettles it; at the end of the Step it is looked at whether it still is.

// tally counts a pool's nodes.
type tally struct {
	nodes    int // with a record
	counted  int // those that the pool wants: not retired, and not given up as unreachable
	ready    int // of those, Ready
	notReady int // NotReady
	retired  int // Draining or Stopping
	replaced int // retired, and wanted again in their place
	lost     int // given up as unreachable
	outdated int // counted, and not as the pool's definition says
	leaving  int // counted, not outdated, and to be replaced because of a planned maintenance
}

// settled reports whether nothing about the node waits for anything.
func (c *Core) settled(n *node) bool {
	p := n.pool
	return n.Phase == Ready && n.leaving == "" && n.asked == 0 && n.Version == p.Rollout.Version && n.marked == p.edits && !n.Uncordon &&
		n.resize.pending == "" && !n.resize.stuck && !n.shrinks() && n.Slice() == p.Resources &&
		!n.identity.wanted && !n.identity.issued && !c.kube[n.Host].Starting && c.maintenance[n.Agent] == nil && !p.Deleted && c.meta.Teardown == ""
}

// touch unsettles a node.
func (c *Core) touch(n *node) {
	c.counted = false
	if n.unsettled {
		return
	}
	n.unsettled = true
	n.pool.settled--
	c.unsettled = append(c.unsettled, n)
	c.unsorted = true
}

// touchPool unsettles the nodes of a pool.
func (c *Core) touchPool(p *pool) {
	for _, n := range c.order {
		if n.pool == p {
			c.touch(n)
		}
	}
}

// settle takes the settled nodes off the list of those to visit.
func (c *Core) settle() {
	c.unsettled = slices.DeleteFunc(c.unsettled, func(n *node) bool {
		if !c.settled(n) {
			return false
		}
		n.unsettled = false
		n.pool.settled++
		return true
	})
}

// active are the nodes that are not settled, oldest first. Visit a copy if the visit moves nodes.
func (c *Core) active() []*node {
	if c.unsorted {
		slices.SortFunc(c.unsettled, byNumber)
		c.unsorted = false
	}
	return c.unsettled
}

// count brings the tallies up to date.
func (c *Core) count(now time.Time) {
	if c.counted {
		return
	}
	c.counted = true
	for _, p := range c.pools {
		p.tally = tally{nodes: p.settled, counted: p.settled, ready: p.settled}
	}
	for _, n := range c.active() {
		t := &n.pool.tally
		t.nodes++
		switch n.Phase {
		case Ready:
			t.ready++
		case NotReady:
			t.notReady++
		case Draining, Stopping:
			t.retired++
		}
		if n.retired() && n.Cause != CauseSurplus {
			t.replaced++
		}
		if n.lease.lost {
			t.lost++
		}
		if n.retired() || n.lease.lost {
			continue
		}
		t.counted++
		switch {
		case n.outdated():
			t.outdated++
		case c.isPolite(now, n):
			t.leaving++
		}
	}
}

// census is the pool's tally, up to date.
func (c *Core) census(p *pool, now time.Time) tally {
	c.count(now)
	return p.tally
}

// wanted is how many nodes the pool wants; of a pool of all agents, as many as there are, those included that are lost or
// being replaced.
func (c *Core) wanted(p *pool, now time.Time) int {
	switch {
	case p.Deleted || c.meta.Teardown != "":
		return 0
	case p.Nodes == All:
		maps.DeleteFunc(p.awaited, func(_ Hostname, until time.Time) bool { return !now.Before(until) })
		t := c.census(p, now)
		return t.counted + t.replaced + t.lost + len(p.awaited)
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
