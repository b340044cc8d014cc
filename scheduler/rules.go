package scheduler

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// rules is the behaviour: each compares what is known with what is wanted, in this order, and puts what is to be done
// into the plan. None of them cares which event woke the core, so that a lost event or a restart costs time only.
var rules = [...]func(*Core, time.Time){
	(*Core).acknowledge,     // every status update that we have accounted for
	(*Core).endOrphans,      // a task of ours whose record was buried
	(*Core).retireSurplus,   // a pool has more nodes than it wants
	(*Core).retireForRepair, // the agent drains, or the node is NotReady too long (within limits)
	(*Core).drainRetired,    // cordon and evict through Kubernetes
	(*Core).stopDrained,     // drained, or the drain's deadline has passed
	(*Core).admit,           // tokens, certificates, and the welcome of nodes that join
	(*Core).forgetGone,      // the task is over: delete the Kubernetes Node, then the record
	(*Core).placeMissing,    // answer this Step's offers: launch what is missing, decline the rest, each with its reason
	(*Core).reconcileDoubt,  // we have waited too long in silence: ask, never assume
	(*Core).signalDemand,    // revive when a node is missing, suppress when none is
}

func (c *Core) decide(now time.Time) {
	if c.plan.Fatal != "" {
		return
	}
	for _, rule := range rules {
		rule(c, now)
	}
}

// acknowledge answers the updates. What they say is in this Plan's Save or was saved before.
func (c *Core) acknowledge(time.Time) {
	for _, ack := range c.acks {
		c.call(ack)
	}
}

// endOrphans kills tasks whose record was buried; their executors drain first.
func (c *Core) endOrphans(now time.Time) {
	if !c.connected {
		return
	}
	for _, task := range slices.Sorted(maps.Keys(c.orphans)) {
		if o := c.orphans[task]; o.kill.due(now) {
			grace := time.Duration(DefaultPool().Drain.Deadline)
			o.kill.tried(now.Add(grace))
			c.call(Kill{Task: task, Agent: o.agent, Grace: grace, Why: "the task has no record"})
		}
	}
}

// retireSurplus drains what a pool has too much: first what serves nobody, of the rest the youngest.
func (c *Core) retireSurplus(now time.Time) {
	for _, name := range c.poolNames() {
		p := c.pools[name]
		surplus := c.census(p, now).counted - p.Nodes
		if surplus <= 0 {
			continue
		}
		var candidates []*node
		for _, n := range c.order {
			if n.Pool == p.Name && c.counts(n, now) {
				candidates = append(candidates, n)
			}
		}
		slices.SortStableFunc(candidates, func(a, b *node) int {
			return cmp.Or(cmp.Compare(usefulness[a.Phase], usefulness[b.Phase]), -byNumber(a, b))
		})
		for _, n := range candidates[:surplus] {
			c.retire(now, n, fmt.Sprintf("surplus: the pool wants %d nodes", p.Nodes))
		}
	}
}

// usefulness orders the phases by what is lost when a node in them is retired.
var usefulness = map[Phase]int{Unreachable: 0, Launching: 1, NotReady: 2, Ready: 3}

// retireForRepair drains what cannot stay. An agent that drains takes its node with it whatever we think, so that only
// repairs of our own are limited: to the pool's maxUnavailable, and to none while more nodes than that are NotReady,
// because when everything looks broken the observer is.
func (c *Core) retireForRepair(now time.Time) {
	for _, n := range c.order {
		if n.leaving != "" && !n.retired() {
			c.retire(now, n, "the node is being ended by Mesos: "+n.leaving)
		}
	}
	for _, name := range c.poolNames() {
		p := c.pools[name]
		for _, n := range c.order {
			if n.Pool != p.Name || n.Phase != NotReady || now.Before(n.Since.Add(time.Duration(p.ReadyTimeout))) {
				continue
			}
			count := c.census(p, now)
			if count.notReady > p.MaxUnavailable || count.retired >= p.MaxUnavailable {
				if !p.guarded {
					c.note(Note{Node: n.Name, Pool: p.Name, Agent: n.Agent, Alarm: true, Text: fmt.Sprintf(
						"NotReady for more than %s, but not retired: %d nodes of the pool are NotReady and %d are being retired, maxUnavailable is %d. If the API server was away they will recover, else look at %s",
						p.ReadyTimeout, count.notReady, count.retired, p.MaxUnavailable, n.Host)})
				}
				p.guarded = true
				break
			}
			p.guarded = false
			c.retire(now, n, fmt.Sprintf("NotReady for more than %s: %s", p.ReadyTimeout, n.Why))
		}
	}
}

// retire begins the end of a node; its deadline is set once.
func (c *Core) retire(now time.Time, n *node, why string) {
	n.DrainBy = now.Add(time.Duration(n.Drain.Deadline))
	c.move(now, n, Draining, why)
}

// drainRetired asks for the drain of each retired node, again after a failure or a change of leader.
func (c *Core) drainRetired(now time.Time) {
	for _, n := range c.order {
		if n.Phase == Draining && !n.drained && n.drain.due(now) {
			n.drain.tried(now)
			n.drain.waiting = true
			c.operate(Drain{Node: n.Name, Host: n.Host, ProviderID: n.Name.ProviderID(c.meta.FrameworkID), Why: n.Why})
		}
	}
}

// stopDrained ends nodes that are empty, or whose deadline has passed if their policy is to force; and asks again for
// the end of those that do not answer.
func (c *Core) stopDrained(now time.Time) {
	for _, n := range c.order {
		switch n.Phase {
		case Draining:
			c.endDrain(now, n)
			if n.Phase != Stopping {
				continue
			}
		case Stopping:
		default:
			continue
		}
		if !c.connected || !n.kill.due(now) {
			continue
		}
		n.kill.tried(now.Add(c.config.StopGrace))
		if n.drainOver {
			c.call(TellDrained{Node: n.Name, Agent: n.Agent, Executor: n.Name.Executor()})
		}
		for _, task := range n.Tasks {
			c.call(Kill{Task: task.ID, Agent: n.Agent, Grace: c.config.StopGrace, Why: n.Why})
		}
	}
}

// endDrain moves a draining node on when it is empty or its time is up.
func (c *Core) endDrain(now time.Time, n *node) {
	switch {
	case n.drained:
		c.move(now, n, Stopping, "drained")
	case now.Before(n.DrainBy):
	case n.Drain.Then == Force:
		n.drainOver = true
		c.cancelDrain(n, "the drain's deadline has passed")
		c.move(now, n, Stopping, fmt.Sprintf("the drain's deadline of %s has passed; last: %s", n.Drain.Deadline, n.Why))
	case !n.overdue:
		n.overdue = true
		c.note(Note{
			Node: n.Name, Pool: n.Pool, Agent: n.Agent, Alarm: true,
			Text: fmt.Sprintf("the drain's deadline of %s has passed; the pool's policy is to wait; last: %s", n.Drain.Deadline, n.Why),
		})
	}
}

func (c *Core) cancelDrain(n *node, why string) {
	if n.drain.waiting {
		n.drain.waiting = false
		c.operate(CancelDrain{Node: n.Name, Why: why})
	}
}

// forgetGone deletes the Kubernetes Nodes of what is over, and then the records: the host is free for the next node only
// when the old Node object is gone.
func (c *Core) forgetGone(now time.Time) {
	for _, n := range slices.Clone(c.gone()) {
		c.cancelDrain(n, "the node is over")
		switch {
		case n.forgotten:
			c.bury(n)
		case n.forget.due(now):
			n.forget.tried(now)
			n.forget.waiting = true
			c.operate(ForgetKubeNode{Node: n.Name, Host: n.Host, ProviderID: n.Name.ProviderID(c.meta.FrameworkID), Why: n.Why})
		}
	}
	for _, host := range slices.Sorted(maps.Keys(c.strays)) {
		stray, seen := c.strays[host], c.kube[host]
		name := c.ownNode(seen.ProviderID)
		if _, runs := c.orphans[name.Task(1)]; runs || !stray.due(now) {
			continue
		}
		stray.tried(now)
		stray.waiting = true
		c.operate(ForgetKubeNode{Node: name, Host: host, ProviderID: seen.ProviderID, Why: "its node has no record any more"})
	}
}

// gone lists the nodes whose task is over.
func (c *Core) gone() []*node {
	var over []*node
	for _, n := range c.order {
		if n.Phase == Gone {
			over = append(over, n)
		}
	}
	return over
}

// bury deletes a record; the number is never used again.
func (c *Core) bury(n *node) {
	delete(c.nodes, n.Name)
	delete(c.hosts, n.Host)
	at, _ := slices.BinarySearchFunc(c.order, n, byNumber)
	c.order = slices.Delete(c.order, at, at+1)
	c.dirtyNodes[n.Name] = true
	c.freed = true
	c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Text: fmt.Sprintf("forgotten; host %s is free", n.Host)})
}

// reconcileDoubt asks Mesos about every node that it has not spoken of for too long: all of them after a subscription
// and from time to time. Silence is never taken for an end.
func (c *Core) reconcileDoubt(now time.Time) {
	if !c.connected {
		return
	}
	var tasks []TaskAt
	for _, n := range c.order {
		if n.Phase == Gone || now.Before(n.ask) {
			continue
		}
		n.ask = now.Add(backoff(n.asked))
		n.asked++
		for _, task := range n.Tasks {
			tasks = append(tasks, TaskAt{task.ID, n.Agent})
		}
	}
	for batch := range slices.Chunk(tasks, reconcileBatch) {
		c.call(Reconcile{Tasks: batch, Why: "no word of these tasks for too long"})
	}
	if !now.Before(c.reconcileNext) {
		c.reconcileNext = now.Add(c.config.ReconcileEvery)
		c.call(Reconcile{Why: "to learn of tasks that have no record"})
	}
}

// signalDemand tells the master whether we want offers.
func (c *Core) signalDemand(now time.Time) {
	if !c.connected {
		return
	}
	demand, wanted := c.demand(now), map[Role]bool{}
	for name, p := range c.pools {
		wanted[p.Role] = wanted[p.Role] || demand[name] > 0
	}
	c.freed = c.freed && len(demand) > 0
	var revive, suppress []Role
	for _, role := range slices.Sorted(maps.Keys(wanted)) {
		switch {
		case wanted[role] && (c.suppressed[role] || c.freed) && !now.Before(c.revived.Add(reviveEvery)):
			revive = append(revive, role)
			delete(c.suppressed, role)
		case !wanted[role] && !c.suppressed[role]:
			suppress = append(suppress, role)
			c.suppressed[role] = true
		}
	}
	if len(suppress) > 0 {
		c.call(Suppress{Roles: suppress, Why: "no node is missing"})
	}
	if len(revive) > 0 {
		c.revived, c.freed = now, false
		c.call(Revive{Roles: revive, Why: "nodes are missing"})
	}
}
