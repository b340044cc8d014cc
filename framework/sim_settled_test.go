package framework

import (
	"slices"
	"time"

	"k8s-framework/scheduler"
)

// settled is what must hold when the faults have stopped long ago.
func (o *simObserver) settled() {
	w := o.w
	for _, name := range simSorted(w.store.pools) {
		o.poolInPlace(w.store.pools[name])
	}
	for _, n := range w.store.sorted() {
		o.nodeInPlace(n)
	}
	for _, h := range w.hosts {
		o.nothingLeft(h)
	}
	for _, host := range simSorted(w.api.nodes) {
		o.objectOwned(w.api.nodes[host])
	}
	o.joined()
}

// ended is what must hold some time after an operator's command to end everything: nothing is left.
func (o *simObserver) ended() {
	w := o.w
	switch {
	case w.store.meta.Teardown == "":
		return // every leader that was asked died before it could save it
	case w.store.meta.Teardown != scheduler.TornDown || !w.master.removed:
		w.violated("the end of everything is %q, and the framework is still known to Mesos: %v", w.store.meta.Teardown, !w.master.removed)
	case len(w.store.nodes)+len(w.store.pools)+len(w.api.nodes) > 0:
		w.violated("%d nodes and %d pools are recorded and %d Node objects are there after the end of everything", len(w.store.nodes), len(w.store.pools), len(w.api.nodes))
	}
	o.joined()
	for _, h := range w.hosts {
		o.nothingLeft(h)
		if len(h.agent.executors) > 0 {
			w.violated("executor %s is left after the end of everything", h.agent.executors[0].id)
		}
	}
}

// quiet: nothing is called, done or saved when there is nothing to do, reconciliation aside; and with that offers are looked
// at, which takes a REVIVE and a SUPPRESS.
func (o *simObserver) quiet(since time.Time) {
	if o.busy.After(since) {
		o.w.violated("not quiet: %s at %s", o.what, o.busy.Sub(simStart))
	}
	if most := 2 * int(o.w.now.Sub(since)/scheduler.DefaultConfig().ReconcileEvery+1); o.signals > most {
		o.w.violated("not quiet: REVIVE and SUPPRESS are called %d times in %s", o.signals, o.w.now.Sub(since))
	}
}

// poolInPlace: every wanted node is in place.
func (o *simObserver) poolInPlace(p scheduler.PoolRecord) {
	if p.Deleted {
		o.w.violated("pool %s is still being deleted", p.Name)
	}
	wanted := int(p.Nodes)
	if p.Nodes == scheduler.All {
		wanted = 2 // the hosts of the kind edge
	}
	ready := 0
	for _, n := range o.w.store.of(p.Name) {
		if n.Phase == scheduler.Ready {
			ready++
		}
	}
	if ready != wanted {
		o.w.violated("pool %s has %d nodes Ready, wants %d", p.Name, ready, wanted)
	}
}

// nodeInPlace: every record has its tasks, its kubelet and its Node object, all as the pool says.
func (o *simObserver) nodeInPlace(n scheduler.Node) {
	w, p := o.w, o.w.store.pools[n.Pool]
	if n.Phase != scheduler.Ready {
		w.violated("node %s is %s: %s", n.Name, n.Phase, n.Why)
	}
	e := o.host(n.Host).live()
	if e == nil || e.node != n.Name {
		w.violated("node %s has a record and no kubelet", n.Name)
	}
	for _, t := range n.Tasks {
		if !slices.ContainsFunc(e.tasks, func(each *simTask) bool { return each.id == t.ID && each.live() }) {
			w.violated("node %s has a record of task %s, which does not run", n.Name, t.ID)
		}
	}
	object := e.object()
	if object == nil {
		w.violated("node %s has no Node object", n.Name)
	}
	switch {
	case object.Unschedulable:
		w.violated("node %s is Ready and cordoned", n.Name)
	case n.Slice() != p.Resources || e.slice != p.Resources:
		w.violated("node %s is recorded with %s and offers %s, its pool wants %s", n.Name, n.Slice(), e.slice, p.Resources)
	case n.Version != p.Rollout.Version:
		w.violated("node %s has version %d, its pool %d (stopped: %q)", n.Name, n.Version, p.Rollout.Version, p.Rollout.Stopped)
	case !simMarked(object, p.Pool):
		w.violated("node %s carries %s, its pool wants labels %v, annotations %v, taints %v", n.Name, object.marks, p.Labels, p.Annotations, p.Taints)
	}
}

// simMarked reports whether a Node object carries what its pool says, and nothing of another definition.
func simMarked(n *simNode, p scheduler.Pool) bool {
	want := scheduler.Marks{Labels: p.Labels, Annotations: p.Annotations, Taints: p.Taints}
	return n.marks.Equal(want)
}

// nothingLeft: no task without a record, no update without an acknowledgement, no reservation that nobody owns.
func (o *simObserver) nothingLeft(h *simHost) {
	for _, e := range h.agent.executors {
		n := o.w.record(e.node)
		if n == nil {
			o.w.violated("executor %s lives without a record", e.id)
		}
		for _, t := range e.tasks {
			if !slices.ContainsFunc(n.Tasks, func(each scheduler.Task) bool { return each.ID == t.id }) {
				o.w.violated("task %s (%s) has no record", t.id, t.state)
			}
			if len(t.updates) > 0 {
				o.w.violated("%s of %s was never acknowledged", t.updates[0].State, t.id)
			}
		}
	}
	for _, e := range *h.agent.resources {
		for _, r := range e.reservations {
			most := o.reserved(h, r, e.name)
			if r.Dynamic && (e.amount > max(most, 0) || e.ports != 0 && most < 0) {
				o.w.violated("host %s has a reservation that nobody owns: %s of %s, ports %v, %v", h.name, e.amount, e.name, e.ranges(), r.Labels)
			}
		}
	}
}

// reserved is how much of a resource may be reserved on a host: what the node takes whose pool the reservation's labels
// name. An earlier node of the pool may have made it. -1: there is no such node.
func (o *simObserver) reserved(h *simHost, r scheduler.Reservation, name string) scheduler.Amount {
	for _, n := range o.w.store.sorted() {
		if n.Host != h.name || !n.Reserved || !slices.Contains(r.Labels, scheduler.Label{Key: "pool", Value: string(n.Pool)}) {
			continue
		}
		switch takes := n.Slice().Plus(n.Executor.Overhead); name {
		case "cpus":
			return takes.CPUs
		case "mem":
			return takes.Mem
		default:
			return 0
		}
	}
	return -1
}

// objectOwned: no Node object without an owner.
func (o *simObserver) objectOwned(n *simNode) {
	for _, record := range o.w.store.sorted() {
		if record.Host == n.Host && n.ProviderID == record.Name.ProviderID(o.w.store.meta.FrameworkID) {
			return
		}
	}
	o.w.violated("Node object %s (%s) has no record", n.Host, n.ProviderID)
}
