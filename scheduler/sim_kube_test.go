package scheduler

import (
	"maps"
	"slices"
	"time"
)

// register is what a kubelet does at its start: its Node object appears, and pods come. An object that is there already
// keeps its provider ID, which is immutable.
func (w *world) register(t *simTask) {
	if !t.alive {
		return
	}
	if w.apiDown {
		w.later(time.Second, 5*time.Second, func() { w.register(t) })
		return
	}
	if w.objects[t.agent.host] != nil {
		w.violated("the kubelet of %s finds the Node object %s of another launch", t.id, w.objects[t.agent.host].ProviderID)
	}
	object := &simKubeNode{KubeNode: KubeNode{
		Host: t.agent.host, Ready: true, Starting: true, ProviderID: t.node.ProviderID("fw-1"), AllocatableCPU: 1000, AllocatableMem: 1 << 30,
	}, pods: w.rand.IntN(4)}
	w.objects[t.agent.host] = object
	w.show(object)
}

// show lets the watch tell of an object.
func (w *world) show(object *simKubeNode) {
	if w.apiDown || w.objects[object.Host] != object {
		return
	}
	w.tell(KubeNodeSeen{object.KubeNode})
}

// relist is the beginning of a watch.
func (w *world) relist(epoch int) {
	if w.core == nil || w.epoch != epoch {
		return
	}
	if w.apiDown {
		w.later(time.Second, 5*time.Second, func() { w.relist(epoch) })
		return
	}
	for _, host := range slices.Sorted(maps.Keys(w.objects)) {
		w.tell(KubeNodeSeen{w.objects[host].KubeNode})
	}
	w.tell(KubeSynced{})
	w.showRequests()
}

// operate does what Kubernetes does with an operation; its result is lost with the leader that asked.
func (w *world) operate(op Op) {
	epoch := w.epoch
	result := func(event Event) {
		if w.core != nil && w.epoch == epoch {
			w.tell(event)
		}
	}
	if w.apiDown || w.chance(5) {
		if _, cancel := op.(CancelDrain); !cancel {
			w.later(0, 10*time.Second, func() { result(OpFailed{Op: op, Why: "the API server does not answer"}) })
		}
		return
	}
	switch o := op.(type) {
	case Drain:
		w.drains[o.Node] = epoch
		if object := w.objects[o.Host]; object != nil && object.ProviderID == o.ProviderID {
			object.cordoned = true
		}
		w.later(0, 5*time.Second, func() { w.drain(o, result) })
	case CancelDrain:
		delete(w.drains, o.Node)
	case ForgetKubeNode:
		w.later(0, 2*time.Second, func() { w.forget(o, result) })
	default:
		w.admit(op, result)
	}
}

// drain lets one pod go at a time; a budget may hold it.
func (w *world) drain(o Drain, result func(Event)) {
	if _, wanted := w.drains[o.Node]; !wanted || w.core == nil {
		return
	}
	object := w.objects[o.Host]
	if object == nil || object.ProviderID != o.ProviderID || object.pods == 0 {
		delete(w.drains, o.Node)
		result(NodeDrained{o.Node})
		return
	}
	if w.chance(30) {
		result(DrainProgressed{Node: o.Node, PodsLeft: object.pods, Blocked: []string{"default/web by budget web"}})
		w.later(time.Minute, 20*time.Minute, func() { w.drain(o, result) })
		return
	}
	object.pods--
	result(DrainProgressed{Node: o.Node, PodsLeft: object.pods})
	w.later(0, 10*time.Second, func() { w.drain(o, result) })
}

// forget deletes a Node object, if it is the one that was asked about.
func (w *world) forget(o ForgetKubeNode, result func(Event)) {
	if object := w.objects[o.Host]; object != nil && object.ProviderID == o.ProviderID {
		if t := w.taskOf(o.Node); t != nil && t.alive {
			w.violated("the Node object of %s is deleted while its kubelet runs", o.Node)
		}
		delete(w.objects, o.Host)
		w.later(0, time.Second, func() {
			if w.objects[o.Host] == nil && w.core != nil {
				w.tell(KubeNodeDeleted{o.Host})
			}
		})
	}
	result(KubeNodeForgotten{o.Node})
}
