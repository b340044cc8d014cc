package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

const (
	// strayPatience is how long a Node object without a record is left alone: a task of it would be known by then.
	strayPatience = time.Minute
	// reconcileBatch bounds the tasks named in one Reconcile.
	reconcileBatch = 1000
)

// rules is the behaviour: each compares what is known with what is wanted, in this order, and puts what is to be done
// into the plan. None of them cares which event woke the core, so that a lost event or a restart costs time only. Those
// that do not stand in this file stand in the one named behind them.
var rules = [...]func(*Core, time.Time){
	(*Core).acknowledge,          // every status update that we have accounted for
	(*Core).endOrphans,           // a task of ours whose record was buried
	(*Core).judgeLost,            // unreachable for long: does its kubelet live? (witness.go)
	(*Core).retireLeaving,        // Mesos ends the node, whatever we think
	(*Core).keepWanted,           // a pool wants a node again that is being drained as surplus (surplus.go)
	(*Core).retireSurplus,        // a pool has more nodes than it wants (surplus.go)
	(*Core).resizeNodes,          // a node shrinks in place, or waits too long to grow (resize.go)
	(*Core).agree,                // a node is what its pool's definition says; a rolling change is done (rollout.go)
	(*Core).retireOutdated,       // it is not, and cannot become it in place: one after the other (rollout.go)
	(*Core).retireForRepair,      // the node is NotReady too long (within limits)
	(*Core).retireForMaintenance, // the agent's maintenance is planned (maintenance.go)
	(*Core).drainRetired,         // cordon and evict through Kubernetes
	(*Core).stopDrained,          // drained, or the drain's deadline has passed
	(*Core).admit,                // tokens, certificates, and the welcome of nodes that join (admit.go)
	(*Core).forgetGone,           // the task is over: delete the Kubernetes Node, then the record
	(*Core).uncordonKept,         // the drain was called off (surplus.go)
	(*Core).markNodes,            // labels, annotations and taints of the Node objects (rollout.go)
	(*Core).answerInverse,        // this Step's inverse offers (maintenance.go)
	(*Core).placeMissing,         // this Step's offers: grow, launch, give back, decline, each with its reason (placement.go)
	(*Core).forgetPools,          // a deleted pool of which nothing is left (teardown.go)
	(*Core).endAll,               // the operator's command to end everything (teardown.go)
	(*Core).reconcileDoubt,       // we have waited too long in silence: ask, never assume
	(*Core).declineAgain,         // offers whose answer the master did not take (demand.go)
	(*Core).announceRoles,        // tell Mesos our roles, where pools have changed them (demand.go)
	(*Core).signalDemand,         // revive when a node is missing, suppress when none is (demand.go)
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

// retireLeaving begins the end of nodes that Mesos ends: the pool needs others in their place now.
func (c *Core) retireLeaving(now time.Time) {
	for _, n := range c.leaving {
		if n.leaving != "" && !n.retired() {
			c.retire(now, n, CauseLeaving, "the node is being ended by Mesos: "+n.leaving)
		}
	}
	c.leaving = nil
}

// retireForRepair drains what is NotReady for too long: at most as many at a time as the pool's maxUnavailable, and none
// while more nodes than that are NotReady, because when everything looks broken the observer is.
func (c *Core) retireForRepair(now time.Time) {
	for _, n := range slices.Clone(c.active()) {
		p := n.pool
		if n.Phase != NotReady || now.Before(n.Since.Add(time.Duration(p.ReadyTimeout))) {
			continue
		}
		count, limit := c.census(p, now), max(1, p.MaxUnavailable)
		if count.notReady > limit || count.retired >= limit {
			if !p.guarded {
				c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Alarm: true, Text: fmt.Sprintf(
					"NotReady for more than %s, but not retired: %d nodes of the pool are NotReady and %d are being retired, maxUnavailable is %d. If the API server was away they will recover, else look at %s",
					p.ReadyTimeout, count.notReady, count.retired, p.MaxUnavailable, n.Host)})
			}
			p.guarded = true
			continue
		}
		p.guarded = false
		why := fmt.Sprintf("NotReady for more than %s: %s", p.ReadyTimeout, n.Why)
		if !p.Rollout.Done && n.Version == p.Rollout.Version {
			c.failed(now, n, why)
		}
		c.retire(now, n, CauseUnready, why)
	}
}

// retire begins the end of a node; its deadline is set once.
func (c *Core) retire(now time.Time, n *node, cause Cause, why string) {
	n.Cause, n.Drain = cause, n.pool.Drain
	n.DrainBy = now.Add(time.Duration(n.Drain.Deadline))
	n.Uncordon = false
	n.drain, n.kill, n.drained, n.drainOver = retry{}, retry{}, false, false
	c.move(now, n, Draining, why)
}

// drainRetired asks for the drain of each retired node, again after a failure or a change of leader. A cordon that is being
// taken away is waited for: it must not go after the drain's own was set.
func (c *Core) drainRetired(now time.Time) {
	for _, n := range c.active() {
		if n.Phase == Draining && !n.drained && n.drain.due(now) && !n.uncordon.waiting {
			n.drain.asked(now)
			c.operate(Drain{
				Node: n.Name, Host: n.Host, ProviderID: n.Name.ProviderID(c.meta.FrameworkID), Grace: time.Duration(n.Drain.Grace), Why: n.Why,
			})
		}
	}
}

// stopDrained ends nodes that are empty, or whose deadline has passed if their policy is to force; and asks again for
// the end of those that do not answer.
func (c *Core) stopDrained(now time.Time) {
	for _, n := range slices.Clone(c.active()) {
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
			c.call(Kill{Task: task.ID, Agent: n.Agent, Grace: c.stopGrace(now, n), Why: n.Why})
		}
	}
}

// stopGrace is the grace of the kill of a node. One that is not told that it is drained, because its Node object was not
// there, may still get pods: its executor drains them, and has what is left of the drain's deadline.
func (c *Core) stopGrace(now time.Time, n *node) time.Duration {
	if n.drainOver {
		return c.config.StopGrace
	}
	return max(c.config.StopGrace, n.DrainBy.Sub(now))
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
	for _, n := range slices.Clone(c.active()) {
		if n.Phase != Gone {
			continue
		}
		c.cancelDrain(n, "the node is over")
		switch {
		case n.forgotten:
			c.bury(now, n)
		case n.forget.due(now):
			n.forget.asked(now)
			c.operate(ForgetKubeNode{
				Node: n.Name, Host: n.Host, ProviderID: n.Name.ProviderID(c.meta.FrameworkID), OutOfService: n.HostGone, Why: n.Why,
			})
		}
	}
	for _, host := range slices.Sorted(maps.Keys(c.strays)) {
		stray, seen := c.strays[host], c.kube[host]
		name := c.ownNode(seen.ProviderID)
		if c.runsOrphaned(name) || !stray.due(now) {
			continue
		}
		stray.asked(now)
		c.operate(ForgetKubeNode{Node: name, Host: host, ProviderID: seen.ProviderID, Why: "its node has no record any more"})
	}
}

// runsOrphaned reports whether a task of the named node runs without a record.
func (c *Core) runsOrphaned(name NodeName) bool {
	for task := range c.orphans {
		if owner, _ := task.Node(); owner == name {
			return true
		}
	}
	return false
}

// reconcileDoubt asks Mesos about every node that it has not spoken of for too long: all of them after a subscription
// and from time to time, the doubtful ones again and again. Silence is never taken for an end.
func (c *Core) reconcileDoubt(now time.Time) {
	if !c.connected {
		return
	}
	visit, all := c.active(), !now.Before(c.reconcileNext)
	if all {
		c.reconcileNext, c.peek = now.Add(c.config.ReconcileEvery), now.Add(peekFor)
		visit = c.order
	}
	var tasks []TaskAt
	for _, n := range visit {
		if n.Phase == Gone || now.Before(n.ask) && !all {
			continue
		}
		n.ask = now.Add(backoff(n.asked))
		n.asked++
		for _, task := range n.Tasks {
			tasks = append(tasks, TaskAt{task.ID, n.Agent})
		}
	}
	if all {
		for _, n := range c.order {
			c.touch(n)
		}
	}
	for batch := range slices.Chunk(tasks, reconcileBatch) {
		c.call(Reconcile{Tasks: batch, Why: "no word of these tasks for too long"})
	}
	if all {
		c.call(Reconcile{Why: "to learn of tasks that have no record"})
	}
}
