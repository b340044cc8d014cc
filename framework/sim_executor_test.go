package framework

import (
	"bytes"
	"fmt"
	"time"

	"k8s-framework/scheduler"
)

// simExecutor is one of our executors with its kubelet. It behaves as package executor does: a kill of its last task, or
// a shutdown, is a drain unless it was told that the node is drained.
type simExecutor struct {
	id        scheduler.ExecutorID
	node      scheduler.NodeName
	agent     *simAgent
	provider  string
	marks     scheduler.Marks
	info      string // the ExecutorInfo: equal for all its tasks
	resources []scheduler.Resource
	policy    scheduler.DrainPolicy
	tasks     []*simTask // until their last update is acknowledged

	alive    bool
	reported bool // its end is known to the master
	status   int

	told bool // that the node is drained
	// healthy: the kubelet runs; served: it did once. slice is the sum of the tasks that it offers.
	healthy, served bool
	slice           scheduler.Resources
	bad             bool // its kubelet never starts
	roomy           bool // the node is cordoned until it has shrunk
	end             *simEnd
	joining         simJoining
}

// simEnd is why an executor ends, and until when its drain may last; zero: for ever.
type simEnd struct {
	why  string
	by   time.Time
	ours bool // the framework's kill set the time
}

// simSetup is the framework's options as each executor carries them.
var simSetup, simSetupErr = DefaultOptions().Nodes.encode()

// simInfo is an ExecutorInfo as text, made by the real renderer.
func simInfo(w *simWorld, launch scheduler.Launch) string {
	rendered, err := renderer{}.Executor(launch)
	if err != nil || simSetupErr != nil {
		w.violated("the executor of %s cannot be rendered: %v %v", launch.Node.Name, err, simSetupErr)
	}
	return fmt.Sprintf("%s %v %s", rendered.Data, launch.Node.Executor.Resources, rendered.Command)
}

// start makes an executor for a first task.
func (a *simAgent) start(launch scheduler.Launch) *simExecutor {
	n := launch.Node
	e := &simExecutor{
		id: n.Name.Executor(), node: n.Name, agent: a, provider: launch.ProviderID, info: simInfo(a.w, launch),
		marks:     scheduler.Marks{Labels: n.Executor.Labels, Taints: n.Executor.Taints},
		resources: n.Executor.Resources, policy: n.Executor.Drain, alive: true, bad: bytes.Equal(n.Executor.Kubelet, simBadKubelet),
	}
	a.executors = append(a.executors, e)
	return e
}

// launched is the LAUNCH event.
func (e *simExecutor) launched(t *simTask) {
	w := e.agent.w
	switch {
	case !e.alive || e.end != nil:
		t.say(scheduler.TaskFailed, "REASON_EXECUTOR_TERMINATED", "the executor is ending")
		return
	case t.state.Over():
		return
	}
	w.later(50*time.Millisecond, time.Second, func() {
		if e.alive && !t.state.Over() && e.end == nil {
			t.say(scheduler.TaskStarting, "", "the kubelet is not healthy yet")
		}
	})
	w.later(time.Second, 8*time.Second, e.startKubelet)
}

// startKubelet starts the kubelet, or starts it again with another size.
func (e *simExecutor) startKubelet() {
	w, h := e.agent.w, e.agent.host
	switch {
	case !e.alive || e.end != nil:
		return
	case !e.healthy && (e.bad || w.perMille(40)):
		e.crash(scheduler.TaskFailed, "the kubelet failed 5 times in 10m0s")
		return
	case !e.healthy && len(h.kubelets) > 0:
		w.later(time.Second, 5*time.Second, e.startKubelet) // the host is locked by another
		return
	case !e.healthy && !e.mayJoin():
		e.wantToken()
		return
	}
	if !e.healthy {
		e.healthy, e.served = true, true
		h.kubelets = append(h.kubelets, e)
		w.watch.kubelet(h)
	}
	e.resize()
	w.api.register(e)
}

// resize makes the kubelet offer the sum of its tasks; those that are being killed are over when it does not need them.
func (e *simExecutor) resize() {
	if !e.alive || !e.healthy || e.end != nil {
		return
	}
	var sum scheduler.Resources
	for _, t := range e.tasks {
		if !t.killed && !t.state.Over() {
			sum = sum.Plus(t.size)
		}
	}
	if object := e.object(); object != nil && !e.agent.w.api.fits(object, sum) {
		if e.makesRoom() {
			e.agent.w.later(time.Second, 5*time.Second, e.resize)
			return
		}
		for _, t := range e.tasks {
			if t.killed && !t.state.Over() {
				e.agent.w.watch.squeezed(e, t)
			}
		}
	}
	e.slice = sum
	if e.roomy && e.object() != nil {
		e.object().Unschedulable = false
	}
	e.roomy = false
	if object := e.object(); object != nil {
		object.AllocatableCPU, object.AllocatableMem = int64(sum.CPUs), sum.MemBytes()
		e.agent.w.api.changed()
	}
	for _, t := range e.tasks {
		switch {
		case t.state.Over():
		case t.killed:
			t.say(scheduler.TaskKilled, "", "killed: the kubelet has given back its share")
		case t.state != scheduler.TaskRunning:
			t.say(scheduler.TaskRunning, "", "the kubelet is healthy")
		}
	}
}

// kill is the KILL event.
func (e *simExecutor) kill(t *simTask, grace time.Duration, ours bool) {
	w := e.agent.w
	t.killed = true
	for _, other := range e.tasks {
		if !other.killed && !other.state.Over() {
			if t.killBy.IsZero() {
				t.killBy, t.grace = w.now.Add(grace), grace
			}
			w.later(time.Second, 3*time.Second, e.resize)
			return
		}
	}
	end := simEnd{why: "told to kill " + string(t.id), by: e.deadline(), ours: ours}
	if grace > 0 {
		end.limit(w.now.Add(grace - min(grace/2, 10*time.Second)))
	}
	e.finish(end)
}

// shutDown is the SHUTDOWN event.
func (e *simExecutor) shutDown(why string) {
	end := simEnd{why: why, by: e.deadline()}
	end.limit(e.agent.w.now.Add(time.Duration(e.policy.Deadline) + time.Minute))
	e.finish(end)
}

// foreign is an executor that is told that its framework cannot be found: its agent is another one now.
func (e *simExecutor) foreign() {
	e.finish(simEnd{why: "the agent is another one", by: e.agent.w.now.Add(time.Duration(e.policy.Deadline))})
}

// deadline is when a drain that begins now is over by the policy; zero: never.
func (e *simExecutor) deadline() time.Time {
	if e.policy.Then == scheduler.Wait {
		return time.Time{}
	}
	return e.agent.w.now.Add(time.Duration(e.policy.Deadline))
}

// limit shortens the time of a drain.
func (e *simEnd) limit(by time.Time) {
	if e.by.IsZero() || by.Before(e.by) {
		e.by = by
	}
}

// finish begins the end, or hurries one that has begun.
func (e *simExecutor) finish(end simEnd) {
	if !e.alive {
		return
	}
	w := e.agent.w
	if e.end != nil {
		if !end.by.IsZero() && (e.end.by.IsZero() || end.by.Before(e.end.by)) {
			e.end.by, e.end.ours = end.by, end.ours
		}
		return
	}
	e.end = &end
	if e.served && !e.told {
		w.logf("executor %s drains: %s", e.id, end.why)
		for _, t := range e.tasks {
			if !t.state.Over() {
				t.say(scheduler.TaskRunning, "", "draining: "+end.why)
			}
		}
		if e.agent.reached() && !w.perMille(30) {
			w.master.tell(scheduler.ExecutorDraining{Node: e.node, Why: end.why})
		}
	}
	w.later(0, time.Second, e.drain)
}

// drain empties the node, one pod after the other, as budgets and the time allow; then the kubelet is stopped.
func (e *simExecutor) drain() {
	w := e.agent.w
	if !e.alive {
		return
	}
	over := !e.end.by.IsZero() && !w.now.Before(e.end.by)
	if !e.served || e.told || over || w.api.evict(e.agent.host.name, e.provider) == 0 {
		w.later(100*time.Millisecond, 3*time.Second, e.stop)
		return
	}
	w.later(500*time.Millisecond, 5*time.Second, e.drain)
}

// stop is the end of the kubelet and of its pods, and then of the executor.
func (e *simExecutor) stop() {
	if !e.alive {
		return
	}
	e.agent.w.watch.stops(e)
	e.kubeletEnded()
	e.alive = false
	e.over(scheduler.TaskKilled, "", "killed: the kubelet and its pods have ended")
	e.agent.w.later(0, time.Second, e.agent.reportEnds)
}

// crash is the end of an executor by itself; its container goes with every process in it.
func (e *simExecutor) crash(state scheduler.TaskState, message string) {
	if !e.alive {
		return
	}
	e.kubeletEnded()
	e.alive, e.status = false, 9
	e.over(state, "REASON_EXECUTOR_TERMINATED", message)
	e.agent.w.later(0, time.Second, e.agent.reportEnds)
}

// over says the end of every task.
func (e *simExecutor) over(state scheduler.TaskState, reason, message string) {
	for _, t := range e.tasks {
		if !t.state.Over() {
			t.say(state, reason, message)
		}
	}
}

// kubeletEnded takes the kubelet's processes, and its pods', off the host.
func (e *simExecutor) kubeletEnded() {
	h := e.agent.host
	for i, each := range h.kubelets {
		if each == e {
			h.kubelets = append(h.kubelets[:i:i], h.kubelets[i+1:]...)
			e.agent.w.api.kubeletEnded(e)
		}
	}
	e.healthy = false
}

// object is the Node object of this kubelet; nil: there is none.
func (e *simExecutor) object() *simNode { return e.agent.w.api.node(e.agent.host.name, e.provider) }
