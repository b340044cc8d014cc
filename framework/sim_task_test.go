package framework

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"k8s-framework/scheduler"
)

// simTask is one task with the updates that its agent keeps until they are acknowledged.
type simTask struct {
	id        scheduler.TaskID
	agent     *simAgent
	executor  *simExecutor
	resources []scheduler.Resource
	size      scheduler.Resources

	state   scheduler.TaskState // what the executor said last
	known   scheduler.TaskState // what the master has heard last
	killed  bool
	killBy  time.Time // when room for its end is made without asking budgets, which is grace after its first kill
	grace   time.Duration
	freed   bool // its end is acknowledged
	updates []scheduler.TaskUpdated
	// attempts counts how often the oldest update was sent; sending names the wait for the next time.
	attempts, sending int
}

func newSimTask(launch scheduler.Launch, a *simAgent, e *simExecutor) *simTask {
	t := &simTask{id: launch.Task, agent: a, executor: e, resources: launch.TaskResources, state: scheduler.TaskStaging, known: scheduler.TaskStaging}
	for _, r := range launch.TaskResources {
		switch r.Name {
		case "cpus":
			t.size.CPUs += r.Amount
		case "mem":
			t.size.Mem += r.Amount
		}
	}
	return t
}

// live reports whether the task's processes run.
func (t *simTask) live() bool { return t.executor.alive && !t.state.Over() }

// say makes an update of a new state. The agent tells of one at a time, in order, until it is acknowledged.
func (t *simTask) say(state scheduler.TaskState, reason, message string) {
	w := t.agent.w
	t.state = state
	said := scheduler.TaskUpdated{
		Task: t.id, Agent: t.agent.id, State: state, Reason: reason, Message: message,
		Update: scheduler.UpdateID(w.fresh("u")), Executor: t.executor.id,
	}
	switch d := t.agent.draining; {
	case d != nil && d.gone && state == scheduler.TaskKilled:
		said.State, said.Reason = scheduler.TaskGoneByOperator, "REASON_AGENT_DRAINING"
	case d != nil:
		said.Reason = cmp.Or(reason, "REASON_AGENT_DRAINING")
	}
	w.watch.updates[said.Update] = said
	t.updates = append(t.updates, said)
	if len(t.updates) == 1 {
		t.attempts = 0
		t.send()
	}
}

// send sends the oldest update, which may get lost or doubled or come late, and again after a while.
func (t *simTask) send() {
	if len(t.updates) == 0 {
		return
	}
	w, u := t.agent.w, t.updates[0]
	if t.agent.reached() {
		for range w.copies() {
			most := 50 * time.Millisecond
			if w.perMille(50) {
				most = 12 * time.Second
			}
			w.later(0, most, func() { t.heard(u) })
		}
	}
	wait := min(10*time.Second<<t.attempts, 10*time.Minute)
	t.attempts = min(t.attempts+1, 10)
	t.sending++
	this := t.sending
	w.later(wait, wait+time.Second, func() {
		if this == t.sending {
			t.send()
		}
	})
}

// copies is how often a message arrives.
func (w *simWorld) copies() int {
	switch {
	case w.perMille(60):
		return 0
	case w.perMille(40):
		return 2
	default:
		return 1
	}
}

// heard is an update at the master, which passes on whatever it gets.
func (t *simTask) heard(u scheduler.TaskUpdated) {
	m := t.agent.w.master
	if !t.agent.reached() {
		return
	}
	if m.tasks[t.id] == t && !t.known.Over() {
		t.known = u.State
		if u.State.Over() {
			m.soon() // what it used is free
		}
	}
	m.tell(u)
}

// simSorted lists the keys of a map in order.
func simSorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
