package framework

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s-framework/scheduler"
)

// simDrain is a drain that a process of the framework performs; it ends with the process.
type simDrain struct {
	op        scheduler.Drain
	cancelled bool
}

// perform does what a process asks of Kubernetes. The result comes as an event, to that process only.
func (a *simAPI) perform(l *simLeader, op scheduler.Op) {
	a.w.logf("op %s", op)
	switch o := op.(type) {
	case scheduler.Drain:
		if before := l.drains[o.Node]; before == nil || before.cancelled {
			d := &simDrain{op: o}
			l.drains[o.Node] = d
			a.w.later(0, time.Second, func() { a.drain(l, d) })
		}
	case scheduler.CancelDrain:
		if d := l.drains[o.Node]; d != nil {
			d.cancelled = true
			delete(l.drains, o.Node)
		}
	default:
		a.w.later(0, 2*time.Second, func() {
			if !l.dead {
				l.tell(a.result(op))
			}
		})
	}
}

// failed is how an operation fails that the API server cannot be asked for.
func (a *simAPI) failed(op scheduler.Op) scheduler.Event {
	if a.up && !a.w.perMille(50) {
		return nil
	}
	return scheduler.OpFailed{Op: op, Why: "the API server does not answer"}
}

// result performs every operation but a drain. Each is about the Node object of one launch, and leaves any other alone.
func (a *simAPI) result(op scheduler.Op) scheduler.Event {
	if failed := a.failed(op); failed != nil {
		return failed
	}
	switch o := op.(type) {
	case scheduler.Uncordon:
		if n := a.node(o.Host, o.ProviderID); n != nil && n.Unschedulable {
			n.Unschedulable = false
			a.changed()
		}
		return scheduler.Uncordoned{Node: o.Node}
	case scheduler.ForgetKubeNode:
		if n := a.node(o.Host, o.ProviderID); n != nil {
			a.w.watch.forgets(o, n)
			a.remove(n)
		}
		return scheduler.KubeNodeForgotten{Node: o.Node}
	case scheduler.MarkKubeNode:
		n := a.node(o.Host, o.ProviderID)
		if n == nil {
			return scheduler.OpFailed{Op: op, Why: fmt.Sprintf("there is no Node %s of this launch", o.Host)}
		}
		n.mark(o.Before, o.Marks)
		a.changed()
		return scheduler.KubeNodeMarked{Node: o.Node, Marks: o.Marks}
	case scheduler.ReadLease:
		return scheduler.LeaseSeen{Node: o.Node, Renewed: a.renewed(o.Host)}
	case scheduler.CountPods:
		counted := map[scheduler.Hostname]int{}
		for _, host := range o.Hosts {
			if n := a.nodes[host]; n != nil {
				counted[host] = len(a.on(n))
			}
		}
		return scheduler.PodsCounted{Pool: o.Pool, Pods: counted}
	default:
		return a.admit(op)
	}
}

// mark takes away the marks of before that are no more, and adds the others.
func (n *simNode) mark(before, after scheduler.Marks) {
	if n.marks.Labels == nil {
		n.marks.Labels = map[string]string{}
	}
	if n.marks.Annotations == nil {
		n.marks.Annotations = map[string]string{}
	}
	for key := range before.Labels {
		delete(n.marks.Labels, key)
	}
	for key := range before.Annotations {
		delete(n.marks.Annotations, key)
	}
	maps.Copy(n.marks.Labels, after.Labels)
	maps.Copy(n.marks.Annotations, after.Annotations)
	n.marks.Taints = slices.DeleteFunc(n.marks.Taints, func(taint string) bool { return slices.Contains(before.Taints, taint) })
	for _, taint := range after.Taints {
		if !slices.Contains(n.marks.Taints, taint) {
			n.marks.Taints = append(n.marks.Taints, taint)
		}
	}
}

// renewed is when the kubelet of a host last renewed its lease; a kubelet that lives does so all the time.
func (a *simAPI) renewed(host scheduler.Hostname) time.Time {
	n := a.nodes[host]
	switch {
	case n == nil:
		return time.Time{}
	case n.lease.IsZero():
		return a.w.now.Add(-5 * time.Second)
	default:
		return n.lease
	}
}

// drain evicts one pod after the other, until none is left, the drain is called off, or its process has ended.
func (a *simAPI) drain(l *simLeader, d *simDrain) {
	if l.dead || d.cancelled {
		return
	}
	if failed := a.failed(d.op); failed != nil {
		delete(l.drains, d.op.Node)
		l.tell(failed)
		return
	}
	n := a.node(d.op.Host, d.op.ProviderID)
	if n != nil {
		a.cordon(n)
	}
	before := a.podsOf(d.op.Host, d.op.ProviderID)
	left := a.evict(d.op.Host, d.op.ProviderID)
	if left == 0 {
		delete(l.drains, d.op.Node)
		l.tell(scheduler.NodeDrained{Node: d.op.Node})
		return
	}
	said := scheduler.DrainProgressed{Node: d.op.Node, PodsLeft: left}
	if left == before {
		said.Blocked = []string{"default/web by budget web"}
	}
	l.tell(said)
	a.w.later(500*time.Millisecond, 10*time.Second, func() { a.drain(l, d) })
}
