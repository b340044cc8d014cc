package framework

import (
	"slices"
	"time"

	"k8s-framework/scheduler"
)

// simAgent is a Mesos agent: its process, its tasks, and what the master thinks of it.
type simAgent struct {
	w    *simWorld
	host *simHost
	id   scheduler.AgentID
	up   bool // its process runs

	status    simStatus
	losses    int // names the loss that pings are waited for
	resources *simBag
	executors []*simExecutor   // until their end is told
	kept      []scheduler.Kill // by the master, for an agent that is away for a moment
	draining  *simDraining
}

// simStatus is what the master thinks of an agent.
type simStatus int

// In the order of a life.
const (
	simRegistered  simStatus = iota
	simAway                  // its connection broke; pings are waited for
	simUnreachable           // they did not come
	simRecovering            // known from the registry, not back since the master's failover
	simMarkedGone            // by an operator, for good
	simRemoved               // another agent took its address, or it unregistered
)

// simDraining is an agent's drain by an operator.
type simDraining struct {
	grace time.Duration
	gone  bool // it is marked gone at the end
}

// running reports whether the agent's process can reach the master.
func (a *simAgent) running() bool {
	return a.up && a.host.powered && a.host.linked && !a.host.down && a.host.agent == a && a.w.master.up
}

// reached reports whether the master can speak to the agent.
func (a *simAgent) reached() bool { return a.status == simRegistered && a.running() }

// lose breaks the connection to the master, which waits for pings for 75 s.
func (a *simAgent) lose() {
	if a.status != simRegistered {
		return
	}
	a.status = simAway
	a.w.master.rescind(a)
	a.missed(75 * time.Second)
}

// missed makes the agent unreachable if it is not back in time.
func (a *simAgent) missed(limit time.Duration) {
	a.losses++
	this := a.losses
	a.w.later(limit, limit+15*time.Second, func() {
		if this != a.losses || (a.status != simAway && a.status != simRecovering) {
			return
		}
		a.w.logf("master: agent %s is unreachable", a.id)
		a.status, a.kept = simUnreachable, nil
		a.forgetTasks(scheduler.TaskUnreachable, "REASON_AGENT_REMOVED", "health check timed out")
		a.w.master.tell(scheduler.AgentRemoved{Agent: a.id})
	})
}

// forgetTasks lets the master say of every task that it knows there what it means, and forget it.
func (a *simAgent) forgetTasks(state scheduler.TaskState, reason, message string) {
	m := a.w.master
	for _, id := range simSorted(m.tasks) {
		if t := m.tasks[id]; t.agent == a {
			delete(m.tasks, id)
			if !t.known.Over() {
				m.tell(scheduler.TaskUpdated{Task: id, Agent: a.id, State: state, Reason: reason, Message: message})
			}
		}
	}
}

// comeBack registers the agent after a while, again and again until it can.
func (a *simAgent) comeBack(least, most time.Duration) {
	a.w.later(least, most, func() {
		switch {
		case a.status == simRegistered || a.host.agent != a || !a.up || !a.host.powered || a.host.down:
		case a.status == simMarkedGone:
			a.shutDown()
		case !a.running():
			a.comeBack(time.Second, 15*time.Second)
		default:
			a.register()
		}
	})
}

// register is what happens when the agent is back. After a failover of the master nothing is announced; after having been
// unreachable the tasks are.
func (a *simAgent) register() {
	m, before := a.w.master, a.status
	a.w.logf("master: agent %s registers", a.id)
	a.status = simRegistered
	a.losses++
	lost := simSorted(m.tasks)
	for _, e := range a.executors {
		for _, t := range e.tasks {
			if t.freed {
				continue
			}
			lost = slices.DeleteFunc(lost, func(id scheduler.TaskID) bool { return id == t.id })
			m.tasks[t.id] = t
			t.known = t.state
			if before == simUnreachable && !t.state.Over() {
				m.tell(scheduler.TaskUpdated{Task: t.id, Agent: a.id, State: t.state, Reason: "REASON_AGENT_REREGISTERED", Executor: e.id})
			}
		}
	}
	for _, id := range lost { // the agent has never heard of them
		if t := m.tasks[id]; t.agent == a {
			delete(m.tasks, id)
			m.tell(scheduler.TaskUpdated{Task: id, Agent: a.id, State: scheduler.TaskDropped, Reason: "REASON_RECONCILIATION", Message: "Task is unknown to the agent"})
		}
	}
	for _, c := range a.kept {
		a.kill(c.Task, c.Grace, true)
	}
	a.kept = nil
	if m.removed {
		a.shutExecutors()
	}
	a.resend()
	a.reportEnds()
	m.soon()
}

// resend sends what is not acknowledged again.
func (a *simAgent) resend() {
	for _, e := range slices.Clone(a.executors) {
		for _, t := range slices.Clone(e.tasks) {
			t.send()
		}
	}
}

// reportEnds tells of executors that are over.
func (a *simAgent) reportEnds() {
	if !a.reached() {
		return
	}
	for _, e := range slices.Clone(a.executors) {
		if !e.alive && !e.reported {
			e.reported = true
			a.w.master.tell(scheduler.ExecutorEnded{Agent: a.id, Executor: e.id, Status: e.status})
		}
		a.bury(e)
	}
	a.w.master.soon()
	a.settleDrain()
}

// bury forgets an executor when all is told, or its framework is gone.
func (a *simAgent) bury(e *simExecutor) {
	if !e.alive && e.reported && (len(e.tasks) == 0 || a.w.master.removed) {
		a.executors = slices.DeleteFunc(a.executors, func(each *simExecutor) bool { return each == e })
	}
}

func (a *simAgent) executor(id scheduler.ExecutorID) *simExecutor {
	for _, e := range a.executors {
		if e.id == id && e.alive {
			return e
		}
	}
	return nil
}

// kill hands a kill to the task's executor.
func (a *simAgent) kill(task scheduler.TaskID, grace time.Duration, ours bool) {
	for _, e := range a.executors {
		for _, t := range e.tasks {
			if t.id == task && e.alive && !t.state.Over() {
				e.kill(t, grace, ours)
			}
		}
	}
}

// acknowledged lets the next update of a task follow, and forgets one that is over.
func (a *simAgent) acknowledged(task scheduler.TaskID, update scheduler.UpdateID) {
	for _, e := range slices.Clone(a.executors) {
		for _, t := range slices.Clone(e.tasks) {
			if t.id != task || len(t.updates) == 0 || t.updates[0].Update != update {
				continue
			}
			over := t.updates[0].State.Over() || t.updates[0].State == scheduler.TaskGoneByOperator
			t.updates = t.updates[1:]
			t.attempts = 0
			if over {
				t.freed = true
				if a.w.master.tasks[task] == t {
					delete(a.w.master.tasks, task)
				}
				e.tasks = slices.DeleteFunc(e.tasks, func(each *simTask) bool { return each == t })
				a.reportEnds()
				return
			}
			t.send()
		}
	}
}

// shutExecutors ends every executor, each within its own shutdown grace period.
func (a *simAgent) shutExecutors() {
	for _, e := range slices.Clone(a.executors) {
		e.shutDown("the agent ends the executor")
	}
}

// shutDown is the end of the agent by the master's order. Later it is started again, as a new agent.
func (a *simAgent) shutDown() {
	a.w.logf("agent %s is shut down", a.id)
	a.up = false
	a.shutExecutors()
	a.w.later(15*time.Minute, 20*time.Minute, func() {
		if a.host.agent == a {
			a.replaced()
			a.host.newAgent()
			a.host.agent.comeBack(time.Second, time.Minute)
		}
	})
}

// replaced is the end of whatever of this agent is left on the host, without a word to Mesos.
func (a *simAgent) replaced() {
	for _, e := range slices.Clone(a.executors) {
		if a.host.posix && e.alive {
			a.w.later(0, 5*time.Second, e.foreign)
			continue
		}
		e.kubeletEnded()
		e.alive = false
	}
	if !a.host.posix {
		a.executors = nil
	}
	if a.status != simMarkedGone && a.status != simUnreachable {
		a.status = simRemoved
	}
	a.losses++
	a.forgetTasks(scheduler.TaskLost, "REASON_SLAVE_REMOVED", "a new agent registered at the address")
}
