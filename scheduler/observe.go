package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// observe folds one event into what is known. It decides nothing: which node moves because of a fact stands here, what
// to do about it stands in rules.go.
func (c *Core) observe(now time.Time, event Event) {
	switch e := event.(type) {
	case Subscribed:
		c.subscribed(now, e)
	case Removed:
		c.removed(e)
	case Disconnected:
		c.connected = false
		c.note(Note{Alarm: true, Text: "the subscription to the Mesos master ended: " + e.Why})
	case Offered:
		c.offered(now, e.Offers)
	case TaskUpdated:
		c.taskUpdated(now, e)
	case ExecutorEnded:
		c.executorEnded(e)
	case ExecutorDraining:
		if n := c.nodes[e.Node]; n != nil && n.leaving == "" {
			c.leaves(n, e.Why)
		}
	case ExecutorWaits:
		if n := c.nodes[e.Node]; n != nil && n.resize.waits != e.For {
			n.resize.waits = e.For
			c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Text: "its executor waits: " + e.For})
		}
	case AgentRemoved:
		maps.DeleteFunc(c.refusals, func(at offeredTo, _ refused) bool { return at.agent == e.Agent })
		c.note(Note{Agent: e.Agent, Text: "Mesos removed the agent; its tasks' updates follow"})
	case KubeNodeSeen:
		c.kube[e.Node.Host] = e.Node
		c.stray(now, e.Node)
		if n := c.hosts[e.Node.Host]; n != nil {
			c.touch(n)
			c.readiness(now, n)
			c.watchDrift(n, e.Node)
		}
	case KubeNodeDeleted:
		delete(c.kube, e.Host)
		delete(c.strays, e.Host)
		c.freed = true
		if n := c.hosts[e.Host]; n != nil {
			c.unmark(n)
			c.readiness(now, n)
		}
	case KubeSynced:
		c.kubeSynced = true
		c.freed = true
	case DrainProgressed:
		c.drainProgressed(e)
	case NodeDrained:
		if n := c.nodes[e.Node]; n != nil {
			n.drained, n.drain.waiting = true, false
			// A Node that was not there yet may still register, and get pods: then the executor must drain.
			n.drainOver = c.registered(n)
		}
	case KubeNodeForgotten:
		c.kubeNodeForgotten(e.Node)
	case OpFailed:
		c.opFailed(now, e)
	case Uncordoned:
		if n := c.nodes[e.Node]; n != nil {
			n.uncordon = retry{}
			if n.Uncordon {
				n.Uncordon = false
				c.changed(n)
			}
		}
	case KubeNodeMarked:
		c.nodeMarked(e)
	case LeaseSeen:
		c.leaseSeen(now, e)
	case PodsCounted:
		if p := c.pools[e.Pool]; p != nil {
			p.pods = podCount{pods: e.Pods, at: now}
		}
	case InverseOffered:
		for _, o := range e.Offers {
			c.inverseOffered(now, o)
		}
	case InverseRescinded:
		for _, w := range c.maintenance {
			if w.inverse == e.Offer {
				w.doubt(now)
			}
		}
	case Asked:
		c.asked(now, e)
	case CallFailed:
		c.callFailed(now, e)
	case TokenWanted, TokenIssued, TokenRevoked, CertificateRequested, CertificateSettled, NodeWelcomed:
		c.observeIdentity(now, e)
	case Ticked:
	default:
		panic(fmt.Sprintf("unknown event %T", event))
	}
}

// offered takes offers, and the maintenance that they announce. An offer without any puts an earlier one in doubt.
func (c *Core) offered(now time.Time, offers []Offer) {
	c.offers = append(c.offers, offers...)
	for i := range offers {
		o := &offers[i]
		switch w := c.maintenance[o.Agent]; {
		case o.UnavailableFrom != 0:
			c.announce(o.Agent, o.UnavailableFrom, now.Add(c.config.RefuseIdle+maintenanceSettle))
		case w != nil:
			w.doubt(now)
		}
	}
}

// leaves notes that Mesos ends a node whatever we think.
func (c *Core) leaves(n *node, why string) {
	n.leaving = why
	c.leaving = append(c.leaving, n)
	c.touch(n)
}

// subscribed begins a subscription: filters, suppression and offers of before are void, and nothing that Mesos has not
// said since is certain.
func (c *Core) subscribed(now time.Time, e Subscribed) {
	switch {
	case c.meta.FrameworkID == "":
		c.meta.FrameworkID = e.Framework
		c.dirtyMeta = true
	case c.meta.FrameworkID != e.Framework:
		c.plan.Fatal = fmt.Sprintf("the Mesos master %s subscribed us as framework %s, but we are %s: "+
			"check that --master names the cluster on which this framework's nodes run", e.Master, e.Framework, c.meta.FrameworkID)
		return
	}
	c.note(Note{Text: fmt.Sprintf("subscribed to the Mesos master %s as framework %s", e.Master, e.Framework)})
	c.connected, c.master = true, e.Master
	clear(c.suppressed)
	c.offers, c.inverse, c.unanswered = nil, nil, nil
	for _, w := range c.maintenance {
		w.until = now.Add(maintenanceSettle)
	}
	c.awaitReturnsAgain()
	c.freed = false // a new subscription is offered everything anyway
	c.reconcileNext = now
	for _, n := range c.order {
		n.asked = 0
		n.kill.next = now
		c.touch(n)
	}
}

// removed ends the process: with nodes recorded, a new framework ID would lose them.
func (c *Core) removed(e Removed) {
	if c.meta.Teardown == TornDown {
		c.meta.FrameworkID = ""
		c.dirtyMeta = true
		c.plan.Fatal = "the framework was torn down by an operator's command: nothing is left of it in Mesos"
		return
	}
	if len(c.nodes) > 0 {
		c.plan.Fatal = fmt.Sprintf("the Mesos master refuses framework ID %s (%s) while %d nodes are recorded: Mesos has ended or is ending their tasks. "+
			"Check with the agents that no kubelet of this framework runs, delete the node records below the nodes znode, and start again to get a new framework ID",
			c.meta.FrameworkID, e.Why, len(c.nodes))
		return
	}
	c.plan.Fatal = fmt.Sprintf("the Mesos master refuses framework ID %s (%s); no node is recorded, so it was forgotten: start again to get a new one", c.meta.FrameworkID, e.Why)
	c.meta.FrameworkID = ""
	c.dirtyMeta = true
}

// taskUpdated accounts for a status update or a reconciliation's answer.
func (c *Core) taskUpdated(now time.Time, e TaskUpdated) {
	name, ours := e.Task.Node()
	n := c.nodes[name]
	if e.Update != "" {
		agent := e.Agent
		if agent == "" && n != nil {
			agent = n.Agent
		}
		c.acks = append(c.acks, Acknowledge{Task: e.Task, Agent: agent, Update: e.Update})
	}
	switch {
	case !ours:
		c.note(Note{Task: e.Task, Agent: e.Agent, Alarm: true, Text: fmt.Sprintf("ignored %s of a task whose name is not ours", e.State)})
	case n == nil:
		c.orphaned(now, e, name)
	case e.Agent != "" && e.Agent != n.Agent:
		// Mesos answers GONE for a task asked about with another agent's ID; it says nothing about the task.
		c.note(Note{Node: name, Agent: e.Agent, Task: e.Task, Text: fmt.Sprintf("ignored %s from agent %s: the task is on agent %s", e.State, e.Agent, n.Agent)})
	default:
		at := slices.IndexFunc(n.Tasks, func(t Task) bool { return t.ID == e.Task })
		if at < 0 { // one that was ended, or that was never heard of and given up
			c.orphaned(now, e, name)
			return
		}
		if n.resize.pending == e.Task && (e.State == TaskRunning || e.State == TaskKilling) {
			n.resize = resizing{}
		}
		c.heard(now, n, e.State)
		c.nodeUpdated(now, n, at, e)
	}
}

// heard sets when Mesos is asked about the node again. That Mesos does not know is no answer to rest on: an agent that comes
// back after a master failover is not announced, so the question is asked until there is one.
func (c *Core) heard(now time.Time, n *node, state TaskState) {
	if state.lost() || n.resize.pending != "" {
		n.ask = now.Add(backoff(n.asked))
		return
	}
	n.ask, n.asked = now.Add(c.config.ReconcileEvery), 0
}

// orphaned handles the update of a task without a record. Below the counter its record was buried: the task must end.
// Above it our memory is older than the world, and killing would be wrong.
func (c *Core) orphaned(now time.Time, e TaskUpdated, name NodeName) {
	if e.State.Over() || e.State == TaskGoneByOperator {
		delete(c.orphans, e.Task)
		return
	}
	number, _ := name.Number()
	if number > c.meta.Counter {
		c.note(Note{Task: e.Task, Agent: e.Agent, Alarm: true, Text: fmt.Sprintf("task %s has a number that was never given out (the counter stands at %d): "+
			"the saved state is older than the cluster, was a backup restored? The task is left alone; if it is not wanted, drain its agent (DRAIN_AGENT)", e.Task, c.meta.Counter)})
		c.meta.Counter = number
		c.dirtyMeta = true
		c.orphans[e.Task] = &orphan{agent: e.Agent, kill: retry{waiting: true}}
		return
	}
	if known := c.orphans[e.Task]; known == nil {
		c.orphans[e.Task] = &orphan{agent: e.Agent}
		c.note(Note{Task: e.Task, Agent: e.Agent, Alarm: true, Text: fmt.Sprintf("task %s (%s) has no record: it was buried before, it is killed now", e.Task, e.State)})
	} else if e.Agent != "" {
		known.agent = e.Agent
	}
}

// nodeUpdated moves a node by a state of its task. The exhaustive table of phases and states is in state_test.go.
func (c *Core) nodeUpdated(now time.Time, n *node, at int, e TaskUpdated) {
	if e.Healthy != HealthUnknown {
		n.health = e.Healthy
	}
	switch {
	case n.Phase == Gone:
		// The task's end is accounted for; whatever comes later was sent before it.
	case (e.State.Over() || e.State == TaskGoneByOperator) && len(n.Tasks) > 1:
		c.taskOver(now, n, at, e)
	case e.State.Over() || e.State == TaskGoneByOperator:
		c.taskEnded(now, n, e)
	case e.State.lost():
		c.taskLost(now, n, e)
	default:
		c.taskAlive(now, n, e)
	}
}

// taskEnded: no process of the task is left, or the operator says so of the agent.
func (c *Core) taskEnded(now time.Time, n *node, e TaskUpdated) {
	if !n.retired() && n.leaving == "" && !blameless(e) {
		c.failed(now, n, describe(e))
	}
	n.HostGone = e.State == TaskGone || e.State == TaskGoneByOperator
	c.move(now, n, Gone, describe(e))
}

// blameless reports whether an end says nothing against the pool: nobody tried to run the task.
func blameless(e TaskUpdated) bool {
	return e.State == TaskGone || e.State == TaskGoneByOperator || e.State == TaskDropped &&
		(e.Reason == "REASON_AGENT_DRAINING" || e.Reason == "REASON_INVALID_OFFERS" || e.Reason == "REASON_AGENT_RESTARTED")
}

// taskLost: Mesos cannot say; the processes may still run.
func (c *Core) taskLost(now time.Time, n *node, e TaskUpdated) {
	n.agentLost = true
	switch n.Phase {
	case Launching, NotReady, Ready:
		c.move(now, n, Unreachable, describe(e))
		n.lease = witness{}
	case Unreachable, Draining, Stopping:
		c.explain(n, describe(e))
	}
}

// taskAlive: the task is there.
func (c *Core) taskAlive(now time.Time, n *node, e TaskUpdated) {
	n.agentLost, n.successor = false, ""
	if e.Update != "" { // its executor's own word
		n.executorOver = false
	}
	if e.State == TaskKilling || e.Reason == "REASON_AGENT_DRAINING" {
		c.leaves(n, describe(e))
	}
	switch n.Phase {
	case Launching:
		if e.State != TaskStaging { // staged is what a launch is before anything runs
			c.move(now, n, NotReady, "the executor runs; waiting for Kubernetes to say Ready")
			c.readiness(now, n)
		}
	case Unreachable:
		n.lease = witness{}
		c.move(now, n, NotReady, "the agent is back; waiting for Kubernetes to say Ready")
		c.readiness(now, n)
	case Stopping:
		if e.Reason == "REASON_AGENT_REREGISTERED" {
			n.kill.next = now // kills sent while it was away are lost
		}
	}
}

// readiness moves a running node by what Kubernetes says of its Node object. An object of another launch says nothing.
func (c *Core) readiness(now time.Time, n *node) {
	seen, there := c.kube[n.Host]
	ready := seen.Ready && c.registered(n)
	switch {
	case n.Phase == NotReady && ready:
		c.move(now, n, Ready, "Kubernetes says Ready")
		n.pool.failures = 0
	case n.Phase == Ready && !ready && there:
		c.move(now, n, NotReady, "Kubernetes says not Ready: "+seen.ReadyWhy)
	case n.Phase == Ready && !ready:
		c.move(now, n, NotReady, "the Kubernetes Node was deleted")
	}
}

// registered reports whether Kubernetes has the Node object of this launch.
func (c *Core) registered(n *node) bool {
	return c.kube[n.Host].ProviderID == n.Name.ProviderID(c.meta.FrameworkID)
}

func (c *Core) drainProgressed(e DrainProgressed) {
	n := c.nodes[e.Node]
	if n == nil || n.Phase != Draining {
		return
	}
	n.progress = e
	c.explain(n, drainWhy(e))
}

// drainWhy says what a drain waits for.
func drainWhy(e DrainProgressed) string {
	const most = 3 // a node may hold hundreds of pods
	if more := len(e.Blocked) - most; more > 0 {
		return fmt.Sprintf("%d pods left; blocked: %s; and %d more", e.PodsLeft, strings.Join(e.Blocked[:most], "; "), more)
	} else if len(e.Blocked) > 0 {
		return fmt.Sprintf("%d pods left; blocked: %s", e.PodsLeft, strings.Join(e.Blocked, "; "))
	}
	return fmt.Sprintf("%d pods left", e.PodsLeft)
}

func (c *Core) opFailed(now time.Time, e OpFailed) {
	if count, ok := e.Op.(CountPods); ok {
		if p := c.pools[count.Pool]; p != nil {
			p.pods.ask.waiting = false
			c.note(Note{Pool: p.Name, Alarm: true, Text: fmt.Sprintf("%s failed: %s", e.Op, e.Why)})
		}
		return
	}
	n := c.nodes[e.Op.For()]
	if n == nil {
		for _, stray := range c.strays {
			stray.waiting = false
		}
		return
	}
	c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Alarm: true, Text: fmt.Sprintf("%s failed: %s", e.Op, e.Why)})
	switch e.Op.(type) {
	case Drain:
		n.drain.waiting = false
		c.explain(n, "the drain failed, it is tried again: "+e.Why)
	case Uncordon:
		n.uncordon.waiting = false
	case MarkKubeNode:
		n.mark.waiting = false
	case ReadLease:
		n.lease.ask.waiting = false
	case ForgetKubeNode:
		n.forget.waiting = false
		c.explain(n, "deleting the Kubernetes Node failed, it is tried again: "+e.Why)
	default:
		c.identityFailed(n, e)
	}
}

// stray notes a Node object of ours whose record is gone, to be deleted when its task had time to show itself: with the
// object its pods go, without asking a budget. One with a number that was never given out is left alone: then our memory is
// older than the world.
func (c *Core) stray(now time.Time, seen KubeNode) {
	name := c.ownNode(seen.ProviderID)
	number, ours := name.Number()
	if !ours || number > c.meta.Counter || c.nodes[name] != nil {
		delete(c.strays, seen.Host)
		return
	}
	if c.strays[seen.Host] == nil {
		c.strays[seen.Host] = &retry{next: now.Add(strayPatience)}
	}
}

// ownNode is the node that a provider ID of this framework names; empty: it is not one of this framework.
func (c *Core) ownNode(providerID string) NodeName {
	name, ours := strings.CutPrefix(providerID, NodeName("").ProviderID(c.meta.FrameworkID))
	if !ours || c.meta.FrameworkID == "" {
		return ""
	}
	return NodeName(name)
}

// kubeNodeForgotten: the Node object of the launch is not there any more, whatever the watch has said last.
func (c *Core) kubeNodeForgotten(name NodeName) {
	if n := c.nodes[name]; n != nil {
		n.forgotten = n.Phase == Gone
		c.unseen(n.Host, name)
	}
	for host := range c.strays {
		c.unseen(host, name)
	}
}

// unseen takes the Node object of the named launch out of what is known of a host.
func (c *Core) unseen(host Hostname, name NodeName) {
	if c.kube[host].ProviderID == name.ProviderID(c.meta.FrameworkID) {
		delete(c.kube, host)
		delete(c.strays, host)
		c.freed = true
	}
}

// describe says what a status update says.
func describe(e TaskUpdated) string {
	text := "Mesos says TASK_" + string(e.State)
	if e.Reason != "" {
		text += ", " + e.Reason
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}
