package framework

import (
	"time"

	"k8s-framework/scheduler"
)

// on lists the pods that are bound to a Node object.
func (a *simAPI) on(n *simNode) []*simPod {
	var there []*simPod
	for _, p := range a.pods {
		if p.host == n.Host && p.uid == n.UID {
			there = append(there, p)
		}
	}
	return there
}

// podsOf is how many pods are bound to the Node object of a launch.
func (a *simAPI) podsOf(host scheduler.Hostname, provider string) int {
	if n := a.node(host, provider); n != nil {
		return len(a.on(n))
	}
	return 0
}

// fits reports whether what the pods of a node ask for fits into a size.
func (a *simAPI) fits(n *simNode, size scheduler.Resources) bool {
	for _, p := range a.on(n) {
		size = size.Minus(p.needs)
	}
	return size.CPUs >= 0 && size.Mem >= 0
}

// leave lets the pod wait for another node.
func (p *simPod) leave() { p.host, p.uid, p.ready = "", "", false }

// schedule binds waiting pods to nodes that are Ready and not cordoned, now and again.
func (a *simAPI) schedule() {
	a.w.later(2*time.Second, 8*time.Second, a.schedule)
	if !a.up {
		return
	}
	for _, p := range a.pods {
		if p.host != "" {
			continue
		}
		var free []*simNode
		for _, host := range simSorted(a.nodes) {
			if n := a.nodes[host]; n.Ready && !n.Unschedulable && !n.Starting && a.room(n).CPUs >= p.needs.CPUs {
				free = append(free, n)
			}
		}
		if len(free) > 0 {
			a.bind(p, free[a.w.number(len(free))])
		}
	}
}

// room is what pods can still ask for on a node.
func (a *simAPI) room(n *simNode) scheduler.Resources {
	room := scheduler.Resources{CPUs: scheduler.Amount(n.AllocatableCPU)}
	for _, p := range a.on(n) {
		room.CPUs -= p.needs.CPUs
	}
	return room
}

func (a *simAPI) bind(p *simPod, n *simNode) {
	p.host, p.uid = n.Host, n.UID
	p.placed++
	this := p.placed
	a.w.later(time.Second, 10*time.Second, func() {
		if this == p.placed && p.uid == n.UID && n.lease.IsZero() {
			p.ready = true
		}
	})
}

// evict asks for the eviction of one pod of a node that is being drained, and returns how many are left. What a budget
// forbids stays; a pod whose kubelet is dead is never seen to go.
func (a *simAPI) evict(host scheduler.Hostname, provider string) (left int) {
	n := a.node(host, provider)
	if n == nil {
		return 0
	}
	pods := a.on(n)
	if !a.up || !n.lease.IsZero() {
		return len(pods)
	}
	a.cordon(n)
	for _, p := range pods {
		if a.allowed(p) {
			p.leave()
			return len(pods) - 1
		}
	}
	return len(pods)
}

// allowed is what the budgets say.
func (a *simAPI) allowed(evicted *simPod) bool {
	budget, ready := simBudgets[evicted.app], 0
	for _, p := range a.pods {
		if p.app == evicted.app && p.ready {
			ready++
		}
	}
	if !a.w.faulty {
		return true // whoever owns the budget has given way
	}
	return ready-1 >= budget.ready || !evicted.ready && ready >= budget.ready
}

func (a *simAPI) cordon(n *simNode) {
	if !n.Unschedulable {
		n.Unschedulable = true
		a.changed()
	}
}

// makesRoom cordons the node and evicts pods so that it can shrink, until the time for it is over.
func (e *simExecutor) makesRoom() bool {
	w := e.agent.w
	for _, t := range e.tasks {
		if t.killed && !t.state.Over() && w.now.Before(t.killBy) {
			object := e.object()
			e.roomy = e.roomy || !object.Unschedulable
			w.api.evict(e.agent.host.name, e.provider)
			return true
		}
	}
	return false
}
