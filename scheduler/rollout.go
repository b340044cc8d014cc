package scheduler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"
)

// A pool's definition has versions. An edit that changes what a node is launched with, or its size, makes a new one, and the
// pool's nodes follow in turn: by growing or shrinking in place where only the size differs, else by being replaced. All
// other edits hold at once and restart nothing.

// rolls reports whether nodes of older versions are to be brought up to date.
func (p *pool) rolls() bool {
	return !p.Rollout.Done && !p.Paused && p.Rollout.Stopped == "" && !p.Deleted
}

// normal is the pool with its free texts in the form in which they are saved, so that equal pools compare equal.
func (p Pool) normal() Pool {
	var compact bytes.Buffer
	if len(p.Kubelet) > 0 && json.Compact(&compact, p.Kubelet) == nil {
		p.Kubelet = compact.Bytes()
	}
	return p
}

// launchesAs reports whether a node of both would be launched in the same way, its size aside.
func (p Pool) launchesAs(other Pool) bool {
	return p.Overhead == other.Overhead && slices.Equal(p.Ports, other.Ports) && p.Role == other.Role && p.Reserve == other.Reserve &&
		bytes.Equal(p.Kubelet, other.Kubelet) && p.KubeletProgram == other.KubeletProgram && p.Health == other.Health && p.FenceAfter == other.FenceAfter &&
		p.Resources.GPUs == other.Resources.GPUs
}

// launchedAs reports whether the pool would launch the node in the same way today, its size aside.
func (n *node) launchedAs(p Pool) bool {
	e := &n.Executor
	return e.Overhead == p.Overhead && slices.Equal(e.Ports, p.Ports) && e.Role == p.Role && n.Reserved == p.Reserve &&
		bytes.Equal(e.Kubelet, p.Kubelet) && e.KubeletProgram == p.KubeletProgram && e.Health == p.Health && e.FenceAfter == p.FenceAfter && n.Slice().GPUs == p.Resources.GPUs
}

// outdated reports whether the node must be replaced to become what its pool's definition says.
func (n *node) outdated() bool {
	return n.resize.stuck || n.Version != n.pool.Rollout.Version && (n.Version < n.pool.Rollout.Restart || !n.launchedAs(n.pool.Pool))
}

// agree lets nodes that are what the definition says count as of its version, and ends a rolling change when all are, and
// are Ready.
func (c *Core) agree(now time.Time) {
	for _, name := range c.poolNames() {
		p := c.pools[name]
		if p.Rollout.Done || p.Deleted {
			continue
		}
		all := true
		for _, n := range slices.Clone(c.active()) {
			if n.pool != p || n.retired() || n.lease.lost {
				continue
			}
			sized := n.Slice() == p.Resources && !n.shrinks() && n.resize.pending == ""
			if n.Version != p.Rollout.Version && !n.outdated() && sized {
				n.Version = p.Rollout.Version
				c.changed(n)
			}
			all = all && sized && n.Version == p.Rollout.Version && n.Phase == Ready
		}
		t := c.census(p, now)
		if all && p.Rollout.Stopped == "" && t.retired == 0 && (p.Nodes == All || t.counted == int(p.Nodes)) {
			p.Rollout.Done, p.Rollout.Failures = true, 0
			c.dirtyPools[name] = true
			c.note(Note{Pool: name, Text: fmt.Sprintf("version %d is in place: %d nodes", p.Rollout.Version, t.counted)})
		}
	}
}

// retireOutdated replaces nodes that are not what their pool's definition says, within its limits; first those that serve
// nobody, then the oldest. The next one waits until enough are Ready again.
func (c *Core) retireOutdated(now time.Time) {
	for _, name := range c.poolNames() {
		p := c.pools[name]
		if !p.rolls() || c.census(p, now).outdated == 0 {
			continue
		}
		var outdated []*node
		for _, n := range c.active() {
			if n.pool == p && !n.retired() && n.outdated() {
				outdated = append(outdated, n)
			}
		}
		slices.SortStableFunc(outdated, func(a, b *node) int { return usefulness[a.Phase] - usefulness[b.Phase] })
		for _, n := range outdated {
			if c.mayTakeDown(now, n) {
				c.retire(now, n, CauseOutdated, fmt.Sprintf("outdated: the pool is at version %d, the node at %d", p.Rollout.Version, n.Version))
			}
		}
	}
}

// failed counts a failure of a node against its pool, and against the pool's version while that is being rolled out.
func (c *Core) failed(now time.Time, n *node, why string) {
	p := n.pool
	p.failures++
	p.launchAfter = now.Add(p.Backoff.after(p.failures))
	c.note(Note{
		Node: n.Name, Pool: n.Pool, Agent: n.Agent, Alarm: true,
		Text: fmt.Sprintf("%s on host %s: failure %d in a row of the pool; next launch not before %s", why, n.Host, p.failures, p.launchAfter.UTC().Format(time.RFC3339)),
	})
	r := &p.Rollout
	if r.Done || r.Previous == nil || n.Version != r.Version || r.Stopped != "" {
		return
	}
	r.Failures++
	c.dirtyPools[p.Name] = true
	if p.MaxFailures == 0 || r.Failures < p.MaxFailures {
		return
	}
	why = fmt.Sprintf("version %d failed on %d nodes, maxFailures is %d; last: %s", r.Version, r.Failures, p.MaxFailures, why)
	if r.Previous.launchesAs(p.Pool) && r.Previous.Resources == p.Resources {
		r.Stopped = why + "; nothing to roll back to, for the definition is the same"
		c.note(Note{Pool: p.Name, Alarm: true, Text: "the rolling change is stopped: " + r.Stopped})
		return
	}
	c.rollBack(p, why)
	c.note(Note{Pool: p.Name, Alarm: true, Text: fmt.Sprintf("rolled back to the definition of before, as version %d: %s", p.Rollout.Version, why)})
}

// rollBack makes the definition before this one hold again, except how many nodes there are.
func (c *Core) rollBack(p *pool, why string) {
	old := *p.Rollout.Previous
	old.Nodes, old.Paused = p.Nodes, p.Paused
	restart := p.Rollout.Restart
	if restart == p.Rollout.Version {
		restart = 0 // it was this version that was a restart
	}
	p.Rollout = Rollout{Version: p.Rollout.Version + 1, Restart: restart, RolledBack: why}
	c.redefine(p, old)
}

// define makes an operator's definition hold. It is a new version if nodes of it are launched in another way, or have
// another size.
func (c *Core) define(p *pool, definition Pool) {
	before := p.Pool
	if !before.launchesAs(definition) || before.Resources != definition.Resources {
		previous := p.Rollout.Previous
		if p.Rollout.Done || previous == nil {
			previous = &before // else: the last one that was in place
		}
		p.Rollout = Rollout{Version: p.Rollout.Version + 1, Restart: p.Rollout.Restart, Previous: previous}
	}
	c.redefine(p, definition)
}

func (c *Core) redefine(p *pool, definition Pool) {
	c.freed = c.freed || definition.Nodes == All || definition.Nodes > p.Nodes || !reflect.DeepEqual(definition.Constraints, p.Constraints)
	p.Pool = definition
	p.constraints, p.sizes = compile(definition.Constraints), definition.sizes()
	p.edits++
	p.guarded = false
	c.dirtyPools[p.Name] = true
	c.touchPool(p)
	for _, n := range c.order {
		if n.pool == p {
			n.resize.stuck, n.resize.since = false, time.Time{}
		}
	}
}

// marksOf are the marks that the Node objects of a pool carry.
func marksOf(p *pool) Marks {
	return Marks{Labels: p.Labels, Annotations: p.Annotations, Taints: p.Taints}
}

// markNodes brings labels, annotations and taints of the Node objects up to date: an edit of them restarts nothing, and a
// kubelet cannot register annotations.
func (c *Core) markNodes(now time.Time) {
	for _, n := range c.active() {
		if n.marked == n.pool.edits || n.retired() || n.Phase == Launching || !n.mark.due(now) || !c.registered(n) {
			continue
		}
		marks := marksOf(n.pool)
		if n.Marks.Equal(marks) {
			n.marked = n.pool.edits
			continue
		}
		n.mark.asked(now)
		c.operate(MarkKubeNode{
			Node: n.Name, Host: n.Host, ProviderID: n.Name.ProviderID(c.meta.FrameworkID), Before: n.Marks, Marks: marks,
			Why: "the pool's labels, annotations and taints",
		})
	}
}

// unmark notes that the Node object is gone: its kubelet makes it again with what it was launched with.
func (c *Core) unmark(n *node) {
	n.marked, n.mark = 0, retry{}
	if launched := (Marks{Labels: n.Executor.Labels, Taints: n.Executor.Taints}); !n.Marks.Equal(launched) {
		n.Marks = launched
		c.changed(n)
	}
	c.touch(n)
}

func (c *Core) nodeMarked(e KubeNodeMarked) {
	if n := c.nodes[e.Node]; n != nil {
		n.mark = retry{}
		n.Marks = Marks{Labels: maps.Clone(e.Marks.Labels), Annotations: maps.Clone(e.Marks.Annotations), Taints: slices.Clone(e.Marks.Taints)}
		c.changed(n)
	}
}
