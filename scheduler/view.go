package scheduler

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// View is what an operator can see of the core: a copy, safe to hand on.
type View struct {
	FrameworkID FrameworkID `json:"frameworkID"`
	// Master is the Mesos master that we are subscribed to; empty: to none.
	Master string `json:"master"`
	// KubernetesSeen: the Kubernetes API server has listed its nodes since the start.
	KubernetesSeen bool       `json:"kubernetesSeen"`
	Pools          []PoolView `json:"pools"`
	Nodes          []NodeView `json:"nodes"`
	// Orphans are tasks of ours that no record knows.
	Orphans []TaskID `json:"orphans"`
	// Maintenance lists the agents whose maintenance is planned, as far as Mesos has told.
	Maintenance []MaintenanceView `json:"maintenance"`
	// Teardown is how far the operator's command to end everything has come; empty: there was none.
	Teardown Teardown `json:"teardown,omitempty"`
}

// MaintenanceView is a planned maintenance of an agent.
type MaintenanceView struct {
	Agent AgentID `json:"agent"`
	// Host is the node's that is there; empty: there is none.
	Host Hostname  `json:"host,omitempty"`
	From time.Time `json:"from"`
	// Until is its end, if it is known.
	Until time.Time `json:"until,omitzero"`
}

// PoolView is a pool, how its nodes stand, and why agents were not used.
type PoolView struct {
	PoolRecord
	Phases map[Phase]int `json:"phases"`
	// Missing is how many nodes are to be launched; of a pool of all agents 0, since nobody knows.
	Missing int `json:"missing"`
	// Outdated is how many nodes are of another version than the pool, and Drifted how many have a Drift.
	Outdated int           `json:"outdated"`
	Drifted  int           `json:"drifted"`
	Refusals []RefusalView `json:"refusals"`
	Backoff  *time.Time    `json:"launchAfter,omitempty"`
}

// RefusalView is the last reason for which an agent was not used.
type RefusalView struct {
	Agent AgentID   `json:"agent"`
	Host  Hostname  `json:"host"`
	At    time.Time `json:"at"`
	Why   string    `json:"why"`
}

// NodeView is a node's record and what is known beyond it.
type NodeView struct {
	Node
	Health Health `json:"health"`
	// Lost: neither Mesos nor Kubernetes hears of it; it does not count any more.
	Lost bool `json:"lost,omitempty"`
	// AllocatableCPU counts thousandths of a CPU, AllocatableMem bytes; both 0 while Kubernetes has no such Node.
	AllocatableCPU int64 `json:"allocatableCPU"`
	AllocatableMem int64 `json:"allocatableMem"`
	// Drift says how Allocatable differs from what was granted; empty: it does not, or it is not known.
	Drift    string `json:"drift,omitempty"`
	PodsLeft int    `json:"podsLeft,omitempty"`
	// Waits is what its executor waits for while the node shrinks; empty: it does not.
	Waits   string   `json:"waits,omitempty"`
	Blocked []string `json:"blocked,omitempty"`
}

// View copies what an operator can see. It costs time and memory in proportion to nodes and refusals.
func (c *Core) View(now time.Time) View {
	v := c.Overview(now)
	refusals := c.viewRefusals(now)
	for i := range v.Pools {
		if list := refusals[v.Pools[i].Name]; list != nil {
			v.Pools[i].Refusals = list
		}
	}
	v.Nodes = make([]NodeView, 0, len(c.order))
	for _, n := range c.order {
		v.Nodes = append(v.Nodes, c.nodeView(n))
	}
	return v
}

// Overview is a View without nodes and refusals. Nodes are only counted.
func (c *Core) Overview(now time.Time) View {
	v := View{
		FrameworkID: c.meta.FrameworkID, KubernetesSeen: c.kubeSynced,
		Pools: []PoolView{}, Nodes: []NodeView{}, Orphans: slices.Sorted(maps.Keys(c.orphans)),
		Maintenance: []MaintenanceView{}, Teardown: c.meta.Teardown,
	}
	if c.connected {
		v.Master = c.master
	}
	for _, name := range c.poolNames() {
		p, missing := c.pools[name], 0
		if p.Nodes != All {
			missing = c.missing(p, now)
		}
		v.Pools = append(v.Pools, c.poolView(p, now, missing))
	}
	for _, agent := range sortedKeys(c.maintenance) {
		w := c.maintenance[agent]
		planned := MaintenanceView{Agent: agent, From: w.from, Until: w.to}
		if n := c.agents[agent]; n != nil {
			planned.Host = n.Host
		}
		v.Maintenance = append(v.Maintenance, planned)
	}
	return v
}

func (c *Core) poolView(p *pool, now time.Time, missing int) PoolView {
	view := PoolView{PoolRecord: p.PoolRecord, Phases: map[Phase]int{}, Missing: missing, Refusals: []RefusalView{}}
	for _, n := range c.order {
		if n.Pool == p.Name {
			view.Phases[n.Phase]++
			if n.Version != p.Rollout.Version && !n.retired() {
				view.Outdated++
			}
			if c.registered(n) && drift(n.Slice(), c.kube[n.Host]) != "" {
				view.Drifted++
			}
		}
	}
	if now.Before(p.launchAfter) {
		until := p.launchAfter
		view.Backoff = &until
	}
	return view
}

// viewRefusals lists the reasons by pool, in the order of the agents.
func (c *Core) viewRefusals(now time.Time) map[PoolName][]RefusalView {
	lists := map[PoolName][]RefusalView{}
	for at, last := range c.refusals {
		for _, r := range last.by {
			if c.pools[r.pool.Name] != r.pool || r.pool.Role != at.role || r.pool.Nodes != All && c.missing(r.pool, now) == 0 {
				continue // it misses none any more, or not of this role
			}
			lists[r.pool.Name] = append(lists[r.pool.Name], RefusalView{at.agent, last.host, last.at, r.why.String()})
		}
	}
	for _, list := range lists {
		slices.SortFunc(list, func(a, b RefusalView) int { return cmp.Compare(a.Agent, b.Agent) })
	}
	return lists
}

func (c *Core) nodeView(n *node) NodeView {
	view := NodeView{Node: n.Node, Health: n.health, Lost: n.lease.lost, Waits: n.resize.waits}
	if n.Phase == Draining {
		view.PodsLeft, view.Blocked = n.progress.PodsLeft, slices.Clone(n.progress.Blocked)
	}
	if !c.registered(n) {
		return view
	}
	seen := c.kube[n.Host]
	view.AllocatableCPU, view.AllocatableMem = seen.AllocatableCPU, seen.AllocatableMem
	view.Drift = drift(n.Slice(), seen)
	return view
}
