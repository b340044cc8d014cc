package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// foresee obeys a command in a copy of the core and says what that would do at once, without doing it.
func (c *Core) foresee(now time.Time, command Command) (lines []string, problem string) {
	copied := c.clone()
	copied.plan = &Plan{}
	if problem := copied.obey(now, command); problem != "" {
		return nil, problem
	}
	copied.decide(now)
	copied.save()
	for _, note := range copied.plan.Notes {
		lines = append(lines, note.String())
	}
	for _, change := range copied.plan.Save {
		if _, pool := change.(PutPool); pool {
			lines = append(lines, fmt.Sprintf("saved: %s", change))
		}
	}
	for _, call := range copied.plan.Calls {
		lines = append(lines, fmt.Sprintf("mesos: %s", call))
	}
	for _, op := range copied.plan.Ops {
		lines = append(lines, fmt.Sprintf("kubernetes: %s", op))
	}
	return append(lines, copied.outlook(now)...), ""
}

// outlook says what will follow later: who is missing, and who is to be replaced or resized in turn.
func (c *Core) outlook(now time.Time) []string {
	var lines []string
	for _, name := range c.poolNames() {
		p := c.pools[name]
		if missing := c.missing(p, now); missing > 0 && p.Nodes != All {
			lines = append(lines, fmt.Sprintf("pool %s: %d nodes are missing; they are launched when offers fit", name, missing))
		}
		for _, n := range c.order {
			switch {
			case n.pool != p || n.retired() || n.Version == p.Rollout.Version:
			case n.outdated():
				lines = append(lines, fmt.Sprintf("node %s on host %s is replaced in turn: maxUnavailable %d, maxSurge %d", n.Name, n.Host, p.MaxUnavailable, p.MaxSurge))
			case n.Slice() != p.Resources:
				lines = append(lines, fmt.Sprintf("node %s on host %s goes from %s to %s in place, if its agent has room", n.Name, n.Host, n.Slice(), p.Resources))
			}
		}
	}
	return lines
}

// clone is a copy of the core that shares nothing which a Step changes.
func (c *Core) clone() *Core {
	copied := *c
	copied.pools = make(map[PoolName]*pool, len(c.pools))
	for name, p := range c.pools {
		other := *p
		other.constraints = compile(p.Constraints)
		other.awaited, other.returns = maps.Clone(p.awaited), cloneValues(p.returns)
		other.Returns = slices.Clone(p.Returns)
		other.settled = 0 // all are visited, and none settles before the copy is thrown away
		copied.pools[name] = &other
	}
	copied.nodes, copied.hosts = map[NodeName]*node{}, map[Hostname]*node{}
	copied.agents, copied.tokens = map[AgentID]*node{}, map[string]*node{}
	copied.order, copied.unsettled = nil, nil
	for _, n := range c.order {
		other := *n
		other.Tasks = slices.Clone(n.Tasks)
		copied.add(&other)
	}
	copied.suppressed, copied.kube = maps.Clone(c.suppressed), maps.Clone(c.kube)
	copied.refusals = maps.Clone(c.refusals)
	copied.requests = cloneValues(c.requests)
	copied.orphans, copied.strays = cloneValues(c.orphans), cloneValues(c.strays)
	copied.maintenance = cloneValues(c.maintenance)
	copied.dirtyPools, copied.dirtyNodes, copied.dirtyMeta = map[PoolName]bool{}, map[int64]NodeName{}, false
	copied.acks, copied.offers, copied.inverse, copied.leaving = nil, nil, nil, nil
	return &copied
}

func cloneValues[K comparable, V any](m map[K]*V) map[K]*V {
	copied := make(map[K]*V, len(m))
	for key, value := range m {
		other := *value
		copied[key] = &other
	}
	return copied
}
