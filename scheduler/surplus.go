package scheduler

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// podCount is how many pods run on the hosts of a pool that loses those with the fewest first.
type podCount struct {
	ask  retry
	pods map[Hostname]int
	at   time.Time // when they were counted; zero: not
}

const (
	// podsFresh is how long a count of pods may be used.
	podsFresh = time.Minute
	// podsTries is how often pods are counted in vain before nodes go by their age.
	podsTries = 2
)

// usefulness orders the phases by what is lost when a node in them is retired.
var usefulness = map[Phase]int{Unreachable: 0, Launching: 1, NotReady: 2, Ready: 3}

// retireSurplus drains what a pool has too much: first what serves nobody, then what is outdated, of the rest as the pool's
// kill selection says.
func (c *Core) retireSurplus(now time.Time) {
	for _, name := range c.poolNames() {
		p := c.pools[name]
		if p.Nodes == All && !p.Deleted && c.meta.Teardown == "" {
			c.retireUnmatched(now, p)
			continue
		}
		wanted := c.wanted(p, now)
		surplus := c.census(p, now).counted - wanted
		if wanted > 0 {
			surplus -= c.surge(p, now)
		}
		if surplus <= 0 {
			continue
		}
		candidates := c.expendable(p)
		if !c.orderSurplus(now, p, candidates, surplus) {
			continue
		}
		cause, why := CauseSurplus, fmt.Sprintf("surplus: the pool wants %d nodes", wanted)
		switch {
		case c.meta.Teardown != "":
			cause, why = CauseTeardown, "the framework is being torn down"
		case p.Deleted:
			why = "the pool is being deleted"
		}
		for _, n := range candidates[:min(surplus, len(candidates))] {
			c.retire(now, n, cause, why)
		}
	}
}

// expendable are the nodes that count in a pool.
func (c *Core) expendable(p *pool) []*node {
	var candidates []*node
	for _, n := range c.order {
		if n.pool == p && !n.retired() && !n.lease.lost {
			candidates = append(candidates, n)
		}
	}
	return candidates
}

// orderSurplus sorts the nodes by who goes first. It reports false if it has to wait for a count of pods.
func (c *Core) orderSurplus(now time.Time, p *pool, candidates []*node, surplus int) bool {
	selection := p.KillSelection
	if selection == FewestPods && surplus < len(candidates) {
		switch {
		case !p.pods.at.IsZero() && now.Before(p.pods.at.Add(podsFresh)):
		case p.pods.ask.attempts > podsTries:
			selection = Youngest // Kubernetes does not say
		case p.pods.ask.due(now):
			p.pods.ask.asked(now)
			hosts := make([]Hostname, len(candidates))
			for i, n := range candidates {
				hosts[i] = n.Host
			}
			c.operate(CountPods{Pool: p.Name, Hosts: hosts, Why: "the pool loses the nodes with the fewest pods first"})
			return false
		default:
			return false
		}
	}
	slices.SortStableFunc(candidates, func(a, b *node) int {
		var preferred int
		switch selection {
		case Oldest:
			preferred = byNumber(a, b)
		case FewestPods:
			preferred = cmp.Or(cmp.Compare(p.pods.pods[a.Host], p.pods.pods[b.Host]), byNumber(b, a))
		default:
			preferred = byNumber(b, a)
		}
		return cmp.Or(cmp.Compare(usefulness[a.Phase], usefulness[b.Phase]), byTruth(b.outdated(), a.outdated()), preferred)
	})
	p.pods.ask = retry{}
	return true
}

// retireUnmatched drains the nodes of a pool of all agents that are on agents which do not match any more.
func (c *Core) retireUnmatched(now time.Time, p *pool) {
	for _, n := range slices.Clone(c.active()) { // an edit unsettles all
		if n.pool != p || n.retired() {
			continue
		}
		if why := p.mismatch(n); why != (reason{}) {
			c.retire(now, n, CauseSurplus, "its agent does not match the pool any more: "+why.String())
		}
	}
}

// keepWanted calls the drains of surplus nodes off that the pool wants again, oldest first.
func (c *Core) keepWanted(now time.Time) {
	for _, n := range slices.Clone(c.active()) {
		planned := n.Phase == Draining && n.Cause == CauseSurplus && n.leaving == "" && !n.drained
		if planned && !n.outdated() && c.missing(n.pool, now) > 0 && n.pool.mismatch(n) == (reason{}) {
			c.callOff(now, n, fmt.Sprintf("the pool wants %s nodes again", n.pool.Nodes))
		}
	}
}

// mismatch says why a node's agent does not match its pool, other nodes aside; none: it does.
func (p *pool) mismatch(n *node) reason {
	for i := range p.constraints {
		if why := p.constraints[i].refuses(n.Host, &n.Place); why != (reason{}) {
			return why
		}
	}
	return reason{}
}

// callOff ends the drain of a node that stays, and uncordons it.
func (c *Core) callOff(now time.Time, n *node, why string) {
	c.cancelDrain(n, why)
	c.move(now, n, NotReady, "the drain is called off: "+why)
	n.Cause, n.Drain, n.DrainBy, n.Uncordon = "", DrainPolicy{}, time.Time{}, true
	n.drain, n.kill, n.progress, n.overdue, n.drained = retry{}, retry{}, DrainProgressed{}, false, false
	c.readiness(now, n)
}

// uncordonKept takes the cordons of drains away that were called off.
func (c *Core) uncordonKept(now time.Time) {
	for _, n := range c.active() {
		if n.Uncordon && !n.retired() && n.uncordon.due(now) {
			n.uncordon.asked(now)
			c.operate(Uncordon{Node: n.Name, Host: n.Host, ProviderID: n.Name.ProviderID(c.meta.FrameworkID), Why: "its drain was called off"})
		}
	}
}
