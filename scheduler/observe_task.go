package scheduler

import (
	"fmt"
	"slices"
	"time"
)

// taskUpdated accounts for a status update or a reconciliation's answer.
func (c *Core) taskUpdated(now time.Time, e TaskUpdated) {
	name, ours := e.Task.Node()
	n := c.nodes[name]
	if e.Update != "" {
		agent := e.Agent
		if agent == "" && n != nil {
			agent = n.Agent
		}
		c.acks = append(c.acks, Acknowledge{Task: e.Task, Agent: agent, Update: e.Update})
	}
	switch {
	case !ours:
		c.note(Note{Task: e.Task, Agent: e.Agent, Alarm: true, Text: fmt.Sprintf("ignored %s of a task whose name is not ours", e.State)})
	case n == nil:
		c.orphaned(now, e, name)
	case e.Agent != "" && e.Agent != n.Agent:
		// Mesos answers GONE for a task asked about with another agent's ID; it says nothing about the task.
		c.note(Note{Node: name, Agent: e.Agent, Task: e.Task, Text: fmt.Sprintf("ignored %s from agent %s: the task is on agent %s", e.State, e.Agent, n.Agent)})
	default:
		at := slices.IndexFunc(n.Tasks, func(t Task) bool { return t.ID == e.Task })
		if at < 0 { // one that was ended, or that was never heard of and given up
			c.orphaned(now, e, name)
			return
		}
		if n.resize.pending == e.Task && (e.State == TaskRunning || e.State == TaskKilling) {
			n.resize = resizing{}
		}
		c.heard(now, n, e.State)
		c.nodeUpdated(now, n, at, e)
	}
}

// heard sets when Mesos is asked about the node again. That Mesos does not know is no answer to rest on: an agent that comes
// back after a master failover is not announced, so the question is asked until there is one.
func (c *Core) heard(now time.Time, n *node, state TaskState) {
	if state.lost() || n.resize.pending != "" {
		n.ask = now.Add(backoff(n.asked))
		return
	}
	n.ask, n.asked = now.Add(c.config.ReconcileEvery), 0
}

// orphaned handles the update of a task without a record. Below the counter its record was buried: the task must end.
// Above it our memory is older than the world, and killing would be wrong.
func (c *Core) orphaned(now time.Time, e TaskUpdated, name NodeName) {
	if e.State.Over() || e.State == TaskGoneByOperator {
		delete(c.orphans, e.Task)
		return
	}
	number, _ := name.Number()
	if number > c.meta.Counter {
		c.note(Note{Task: e.Task, Agent: e.Agent, Alarm: true, Text: fmt.Sprintf("task %s has a number that was never given out (the counter stands at %d): "+
			"the saved state is older than the cluster, was a backup restored? The task is left alone; if it is not wanted, drain its agent (DRAIN_AGENT)", e.Task, c.meta.Counter)})
		c.meta.Counter = number
		c.dirtyMeta = true
		c.orphans[e.Task] = &orphan{agent: e.Agent, kill: retry{waiting: true}}
		return
	}
	if known := c.orphans[e.Task]; known == nil {
		c.orphans[e.Task] = &orphan{agent: e.Agent}
		c.note(Note{Task: e.Task, Agent: e.Agent, Alarm: true, Text: fmt.Sprintf("task %s (%s) has no record: it was buried before, it is killed now", e.Task, e.State)})
	} else if e.Agent != "" {
		known.agent = e.Agent
	}
}

// nodeUpdated moves a node by a state of its task. The exhaustive table of phases and states is in state_test.go.
func (c *Core) nodeUpdated(now time.Time, n *node, at int, e TaskUpdated) {
	if e.Healthy != HealthUnknown {
		n.health = e.Healthy
	}
	switch {
	case n.Phase == Gone:
		// The task's end is accounted for; whatever comes later was sent before it.
	case (e.State.Over() || e.State == TaskGoneByOperator) && len(n.Tasks) > 1:
		c.taskOver(now, n, at, e)
	case e.State.Over() || e.State == TaskGoneByOperator:
		c.taskEnded(now, n, e)
	case e.State.lost():
		c.taskLost(now, n, e)
	default:
		c.taskAlive(now, n, e)
	}
}

// taskEnded: no process of the task is left, or the operator says so of the agent.
func (c *Core) taskEnded(now time.Time, n *node, e TaskUpdated) {
	if !n.retired() && n.leaving == "" && !blameless(e) {
		c.failed(now, n, describe(e))
	}
	n.HostGone = e.State == TaskGone || e.State == TaskGoneByOperator
	c.move(now, n, Gone, describe(e))
}

// blameless reports whether an end says nothing against the pool: nobody tried to run the task.
func blameless(e TaskUpdated) bool {
	return e.State == TaskGone || e.State == TaskGoneByOperator || e.State == TaskDropped &&
		(e.Reason == "REASON_AGENT_DRAINING" || e.Reason == "REASON_INVALID_OFFERS" || e.Reason == "REASON_AGENT_RESTARTED")
}

// taskLost: Mesos cannot say; the processes may still run.
func (c *Core) taskLost(now time.Time, n *node, e TaskUpdated) {
	n.agentLost = true
	switch n.Phase {
	case Launching, NotReady, Ready:
		c.move(now, n, Unreachable, describe(e))
		n.lease = witness{}
	case Unreachable, Draining, Stopping:
		c.explain(n, describe(e))
	}
}

// taskAlive: the task is there.
func (c *Core) taskAlive(now time.Time, n *node, e TaskUpdated) {
	n.agentLost, n.successor = false, ""
	if e.Update != "" { // its executor's own word
		n.executorOver = false
	}
	if e.State == TaskKilling || e.Reason == "REASON_AGENT_DRAINING" {
		c.leaves(n, describe(e))
	}
	switch n.Phase {
	case Launching:
		if e.State != TaskStaging { // staged is what a launch is before anything runs
			c.move(now, n, NotReady, "the executor runs; waiting for Kubernetes to say Ready")
			c.readiness(now, n)
		}
	case Unreachable:
		n.lease = witness{}
		c.move(now, n, NotReady, "the agent is back; waiting for Kubernetes to say Ready")
		c.readiness(now, n)
	case Stopping:
		if e.Reason == "REASON_AGENT_REREGISTERED" {
			n.kill.next = now // kills sent while it was away are lost
		}
	}
}

// describe says what a status update says.
func describe(e TaskUpdated) string {
	text := "Mesos says TASK_" + string(e.State)
	if e.Reason != "" {
		text += ", " + e.Reason
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}
