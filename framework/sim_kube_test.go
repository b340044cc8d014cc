package framework

import (
	"maps"
	"slices"
	"time"

	"k8s-framework/scheduler"
)

// simAPI is a Kubernetes API server with its controllers, and what it stores: Node objects and pods.
type simAPI struct {
	w     *simWorld
	up    bool
	nodes map[scheduler.Hostname]*simNode
	pods  []*simPod
	// tokens are bootstrap tokens by their public halves.
	tokens   map[string]*simToken
	requests []*simCSR
	// showing: the watches are told in a moment.
	showing bool
}

// simNode is a Node object.
type simNode struct {
	scheduler.KubeNode
	marks scheduler.Marks
	lease time.Time // zero: the kubelet renews it all the time
}

// simPod is a pod of an application; pods are replaced elsewhere when they go.
type simPod struct {
	app    int
	host   scheduler.Hostname // empty: it waits for a node
	uid    scheduler.UID      // of the Node object that it is bound to
	ready  bool
	needs  scheduler.Resources
	placed int // names the time at which it was bound
}

// simBudgets is how many pods of each application must stay ready. The second one's forbids every eviction, until the
// faults stop.
var simBudgets = [...]struct{ pods, ready int }{{6, 4}, {2, 2}, {5, 0}}

func newSimAPI(w *simWorld) *simAPI {
	a := &simAPI{w: w, up: true, nodes: map[scheduler.Hostname]*simNode{}, tokens: map[string]*simToken{}}
	for app, budget := range simBudgets {
		for range budget.pods {
			a.pods = append(a.pods, &simPod{app: app, needs: scheduler.Resources{CPUs: 200, Mem: 200_000}})
		}
	}
	w.later(time.Second, time.Second, a.schedule)
	if w.joins {
		w.later(time.Minute, time.Minute, a.forge)
	}
	return a
}

// node is the Node object of a launch; nil: it is not there.
func (a *simAPI) node(host scheduler.Hostname, provider string) *simNode {
	if n := a.nodes[host]; n != nil && n.ProviderID == provider {
		return n
	}
	return nil
}

// goDown takes the API server away for a while.
func (a *simAPI) goDown(d time.Duration) {
	if !a.up {
		return
	}
	a.w.logf("!!! the API server is away for %s", d)
	a.up = false
	a.w.later(d, d, a.comeUp)
}

func (a *simAPI) comeUp() {
	if a.up {
		return
	}
	a.w.logf("the API server is back")
	a.up = true
	if a.w.perMille(300) { // no lease was renewed meanwhile
		for _, host := range simSorted(a.nodes) {
			a.setReady(a.nodes[host], false, "the kubelet stopped posting node status")
		}
		a.w.later(time.Second, time.Minute, a.refresh)
	}
	a.changed()
}

// refresh is what kubelets that live say of themselves.
func (a *simAPI) refresh() {
	for _, h := range a.w.hosts {
		if e := h.live(); e != nil {
			if n := e.object(); n != nil {
				a.setReady(n, !h.sick, "container runtime network not ready")
			}
		}
	}
}

func (a *simAPI) setReady(n *simNode, ready bool, why string) {
	if n.Ready == ready {
		return
	}
	if n.Ready, n.ReadyWhy = ready, why; ready {
		n.ReadyWhy = ""
	}
	a.changed()
}

// register is what a kubelet does at its start. An object that is there already keeps its provider ID, cordon, taints and
// labels.
func (a *simAPI) register(e *simExecutor) {
	h := e.agent.host
	if !e.healthy {
		return
	}
	if a.w.joins && !e.joining.joined {
		a.join(e)
		return
	}
	if !a.up {
		a.w.later(time.Second, 5*time.Second, func() { a.register(e) })
		return
	}
	n := a.nodes[h.name]
	if n != nil && n.ProviderID != e.provider {
		a.w.violated("the kubelet of %s finds the Node object of another launch, %s", e.node, n.ProviderID)
	}
	if n == nil {
		n = &simNode{marks: scheduler.Marks{Labels: maps.Clone(e.marks.Labels), Taints: slices.Clone(e.marks.Taints)}}
		n.Host, n.ProviderID, n.UID, n.Created = h.name, e.provider, scheduler.UID(a.w.fresh("uid")), a.w.now
		n.AllocatableCPU, n.AllocatableMem = int64(e.slice.CPUs), e.slice.MemBytes()
		n.Starting = a.w.joins
		a.nodes[h.name] = n
	}
	n.lease = time.Time{}
	a.w.later(100*time.Millisecond, 3*time.Second, func() {
		if e.healthy && a.nodes[h.name] == n {
			a.setReady(n, !h.sick, "container runtime network not ready")
		}
	})
	a.changed()
}

// kubeletEnded lets the node's pods end, and the Node be taken for NotReady after a while.
func (a *simAPI) kubeletEnded(e *simExecutor) {
	n := e.object()
	if n == nil {
		return
	}
	n.lease = a.w.now
	for _, p := range a.on(n) {
		p.ready = false
	}
	a.w.later(40*time.Second, 50*time.Second, func() {
		if a.nodes[n.Host] == n && !n.lease.IsZero() {
			a.setReady(n, false, "the kubelet stopped posting node status")
		}
	})
}

// remove deletes a Node object; its pods are replaced elsewhere.
func (a *simAPI) remove(n *simNode) {
	for _, p := range a.on(n) {
		p.leave()
	}
	delete(a.nodes, n.Host)
	a.changed()
}

// changed lets the watches tell what is different now.
func (a *simAPI) changed() {
	if a.showing {
		return
	}
	a.showing = true
	a.w.later(time.Millisecond, 100*time.Millisecond, func() {
		a.showing = false
		for _, l := range a.w.leaders {
			l.look()
		}
	})
}

// look is a leader's watch of Node objects: it tells of each that is new, changed or gone, and once that it has told of
// all.
func (l *simLeader) look() {
	a := l.w.api
	if l.dead {
		return
	}
	if !a.up {
		l.w.later(time.Second, 5*time.Second, l.look)
		return
	}
	for _, host := range simSorted(l.known) {
		if n := a.nodes[host]; n == nil || n.UID != l.known[host].UID {
			delete(l.known, host)
			l.tell(scheduler.KubeNodeDeleted{Host: host})
		}
	}
	for _, host := range simSorted(a.nodes) {
		if n := a.nodes[host].KubeNode; l.known[host] != n {
			l.known[host] = n
			l.tell(scheduler.KubeNodeSeen{Node: n})
		}
	}
	if !l.synced {
		l.synced = true
		l.tell(scheduler.KubeSynced{})
	}
	l.lookAtRequests()
}
