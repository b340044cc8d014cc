package framework

import (
	"reflect"
	"slices"
	"time"

	"k8s-framework/scheduler"
)

// change is passed by every change of the memory before it is made.
func (o *simObserver) change(l *simLeader, change scheduler.Change) {
	switch c := change.(type) {
	case scheduler.PutMeta:
		o.meta(c.Meta)
	case scheduler.PutPool:
		o.bound[c.Pool.Name] = o.w.store.pools[c.Pool.Name].MaxUnavailable
	case scheduler.PutNode:
		o.node(c.Node)
	case scheduler.DeleteNode:
		o.buries(c.Name)
	}
	if l == o.dry {
		o.onlySays(change)
	}
	o.busy, o.what = o.w.now, change
}

// onlySays: a dry run changes no definition. What else is due at the time happens all the same.
func (o *simObserver) onlySays(change scheduler.Change) {
	switch c := change.(type) {
	case scheduler.PutPool:
		if before := o.w.store.pools[c.Pool.Name]; !reflect.DeepEqual(before.Pool, c.Pool.Pool) || before.Deleted != c.Pool.Deleted {
			o.w.violated("a dry run changes %s", change)
		}
	case scheduler.PutMeta:
		if o.w.store.meta.Teardown != c.Meta.Teardown {
			o.w.violated("a dry run changes %s", change)
		}
	}
}

// saved is passed when a Save is durable: what bounds rolling changes, repairs and polite maintenance is judged by all of it.
func (o *simObserver) saved(l *simLeader) {
	for _, before := range o.retired {
		o.retires(l, before)
	}
	o.retired = nil
	clear(o.born)
	clear(o.bound)
}

// meta: the framework ID never changes, and the counter never falls.
func (o *simObserver) meta(next scheduler.Meta) {
	now := o.w.store.meta
	if now.FrameworkID != "" && now.FrameworkID != next.FrameworkID && !o.w.master.removed {
		o.w.violated("the saved framework ID changes from %s to %s", now.FrameworkID, next.FrameworkID)
	}
	if next.Counter < now.Counter {
		o.w.violated("the saved counter falls from %d to %d", now.Counter, next.Counter)
	}
}

// buries: no record is deleted while its processes live, unless an operator said that the agent is gone.
func (o *simObserver) buries(name scheduler.NodeName) {
	for _, h := range o.w.hosts {
		e := h.agent.executor(name.Executor())
		if live := h.live(); e == nil && live != nil && live.node == name {
			e = live
		}
		if e != nil && e.agent.status != simMarkedGone && !o.unseen[name] {
			o.w.violated("the record of %s is deleted while its executor lives on host %s", name, h.name)
		}
	}
}

// node notes what is judged when the Save is whole.
func (o *simObserver) node(next scheduler.Node) {
	before := o.w.record(next.Name)
	p, known := o.w.store.pools[next.Pool]
	if !known {
		o.w.violated("node %s is recorded, its pool is not", next.Name)
	}
	switch {
	case before == nil:
		o.surges(p, next)
		o.born[next.Name] = true
	case before.Phase != scheduler.Draining && next.Phase == scheduler.Draining:
		o.retired = append(o.retired, *before)
	case before.Phase == scheduler.Unreachable && next.Phase == scheduler.Gone:
		e := o.host(next.Host).live()
		o.unseen[next.Name] = e != nil && e.node == next.Name && e.object() == nil && e.agent != e.agent.host.agent
	}
}

// surges: a pool has at most nodes + maxSurge nodes that are not on their way out.
func (o *simObserver) surges(p scheduler.PoolRecord, next scheduler.Node) {
	if p.Nodes == scheduler.All {
		return
	}
	nodes := 1
	for _, n := range o.w.store.of(p.Name) {
		switch n.Phase {
		case scheduler.Launching, scheduler.NotReady, scheduler.Ready:
			nodes++
		case scheduler.Unreachable:
			if o.w.now.Before(n.Since.Add(time.Duration(p.Unreachable.After))) {
				nodes++
			}
		}
	}
	if most := int(p.Nodes) + p.MaxSurge; nodes > most {
		o.w.violated("node %s is the %dth of pool %s, which may have %d and %d more in a change", next.Name, nodes, p.Name, p.Nodes, p.MaxSurge)
	}
}

// simPolite are the causes that are ours, and bounded.
var simPolite = []scheduler.Cause{scheduler.CauseOutdated, scheduler.CauseUnready, scheduler.CauseMaintenance}

// retires: when we take a node down that serves, all but maxUnavailable of its pool stay Ready. One that does not serve may go
// while no more than that are on their way out. A host that goes down anyway is no choice of ours.
func (o *simObserver) retires(l *simLeader, before scheduler.Node) {
	n := o.w.record(before.Name)
	if n == nil || !slices.Contains(simPolite, n.Cause) || o.lastMoment(*n) {
		return
	}
	p := o.w.store.pools[n.Pool]
	ready, all, leaving := 0, 0, 0
	for _, other := range o.w.store.of(p.Name) {
		switch other.Phase {
		case scheduler.Ready:
			ready++
		case scheduler.Draining, scheduler.Stopping:
			if !o.lastMoment(other) {
				leaving++
			}
		case scheduler.Unreachable:
			if !o.w.now.Before(other.Since.Add(time.Duration(p.Unreachable.After))) {
				continue
			}
		}
		if !o.born[other.Name] {
			all++
		}
	}
	for _, other := range o.retired { // one whose host goes down anyway may have been retired after this one
		if now := o.w.record(other.Name); other.Pool == p.Name && other.Phase == scheduler.Ready && now != nil && o.lastMoment(*now) {
			ready++
		}
	}
	wanted := int(p.Nodes)
	if p.Nodes == scheduler.All {
		wanted = all // less those that are given up, and those that are launched just now
	}
	serves := before.Phase == scheduler.Ready && l.known[n.Host].Ready
	if e := o.host(n.Host).live(); e == nil || e.node != n.Name || e.agent.status != simRegistered {
		serves = false
	}
	limit := max(p.MaxUnavailable, o.bound[p.Name])
	if ready < wanted-limit && (serves || leaving > max(limit, 1)) {
		o.w.violated("node %s is retired (%s) as the %dth of pool %s, of which %d of %d stay Ready and maxUnavailable is %d",
			n.Name, n.Cause, leaving, p.Name, ready, wanted, limit)
	}
}

// lastMoment reports whether the maintenance of a node's host is so near that there is just time for a drain.
func (o *simObserver) lastMoment(n scheduler.Node) bool {
	h := o.host(n.Host)
	drain := time.Duration(n.Drain.Deadline) + scheduler.DefaultConfig().StopGrace
	return n.Cause == scheduler.CauseMaintenance && !h.said.IsZero() && !o.w.now.Before(h.said.Add(-drain))
}

// accepted: what an operator was told to be accepted is durable.
func (o *simObserver) accepted(command scheduler.Command) {
	switch c := command.(type) {
	case scheduler.Scale:
		if now := o.w.store.pools[c.Pool].Nodes; now != c.Nodes {
			o.w.violated("scaling pool %s to %s is answered, saved are %s", c.Pool, c.Nodes, now)
		}
	case scheduler.Pause:
		if !o.w.store.pools[c.Pool].Paused {
			o.w.violated("pausing pool %s is answered, and not saved", c.Pool)
		}
	}
}

// world is looked at after everything that happens: never two live kubelets on a host.
func (o *simObserver) world() {
	for _, h := range o.w.hosts {
		o.kubelet(h)
	}
}
