package scheduler

import (
	"fmt"
	"slices"
	"time"
)

// A node grows by one more task on its running executor, and shrinks by the end of one of its tasks: its executor restarts
// the kubelet with the new sum, and makes room first where it gets smaller. Only where that cannot be done is the node
// replaced.

// growPatience is how long a node that is to grow waits for an offer of its agent that has room; then it is replaced.
const growPatience = 2 * time.Minute

// resizing is how far the change of a node's size has come.
type resizing struct {
	// since is when the node began to wait for room; zero: it does not.
	since time.Time
	// last says what the last offer of its agent was short of.
	last string
	// stuck: its agent had no room in time.
	stuck bool
	// pending is the task that was launched to grow and has not been heard of; empty: there is none.
	pending TaskID
	// waits is what its executor waits for while it makes room.
	waits string
	// kill spaces the kills of the tasks that end.
	kill retry
}

// shrinks reports whether a task of the node is ending although the node stays.
func (n Node) shrinks() bool {
	return slices.ContainsFunc(n.Tasks, func(t Task) bool { return t.Ending })
}

// kept are the tasks that stay when the node gets the given size, oldest first, and what is missing then.
func (n Node) kept(size Resources) (tasks []Task, short Resources) {
	short = size
	for _, t := range n.Tasks {
		if !t.Ending && t.Resources.Within(short) {
			tasks = append(tasks, t)
			short = short.Minus(t.Resources)
		}
	}
	return tasks, short
}

// resizes reports whether the node is to be brought to its pool's size in place.
func (n *node) resizes() bool {
	if !n.pool.rolls() || (n.Phase != Ready && n.Phase != NotReady) {
		return false
	}
	return n.leaving == "" && !n.executorOver && n.Slice() != n.pool.Resources && !n.outdated()
}

// resizeNodes ends tasks of nodes that are to shrink, in turn, and notices those that wait too long to grow.
func (c *Core) resizeNodes(now time.Time) {
	for _, n := range slices.Clone(c.active()) {
		if n.pool.Rollout.Done && len(n.Tasks) == 1 {
			continue
		}
		if n.resizes() && n.resize.pending == "" && !n.shrinks() {
			c.resizeNode(now, n)
		}
		if n.shrinks() && n.Phase != Stopping && n.Phase != Gone && c.connected && n.resize.kill.due(now) {
			grace := time.Duration(n.pool.Drain.Deadline)
			n.resize.kill.tried(now.Add(grace))
			for _, t := range n.Tasks {
				if t.Ending {
					c.call(Kill{Task: t.ID, Agent: n.Agent, Grace: grace, Why: fmt.Sprintf("the node shrinks to %s", n.pool.Resources)})
				}
			}
		}
	}
}

func (c *Core) resizeNode(now time.Time, n *node) {
	kept, short := n.kept(n.pool.Resources)
	switch {
	case !short.IsZero():
		if n.resize.since.IsZero() {
			n.resize.since = now
			c.freed = true
			c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Text: fmt.Sprintf("waits for an offer of its agent with %s, to become %s", short, n.pool.Resources)})
		}
		if c.connected && !now.Before(n.resize.since.Add(growPatience)) {
			n.resize.stuck = true
			c.counted = false
			c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Text: fmt.Sprintf("its agent has offered no room for %s within %s%s: the node is replaced instead", short, growPatience, because(n.resize.last))})
		}
	case len(kept) < len(n.Tasks) && c.mayResize(now, n):
		for i := range n.Tasks {
			n.Tasks[i].Ending = !slices.ContainsFunc(kept, func(t Task) bool { return t.ID == n.Tasks[i].ID })
		}
		n.resize.kill = retry{}
		c.changed(n)
		c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Text: fmt.Sprintf("shrinks from %s to %s; its executor makes room first", n.Slice(), n.pool.Resources)})
	}
}

// mayResize reports whether another node of the pool may change its size now: as many at a time as may be replaced.
func (c *Core) mayResize(now time.Time, n *node) bool {
	under := 0
	for _, other := range c.active() {
		if other.pool == n.pool && other != n && (other.resize.pending != "" || other.shrinks()) {
			under++
		}
	}
	return under+c.census(n.pool, now).retired < n.pool.MaxUnavailable+n.pool.MaxSurge
}

// growth is what the node lacks of its pool's size, if it may take it now.
func (c *Core) growth(now time.Time, n *node) (Resources, bool) {
	if !n.resizes() || n.resize.pending != "" || n.shrinks() {
		return Resources{}, false
	}
	_, short := n.kept(n.pool.Resources)
	return short, !short.IsZero() && c.mayResize(now, n)
}

// grow launches one more task on the node's executor, if the supply has room for it.
func (c *Core) grow(now time.Time, s *supply) bool {
	n := c.hosts[s.host]
	if n == nil || n.Agent != s.agent || n.Executor.Role != s.role {
		return false
	}
	short, wants := c.growth(now, n)
	if !wants {
		return false
	}
	cut := s.cutter(n.pool, c.meta.FrameworkID)
	taken, why := cut.take(short)
	if why != "" {
		n.resize.last = why
		return false
	}
	task := Task{ID: n.nextTask(), Resources: short}
	n.Tasks = append(n.Tasks, task)
	n.resize = resizing{pending: task.ID}
	n.ask = now.Add(time.Duration(n.pool.LaunchTimeout))
	c.changed(n)
	c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Text: fmt.Sprintf("grows by %s in place, to become %s", short, n.pool.Resources)})
	reserve, taken := c.reserve(n, taken)
	c.accept(now, s, Accept{
		Reserve:  reserve,
		Launches: []Launch{{Node: n.Node, Task: task.ID, ProviderID: n.Name.ProviderID(c.meta.FrameworkID), TaskResources: taken}},
		Refuse:   c.config.RefuseIdle,
		Why:      fmt.Sprintf("node %s grows", n.Name),
	}, cut)
	return true
}

// nextTask is a task ID that the node has never used.
func (n *node) nextTask() TaskID {
	n.LastTask++
	return n.Name.Task(n.LastTask)
}

// taskOver takes a task that is over off a node that has others.
func (c *Core) taskOver(now time.Time, n *node, at int, e TaskUpdated) {
	task := n.Tasks[at]
	n.Tasks = slices.Delete(n.Tasks, at, at+1)
	c.changed(n)
	c.counted = false
	note := Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Task: e.Task, Text: fmt.Sprintf("%s; the node has %s now", describe(e), n.Slice())}
	n.resize.waits = ""
	n.executorOver = n.executorOver || e.Reason == "REASON_EXECUTOR_TERMINATED"
	if n.resize.pending == e.Task {
		// Mesos refuses a task whose executor is not the running one, byte by byte, and would refuse the next.
		n.resize = resizing{since: now, stuck: e.State == TaskError}
	}
	if !task.Ending && !n.retired() && n.leaving == "" {
		note.Alarm = !blameless(e)
		n.pool.Rollout.Done = false // the node is not as its pool says any more
		c.dirtyPools[n.Pool] = true
	}
	c.note(note)
	if n.Reserved && !n.retired() {
		c.awaitReturn(n.pool, Return{n.Host, n.Executor.Role})
	}
}

// because adds a reason to a sentence, if there is one.
func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}
