package scheduler

import (
	"fmt"
	"reflect"
	"slices"
	"time"
)

// asked does what an operator asks for, or, in a dry run, says what would follow.
func (c *Core) asked(now time.Time, e Asked) {
	reply := Reply{Request: e.Request}
	if e.DryRun {
		reply.Lines, reply.Problem = c.foresee(now, e.Command)
	} else {
		before := len(c.plan.Notes)
		reply.Problem = c.obey(now, e.Command)
		for _, note := range c.plan.Notes[before:] {
			reply.Lines = append(reply.Lines, note.String())
		}
	}
	c.plan.Replies = append(c.plan.Replies, reply)
}

// obey changes what is wanted; the rules do the rest. It returns why it does not.
func (c *Core) obey(now time.Time, command Command) (problem string) {
	if c.meta.Teardown != "" {
		return "the framework is being torn down: nothing else can be asked for"
	}
	switch command := command.(type) {
	case Scale:
		return c.ofPool(command.Pool, func(p *pool) string { return c.scale(p, command.Nodes) })
	case Apply:
		return c.apply(command)
	case RemovePool:
		return c.remove(now, command.Pool)
	case Pause:
		return c.ofPool(command.Pool, func(p *pool) string { return c.pause(p, true) })
	case Resume:
		return c.ofPool(command.Pool, func(p *pool) string { return c.pause(p, false) })
	case RollBack:
		return c.ofPool(command.Pool, func(p *pool) string {
			if p.Rollout.Previous == nil {
				return fmt.Sprintf("pool %s has no definition to go back to", p.Name)
			}
			c.rollBack(p, "")
			c.note(Note{Pool: p.Name, Text: fmt.Sprintf("an operator rolls the pool back to the definition of before, as version %d", p.Rollout.Version)})
			return ""
		})
	case RestartPool:
		return c.ofPool(command.Pool, func(p *pool) string {
			before := p.Pool
			p.Rollout = Rollout{Version: p.Rollout.Version + 1, Restart: p.Rollout.Version + 1, Previous: &before}
			c.redefine(p, p.Pool)
			c.note(Note{Pool: p.Name, Text: fmt.Sprintf("an operator restarts the pool: %d nodes are replaced in turn, as version %d", c.census(p, now).counted, p.Rollout.Version)})
			return ""
		})
	case RestartNode:
		return c.ofNode(command.Node, func(n *node) string {
			if n.retired() {
				return fmt.Sprintf("node %s is %s already: %s", n.Name, n.Phase, n.Why)
			}
			c.retire(now, n, CauseOperator, "an operator's command")
			return ""
		})
	case CallOff:
		return c.ofNode(command.Node, func(n *node) string { return c.callOffAsked(now, n) })
	case EndAll:
		c.meta.Teardown = TearingDown
		c.dirtyMeta = true
		for _, p := range c.pools {
			c.touchPool(p)
		}
		c.note(Note{Alarm: true, Text: fmt.Sprintf("an operator tears the framework down: %d nodes are drained", len(c.order))})
		return ""
	default:
		panic(fmt.Sprintf("unknown command %T", command))
	}
}

// ofPool finds the pool of a command, and saves it if the command was obeyed.
func (c *Core) ofPool(name PoolName, do func(*pool) string) (problem string) {
	p := c.pools[name]
	switch {
	case p == nil:
		return fmt.Sprintf("pool is %q, want one of %v", name, c.poolNames())
	case p.Deleted:
		return fmt.Sprintf("pool %s is being deleted", name)
	}
	if problem = do(p); problem == "" {
		c.dirtyPools[name] = true
		c.touchPool(p)
	}
	return problem
}

func (c *Core) ofNode(name NodeName, do func(*node) string) (problem string) {
	n := c.nodes[name]
	if n == nil {
		return fmt.Sprintf("node is %q, want the name of a node that status shows", name)
	}
	return do(n)
}

// remove deletes a pool; a second time also if reservations for it may be left somewhere.
func (c *Core) remove(now time.Time, name PoolName) (problem string) {
	p := c.pools[name]
	if p == nil || !p.Deleted {
		return c.ofPool(name, func(p *pool) string {
			p.Deleted = true
			c.note(Note{Pool: p.Name, Text: fmt.Sprintf("an operator deletes the pool: its %d nodes are drained", c.census(p, now).nodes)})
			return ""
		})
	}
	if nodes := c.census(p, now).nodes; nodes > 0 {
		return fmt.Sprintf("pool %s is being deleted: %d nodes are left", name, nodes)
	}
	hosts := make([]Hostname, len(p.Returns))
	for i, r := range p.Returns {
		hosts[i] = r.Host
	}
	p.Returns, p.returns = nil, map[Return]*returning{}
	c.note(Note{Pool: name, Alarm: true, Text: fmt.Sprintf("an operator deletes the pool a second time: reservations for it that are left on %s "+
		"are to be given back by hand (UNRESERVE_RESOURCES)", nameSome(hosts))})
	return ""
}

func (c *Core) scale(p *pool, nodes Count) (problem string) {
	if nodes < 0 && nodes != All {
		return fmt.Sprintf("nodes is %d, want 0 or more, or all", int(nodes))
	}
	definition := p.Pool
	definition.Nodes = nodes
	if problem := c.together([]Pool{definition}); problem != "" {
		return problem
	}
	c.note(Note{Pool: p.Name, Text: fmt.Sprintf("an operator scales the pool from %s to %s nodes", p.Nodes, nodes)})
	c.define(p, definition)
	return ""
}

// together checks definitions beside the pools that stay.
func (c *Core) together(definitions []Pool) (problem string) {
	all := slices.Clone(definitions)
	for _, name := range c.poolNames() {
		p := c.pools[name]
		if !p.Deleted && !slices.ContainsFunc(definitions, func(d Pool) bool { return d.Name == name }) {
			all = append(all, p.Pool)
		}
	}
	if err := ValidatePools(all); err != nil {
		return err.Error()
	}
	return ""
}

// apply makes definitions hold, all or none.
func (c *Core) apply(command Apply) (problem string) {
	definitions := make([]Pool, len(command.Pools))
	for i, definition := range command.Pools {
		definitions[i] = definition.normal()
		p := c.pools[definition.Name]
		switch {
		case p == nil:
		case p.Deleted:
			return fmt.Sprintf("pool %s is being deleted: apply it again when it is gone", p.Name)
		case slices.Contains(command.KeepNodes, p.Name):
			definitions[i].Nodes = p.Nodes
		}
	}
	if problem := c.together(definitions); problem != "" {
		return problem
	}
	for _, definition := range definitions {
		p := c.pools[definition.Name]
		if p == nil {
			p = newPool(NewPoolRecord(definition))
			c.pools[definition.Name] = p
			c.dirtyPools[definition.Name] = true
			c.freed, c.counted = true, false
			c.note(Note{Pool: p.Name, Text: fmt.Sprintf("an operator makes the pool: %s nodes of %s", p.Nodes, p.Resources)})
			continue
		}
		if reflect.DeepEqual(p.Pool, definition) {
			c.note(Note{Pool: p.Name, Text: "stays as it is"})
			continue
		}
		before := p.Rollout.Version
		c.define(p, definition)
		if p.Rollout.Version == before {
			c.note(Note{Pool: p.Name, Text: "an operator edits the pool; no node is restarted"})
		} else {
			c.note(Note{Pool: p.Name, Text: fmt.Sprintf("an operator edits the pool: version %d is rolled out", p.Rollout.Version)})
		}
	}
	return ""
}

func (c *Core) pause(p *pool, paused bool) (problem string) {
	switch {
	case paused && p.Paused:
		return fmt.Sprintf("pool %s is paused already", p.Name)
	case !paused && !p.Paused && p.Rollout.Stopped == "":
		return fmt.Sprintf("pool %s is neither paused nor stopped", p.Name)
	}
	p.Paused = paused
	if paused {
		c.note(Note{Pool: p.Name, Text: "an operator pauses the pool's rolling changes"})
		return ""
	}
	p.Rollout.Stopped, p.Rollout.Failures = "", 0
	c.note(Note{Pool: p.Name, Text: "an operator resumes the pool's rolling changes"})
	return ""
}

// callOffAsked calls a planned drain off, unless a rule would plan it again at once.
func (c *Core) callOffAsked(now time.Time, n *node) (problem string) {
	p := n.pool
	refuse := func(why string) string { return fmt.Sprintf("node %s: %s", n.Name, why) }
	switch {
	case n.Phase == Stopping || n.Phase == Gone:
		return refuse(fmt.Sprintf("it is %s: there is no way back", n.Phase))
	case n.Phase != Draining:
		return refuse(fmt.Sprintf("it is %s, want one that is Draining", n.Phase))
	case n.leaving != "" || n.Cause == CauseLeaving:
		return refuse("Mesos ends it: " + n.Why)
	case n.drained:
		return refuse("it is drained and about to stop")
	case n.Cause == CauseSurplus && (p.Deleted || p.Nodes != All && c.missing(p, now) == 0):
		return refuse(fmt.Sprintf("the pool wants %s nodes only: scale it up instead", p.Nodes))
	case n.Cause == CauseOutdated && p.rolls() && n.outdated():
		return refuse("the pool would replace it again: pause the pool first")
	case n.Cause == CauseMaintenance && c.isPolite(now, n):
		return refuse("maintenance of its agent is planned: change the schedule in Mesos")
	case n.Cause == CauseUnready && !(c.kube[n.Host].Ready && c.registered(n)):
		return refuse("Kubernetes still says that it is not Ready")
	}
	c.callOff(now, n, "an operator's command")
	return ""
}
