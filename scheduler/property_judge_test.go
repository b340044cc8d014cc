package scheduler

import (
	"maps"
	"slices"
)

// step lets the core take a step, judges its plan, and performs it, all or none of its Save first.
func (p *properties) step(events ...Event) {
	p.open = map[OfferID]Offer{}
	for _, event := range events {
		if offered, ok := event.(Offered); ok {
			for _, offer := range offered.Offers {
				p.open[offer.ID] = offer
			}
		}
		if inverse, ok := event.(InverseOffered); ok {
			for _, offer := range inverse.Offers {
				p.open[offer.ID] = Offer{}
			}
		}
	}
	plan := p.core.Step(p.now, events...)
	if !plan.Wake.IsZero() && !plan.Wake.After(p.now) {
		p.t.Fatalf("the core asks at %s to be woken at %s", p.now, plan.Wake)
	}
	before := maps.Clone(p.saved.nodes)
	for _, change := range plan.Save {
		p.judgeChange(change)
		p.saved.apply(change)
	}
	p.hosts()
	p.retires(before, events)
	for _, call := range plan.Calls {
		p.judgeCall(call)
	}
	for id := range p.open {
		p.t.Fatalf("offer %s was not answered", id)
	}
	p.ops = append(p.ops, plan.Ops...)
	p.agrees()
}

// hosts: never two nodes on a host.
func (p *properties) hosts() {
	taken := map[Hostname]NodeName{}
	for name, n := range p.saved.nodes {
		if other, there := taken[n.Host]; there {
			p.t.Fatalf("nodes %s and %s are recorded on host %s", other, name, n.Host)
		}
		taken[n.Host] = name
	}
}

// judgeChange: the limits of a pool are never exceeded.
func (p *properties) judgeChange(change Change) {
	put, ok := change.(PutNode)
	if !ok {
		return
	}
	pool := p.saved.pools[put.Node.Pool]
	if _, recorded := p.saved.nodes[put.Node.Name]; recorded || put.Node.Phase != Launching {
		return
	}
	nodes := 1
	for _, n := range p.saved.nodes {
		if n.Pool == pool.Name && (n.Phase == Launching || n.Phase == NotReady || n.Phase == Ready) {
			nodes++
		}
	}
	if nodes > int(pool.Nodes)+pool.MaxSurge {
		p.t.Fatalf("node %s is the %dth of pool %s, which wants %s, maxSurge is %d", put.Node.Name, nodes, pool.Name, pool.Nodes, pool.MaxSurge)
	}
}

// retires: a pool keeps all but maxUnavailable of its nodes Ready when we take a Ready one down for our own reasons. What a Step
// is told of nodes may make one of them not Ready first.
func (p *properties) retires(before map[NodeName]Node, events []Event) {
	for _, event := range events {
		switch event.(type) {
		case TaskUpdated, KubeNodeSeen, KubeNodeDeleted, OpFailed, NodeDrained, KubeNodeForgotten, LeaseSeen:
			return
		}
	}
	for name, n := range p.saved.nodes {
		if before[name].Phase != Ready || n.Phase != Draining || !slices.Contains([]Cause{CauseOutdated, CauseUnready}, n.Cause) {
			continue
		}
		pool, ready := p.saved.pools[n.Pool], 0
		for _, other := range p.saved.nodes {
			if other.Pool == n.Pool && other.Phase == Ready {
				ready++
			}
		}
		if ready < int(pool.Nodes)-pool.MaxUnavailable {
			p.t.Fatalf("node %s is retired (%s), and %d of %d nodes stay Ready, maxUnavailable is %d", name, n.Cause, ready, pool.Nodes, pool.MaxUnavailable)
		}
	}
}

// judgeCall: offers are answered once, with a reason.
func (p *properties) judgeCall(call Call) {
	switch c := call.(type) {
	case Accept:
		p.accepts(c)
		p.answered(c.Offers, c.Why)
	case Decline:
		p.answered(c.Offers, c.Why)
	case AcceptInverse:
		p.answered(c.Offers, c.Why)
	case DeclineInverse:
		p.answered(c.Offers, c.Why)
	case Kill:
		p.kills(c)
	}
}

func (p *properties) answered(ids []OfferID, why string) {
	if why == "" {
		p.t.Fatalf("offers %v are answered without a reason", ids)
	}
	for _, id := range ids {
		if _, open := p.open[id]; !open {
			p.t.Fatalf("offer %s is answered, and is not of this Step, or is answered already", id)
		}
		delete(p.open, id)
	}
}

// accepts: no more is launched than was offered; no launch without a record in the same or an older Save; no task ID is used
// twice.
func (p *properties) accepts(c Accept) {
	left := map[string]Amount{}
	for _, id := range c.Offers {
		if offer := p.open[id]; offer.Agent != c.Agent {
			p.t.Fatalf("offer %s of agent %s is accepted for agent %s", id, offer.Agent, c.Agent)
		}
		for _, r := range p.open[id].Resources {
			left[r.Name] += r.Amount
		}
	}
	for _, launch := range c.Launches {
		entries := slices.Clone(launch.TaskResources)
		if launch.Task == launch.Node.Name.Task(1) {
			entries = append(entries, launch.Node.Executor.Resources...)
		}
		for _, r := range entries {
			if left[r.Name] -= r.Amount; left[r.Name] < 0 {
				p.t.Fatalf("%s takes %s of %s more than was offered", launch.Task, -left[r.Name], r.Name)
			}
		}
		n, recorded := p.saved.nodes[launch.Node.Name]
		if !recorded || !slices.ContainsFunc(n.Tasks, func(t Task) bool { return t.ID == launch.Task }) {
			p.t.Fatalf("%s is launched without a record", launch.Task)
		}
		if p.used[launch.Task] {
			p.t.Fatalf("task ID %s is used twice", launch.Task)
		}
		p.used[launch.Task] = true
		p.tasks = append(p.tasks, TaskAt{launch.Task, c.Agent})
	}
}

// kills: nothing is killed before its record says so.
func (p *properties) kills(c Kill) {
	name, _ := c.Task.Node()
	n, recorded := p.saved.nodes[name]
	if !recorded || n.Phase == Stopping {
		return
	}
	for _, t := range n.Tasks {
		if t.ID == c.Task && !t.Ending {
			p.t.Fatalf("%s is killed while its record says %s", c.Task, n.Phase)
		}
	}
}

// agrees: what an operator sees is what is saved.
func (p *properties) agrees() {
	view := p.core.View(p.now)
	if len(view.Nodes) != len(p.saved.nodes) {
		p.t.Fatalf("%d nodes are shown, %d are saved", len(view.Nodes), len(p.saved.nodes))
	}
	for _, shown := range view.Nodes {
		if n := p.saved.nodes[shown.Name]; n.Phase != shown.Phase || n.Host != shown.Host {
			p.t.Fatalf("node %s is shown as %s on host %s, saved as %s on host %s", shown.Name, shown.Phase, shown.Host, n.Phase, n.Host)
		}
	}
}
