package framework

import (
	"slices"
	"time"

	"k8s-framework/scheduler"
)

// simObserver looks at what reaches the store, the master and the API server, and at the processes on the hosts, and
// holds it against what is promised. It believes nothing that the core says of itself but its records.
type simObserver struct {
	w       *simWorld
	updates map[scheduler.UpdateID]scheduler.TaskUpdated // every update ever sent
	tasks   map[scheduler.TaskID]bool                    // every task ever launched
	// turn is what a process was told and must answer in the turn that it takes.
	open  map[*simLeader]map[scheduler.OfferID]bool
	began map[*simLeader]time.Time
	again map[scheduler.OfferID]bool // offers whose answer was not taken
	dry   *simLeader                 // it takes a turn that must change nothing
	// retired are the records, as they were, of nodes whose end begins in the Save that is looked at.
	retired []scheduler.Node
	born    map[scheduler.NodeName]bool // recorded by this Save
	// bound is what maxUnavailable was before this Save, of the pools that it changes: a node is retired by the old one when its own failure
	// rolls the definition back.
	bound map[scheduler.PoolName]int
	// unseen are nodes that were given up when their agent had been replaced and no kubelet had registered. If one does after
	// all, nobody could have known: the executor that an agent has left ends by itself.
	unseen map[scheduler.NodeName]bool
	// busy is when something was last called, done or saved, reconciliation aside.
	busy    time.Time
	what    any
	signals int
}

func newSimObserver(w *simWorld) *simObserver {
	return &simObserver{
		w: w, updates: map[scheduler.UpdateID]scheduler.TaskUpdated{}, tasks: map[scheduler.TaskID]bool{},
		open: map[*simLeader]map[scheduler.OfferID]bool{}, began: map[*simLeader]time.Time{},
		again: map[scheduler.OfferID]bool{},
		born:  map[scheduler.NodeName]bool{}, bound: map[scheduler.PoolName]int{}, unseen: map[scheduler.NodeName]bool{},
	}
}

// turning is the beginning of a turn.
func (o *simObserver) turning(l *simLeader, batch []scheduler.Event) {
	open := map[scheduler.OfferID]bool{}
	for _, event := range batch {
		switch e := event.(type) {
		case scheduler.Offered:
			for _, offer := range e.Offers {
				open[offer.ID] = true
			}
		case scheduler.InverseOffered:
			for _, offer := range e.Offers {
				open[offer.ID] = true
			}
		case scheduler.InverseRescinded:
			delete(open, e.Offer)
		case scheduler.Subscribed, scheduler.Disconnected:
			clear(open)
		case scheduler.Asked:
			if e.DryRun {
				o.dry = l
			}
		}
	}
	o.open[l], o.began[l] = open, o.w.now
}

// turned is the end of a turn. Every offer is answered in the turn that it came in. The core never asks to be woken at once,
// which would be a loop without rest.
func (o *simObserver) turned(l *simLeader, next time.Time) {
	for id := range o.open[l] {
		o.w.violated("offer %s was not answered", id)
	}
	delete(o.open, l)
	if o.dry == l {
		o.dry = nil
	}
	if began := o.began[l]; !next.IsZero() && !next.After(began) && len(l.loop.failed) == 0 {
		o.w.violated("the core asks at %s to be woken at %s", began, next)
	}
	o.w.operators.replied(l)
}

// allows: nothing is begun after the lease has run out. Whatever is begun before may be late.
func (o *simObserver) allows(l *simLeader, effect any) {
	if !l.dead && l.lost() {
		o.w.violated("leader %d begins %s though its lease has run out", l.epoch, effect)
	}
}

// acts is passed by every call and operation. A process whose Save failed does nothing more; a dry run does nothing at all.
func (o *simObserver) acts(l *simLeader, effect any) {
	if l.refused {
		o.w.violated("leader %d does %s after a save that failed", l.epoch, effect)
	}
	switch e := effect.(type) {
	case scheduler.Accept:
		o.answers(l, e.Offers, e.Why)
	case scheduler.Decline:
		o.answers(l, e.Offers, e.Why)
		if e.Refuse >= time.Hour {
			return // a pool of all agents is offered each of them once an hour
		}
	case scheduler.AcceptInverse:
		o.answers(l, e.Offers, e.Why)
	case scheduler.DeclineInverse:
		o.answers(l, e.Offers, e.Why)
	case scheduler.Acknowledge:
		o.acknowledges(e)
	case scheduler.Kill:
		o.kills(e)
	case scheduler.Reconcile:
		return // it is made from time to time, whatever happens
	case scheduler.ReadLease:
		return
	case scheduler.Revive, scheduler.Suppress:
		o.signals++ // offers are looked at from time to time, for what only they can tell
		return
	}
	o.busy, o.what = o.w.now, effect
}

// answers: every offer is answered once, in the turn that it came in, with a reason; and again if the master did not take the
// answer.
func (o *simObserver) answers(l *simLeader, ids []scheduler.OfferID, why string) {
	if why == "" {
		o.w.violated("offers %v are answered without a reason", ids)
	}
	for _, id := range ids {
		if !o.open[l][id] && !o.again[id] {
			o.w.violated("offer %s is answered, but was not offered in this turn, or is answered already", id)
		}
		delete(o.open[l], id)
		delete(o.again, id)
	}
}

// notTaken is passed by a call that the master did not take.
func (o *simObserver) notTaken(call scheduler.Call) {
	switch c := call.(type) {
	case scheduler.Accept:
		for _, id := range c.Offers {
			o.again[id] = true
		}
	case scheduler.Decline:
		for _, id := range c.Offers {
			o.again[id] = true
		}
	}
}

// acknowledges: no update is acknowledged before what it says is durable.
func (o *simObserver) acknowledges(c scheduler.Acknowledge) {
	u, known := o.updates[c.Update]
	if !known || u.Task != c.Task {
		o.w.violated("an update that was never sent is acknowledged: %s", c)
	}
	name, _ := c.Task.Node()
	n := o.w.record(name)
	if n == nil || u.Agent != n.Agent {
		return
	}
	at := slices.IndexFunc(n.Tasks, func(t scheduler.Task) bool { return t.ID == c.Task })
	switch {
	case at < 0 || n.Phase == scheduler.Gone:
	case u.State.Over() || u.State == scheduler.TaskGoneByOperator:
		o.w.violated("%s of %s is acknowledged before it is durable: the record says %s", u.State, c.Task, n.Phase)
	case n.Phase == scheduler.Launching && u.State != scheduler.TaskStaging:
		o.w.violated("%s of %s is acknowledged before it is durable: the record says %s", u.State, c.Task, n.Phase)
	}
}

// kills: a node is killed only after its record says so, and one task of several only after it says that this task ends. A
// task without a record is always killed.
func (o *simObserver) kills(c scheduler.Kill) {
	name, _ := c.Task.Node()
	n := o.w.record(name)
	if n == nil || n.Phase == scheduler.Stopping || n.Phase == scheduler.Gone {
		return
	}
	for _, t := range n.Tasks {
		if t.ID == c.Task && !t.Ending {
			o.w.violated("task %s is killed while its record says %s", c.Task, n.Phase)
		}
	}
}

// launches: no task without a durable record that is older; no task ID used twice; never two nodes on a host.
func (o *simObserver) launches(launch scheduler.Launch, a *simAgent) {
	n := o.w.record(launch.Node.Name)
	switch {
	case n == nil || !slices.ContainsFunc(n.Tasks, func(t scheduler.Task) bool { return t.ID == launch.Task }):
		o.w.violated("task %s is launched without a record", launch.Task)
	case n.Agent != a.id || n.Host != a.host.name:
		o.w.violated("task %s is launched on agent %s of host %s, its record says %s and %s", launch.Task, a.id, a.host.name, n.Agent, n.Host)
	case o.tasks[launch.Task]:
		o.w.violated("task ID %s is used twice", launch.Task)
	}
	o.tasks[launch.Task] = true
	for _, e := range a.executors {
		if e.alive && e.node != launch.Node.Name {
			o.w.violated("%s is launched on host %s, where %s lives", launch.Node.Name, a.host.name, e.node)
		}
	}
}

// kubelet: never two live kubelets on a host.
func (o *simObserver) kubelet(h *simHost) {
	if len(h.kubelets) > 1 {
		o.w.violated("two kubelets on host %s: %s and %s", h.name, h.kubelets[0].node, h.kubelets[1].node)
	}
}

// simReserve is what an executor keeps of a grace period for the end of kubelet and pods.
const simReserve = 10 * time.Second

// stops: no kubelet ends by our kill with pods on it, unless it was drained or the deadline of its drain has passed.
func (o *simObserver) stops(e *simExecutor) {
	pods := o.w.api.podsOf(e.agent.host.name, e.provider)
	if pods == 0 || !e.served || !(e.end.ours || e.told) {
		return
	}
	n := o.w.record(e.node)
	switch {
	case n == nil: // buried: its executor drains as long as any pool's node
	case n.DrainBy.IsZero():
		o.w.violated("node %s is killed with %d pods on it, and was never drained", e.node, pods)
	case o.w.now.Add(simReserve).Before(n.DrainBy) || e.told && o.w.now.Before(n.DrainBy):
		o.w.violated("node %s is killed with %d pods on it, before its deadline %s (told that it is drained: %v)", e.node, pods, n.DrainBy, e.told)
	case n.Drain.Then == scheduler.Wait:
		o.w.violated("node %s is killed with %d pods on it, though its pool waits", e.node, pods)
	}
}

// squeezed: the pods of a node that shrinks have as much time to leave as those of one that is drained.
func (o *simObserver) squeezed(e *simExecutor, t *simTask) {
	n := o.w.record(e.node)
	switch {
	case n == nil:
	case n.Phase == scheduler.Stopping && o.w.now.Before(n.DrainBy):
		o.w.violated("node %s loses task %s and shrinks below what its pods need, before its deadline %s", e.node, t.id, n.DrainBy)
	case n.Phase != scheduler.Stopping && t.grace < time.Duration(e.policy.Deadline):
		o.w.violated("node %s loses task %s and shrinks below what its pods need, %s after the kill", e.node, t.id, t.grace)
	}
}

// forgets: no Node object is deleted while its kubelet lives, unless an operator said that the agent is gone.
func (o *simObserver) forgets(op scheduler.ForgetKubeNode, n *simNode) {
	e := o.host(op.Host).live()
	if e == nil || e.provider != n.ProviderID || e.agent.status == simMarkedGone {
		return
	}
	if o.unseen[op.Node] {
		return
	}
	o.w.violated("the Node object of %s is deleted while its kubelet lives: %s", op.Node, op.Why)
}

// subscribes: the framework ID never changes.
func (o *simObserver) subscribes(l *simLeader) {
	if saved := o.w.store.meta.FrameworkID; saved != "" && saved != l.framework {
		o.w.violated("leader %d subscribes as %s, saved is %s", l.epoch, l.framework, saved)
	}
}

// fatal: the core gives up only when the framework is gone from Mesos.
func (o *simObserver) fatal(err error) {
	if !o.w.master.removed {
		o.w.violated("a leader gives up: %v", err)
	}
}

func (o *simObserver) host(name scheduler.Hostname) *simHost {
	at := slices.IndexFunc(o.w.hosts, func(h *simHost) bool { return h.name == name })
	return o.w.hosts[at]
}
