package scheduler

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Phase is where a node is in its single life.
type Phase string

// The phases, in the order of a life. What each waits for, and what happens at its deadline, stands in the table below
// and in docs/architecture.md.
const (
	// Launching: saved and asked for; no word from Mesos yet. At the deadline Mesos is asked, and never launched again.
	Launching Phase = "Launching"
	// NotReady: the task runs, but Kubernetes does not say that the node is Ready (not yet, or no longer).
	NotReady Phase = "NotReady"
	// Ready: Kubernetes says Ready.
	Ready Phase = "Ready"
	// Unreachable: Mesos lost the agent. The processes may still run; the task may come back.
	Unreachable Phase = "Unreachable"
	// Draining: cordoned, pods are leaving.
	Draining Phase = "Draining"
	// Stopping: the kill was sent; a terminal status ends it. There is no way back.
	Stopping Phase = "Stopping"
	// Gone: the task is over; the Kubernetes Node and the record are being deleted.
	Gone Phase = "Gone"
)

// transitions is the table of legal moves. Moving against it is a bug of this package and panics.
var transitions = map[Phase][]Phase{
	Launching:   {NotReady, Unreachable, Draining, Stopping, Gone},
	NotReady:    {Ready, Unreachable, Draining, Gone},
	Ready:       {NotReady, Unreachable, Draining, Gone},
	Unreachable: {NotReady, Draining, Gone},
	Draining:    {Stopping, NotReady, Gone}, // back to NotReady: a planned drain is called off
	Stopping:    {Gone},
	Gone:        {},
}

// Node is one kubelet: one executor on one agent. It is the record that is saved: only what Mesos and Kubernetes cannot
// tell again.
type Node struct {
	Name  NodeName `json:"name"`
	Pool  PoolName `json:"pool"`
	Agent AgentID  `json:"agent"`
	Host  Hostname `json:"host"`
	// Address is the agent's IP address at the launch: the node's certificates are for it and no other. Empty: not known.
	Address string `json:"address,omitempty"`
	// Version is the pool's version that the node agrees with.
	Version int64 `json:"version,omitempty"`
	// Tasks are the node's tasks on its executor; what pods get is their sum.
	Tasks []Task `json:"tasks"`
	// LastTask is the highest number ever given to a task of the node.
	LastTask int `json:"lastTask,omitempty"`
	// Executor is what the node's executor was made of; it must stay as launched, since Mesos compares executors.
	Executor Executor `json:"executor"`
	// Place is where the agent is and what it is like, which constraints count.
	Place Place `json:"place,omitzero"`
	// Marks are what the Node object carries by our doing.
	Marks Marks `json:"marks,omitzero"`

	Launched time.Time `json:"launched"`
	Phase    Phase     `json:"phase"`
	// Since is when the phase began, and Why is its reason.
	Since time.Time `json:"since"`
	Why   string    `json:"why"`

	// Cause says why the node was retired. Drain is the pool's policy at that time, and DrainBy the end of its deadline;
	// both are set once, so that a failover does not renew them.
	Cause   Cause       `json:"cause,omitempty"`
	Drain   DrainPolicy `json:"drain,omitzero"`
	DrainBy time.Time   `json:"drainBy,omitzero"`
	// Uncordon: the drain was called off, and the cordon is still to be taken away.
	Uncordon bool `json:"uncordon,omitempty"`
	// Reserved: resources were reserved dynamically for the node.
	Reserved bool `json:"reserved,omitempty"`
	// HostGone: Mesos or an operator says that the agent is gone for good, so that nothing of the node runs any more.
	HostGone bool `json:"hostGone,omitempty"`
}

// Executor is all that a node's executor is made of, beside the node's names: the same for every task on it.
type Executor struct {
	Overhead Resources `json:"overhead"`
	Ports    Ranges    `json:"ports,omitempty"`
	Role     Role      `json:"role"`
	// Resources are the overhead and the ports, entry by entry as they were taken from the offers.
	Resources []Resource        `json:"resources,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	Taints    []string          `json:"taints,omitempty"`
	Kubelet   json.RawMessage   `json:"kubelet,omitempty"`
	// KubeletProgram is the pool's own; empty: Setup says which.
	KubeletProgram string       `json:"kubeletProgram,omitempty"`
	Drain          DrainPolicy  `json:"drain"`
	Health         HealthPolicy `json:"health"`
	FenceAfter     Duration     `json:"fenceAfter,omitempty"`
	// Setup is what the framework's own options add to every executor, as text that the core does not read.
	Setup json.RawMessage `json:"setup,omitempty"`
}

// Place is what constraints look at.
type Place struct {
	Attributes []Attribute `json:"attributes,omitempty"`
	Region     string      `json:"region,omitempty"`
	Zone       string      `json:"zone,omitempty"`
}

// Marks are labels, annotations and taints of a Node object that come from its pool.
type Marks struct {
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Taints      []string          `json:"taints,omitempty"`
}

// Equal reports whether both are the same.
func (m Marks) Equal(other Marks) bool {
	return maps.Equal(m.Labels, other.Labels) && maps.Equal(m.Annotations, other.Annotations) && slices.Equal(m.Taints, other.Taints)
}

// Cause is why a node was retired. It decides what bounds the retirement, and whether it can be called off.
type Cause string

// The causes of a retirement.
const (
	CauseSurplus     Cause = "surplus"     // the pool wants fewer nodes
	CauseOutdated    Cause = "outdated"    // a rolling change
	CauseUnready     Cause = "unready"     // NotReady too long
	CauseMaintenance Cause = "maintenance" // the agent's maintenance is planned
	CauseOperator    Cause = "operator"    // an operator's command
	CauseLeaving     Cause = "leaving"     // Mesos ends it, whatever we think
	CauseTeardown    Cause = "teardown"    // everything ends
)

// Task is one task of a node.
type Task struct {
	ID        TaskID    `json:"id"`
	Resources Resources `json:"resources"`
	// Ending: the task is being killed so that the node shrinks; its resources count until Mesos says that it is over.
	Ending bool `json:"ending,omitempty"`
}

// Slice is what pods get on the node.
func (n Node) Slice() Resources {
	var sum Resources
	for _, task := range n.Tasks {
		sum = sum.Plus(task.Resources)
	}
	return sum
}

// live reports whether the node's processes may still run.
func (n Node) live() bool { return n.Phase != Gone }

// retired reports whether the node is on its way out by our own decision, or over.
func (n Node) retired() bool { return n.Phase == Draining || n.Phase == Stopping || n.Phase == Gone }

// Meta is what is saved beside pools and nodes.
type Meta struct {
	// FrameworkID is empty until the first subscription.
	FrameworkID FrameworkID `json:"frameworkID"`
	// Counter is the highest number ever given to a node.
	Counter int64 `json:"counter"`
	// Teardown is how far the operator's command to end everything has come; empty: there was none.
	Teardown Teardown `json:"teardown,omitempty"`
}

// Teardown is a stage of the end of everything.
type Teardown string

// The stages of the end of everything.
const (
	TearingDown Teardown = "draining" // nodes are drained, reservations given back
	TornDown    Teardown = "done"     // the framework is gone from Mesos; nothing is started any more
)

// State is everything that is saved.
type State struct {
	Meta  Meta
	Pools []PoolRecord
	Nodes []Node
}

// PoolRecord is a pool as it is saved: what the operator wants, and how far its rolling change is.
type PoolRecord struct {
	Pool
	Rollout Rollout `json:"rollout,omitzero"`
	// Returns are reservations for the pool that nobody owns any more and that were not given back yet.
	Returns []Return `json:"returns,omitempty"`
	// Deleted: the record goes when the pool's last node and its last reservation are gone.
	Deleted bool `json:"deleted,omitempty"`
}

// Return names a host and the role that something is reserved for there.
type Return struct {
	Host Hostname `json:"host"`
	Role Role     `json:"role"`
}

// Rollout is how far the pool's nodes follow its definition.
type Rollout struct {
	// Version numbers the definitions of the pool, from 1.
	Version int64 `json:"version,omitempty"`
	// Restart is the version below which nodes are replaced even if nothing of their launch would change.
	Restart int64 `json:"restart,omitempty"`
	// Done: all nodes agreed with Version and were Ready.
	Done bool `json:"done,omitempty"`
	// Failures counts nodes of Version that failed before it was Done.
	Failures int `json:"failures,omitempty"`
	// Stopped says why the change goes no further; empty: it does.
	Stopped string `json:"stopped,omitempty"`
	// RolledBack says why the definition that this one replaced was given up; empty: an operator replaced it.
	RolledBack string `json:"rolledBack,omitempty"`
	// Previous is the definition before this one, to roll back to.
	Previous *Pool `json:"previous,omitempty"`
}

// Validate checks a record that was read back; the error says which field is wrong. It guards against a record of
// another version or one that was changed by hand: nothing is guessed from it.
func (n Node) Validate() error {
	if _, ok := n.Name.Number(); !ok {
		return fmt.Errorf("name is %q, want a pool's name, a dash and a number", n.Name)
	}
	if n.Pool == "" || n.Agent == "" || n.Host == "" {
		return fmt.Errorf("pool is %q, agent is %q, host is %q, want all three", n.Pool, n.Agent, n.Host)
	}
	if _, known := transitions[n.Phase]; !known {
		return fmt.Errorf("phase is %q, want one of Launching, NotReady, Ready, Unreachable, Draining, Stopping, Gone", n.Phase)
	}
	if n.Launched.IsZero() || n.Since.IsZero() {
		return fmt.Errorf("launched is %v, since is %v, want both", n.Launched, n.Since)
	}
	if len(n.Tasks) == 0 && n.live() {
		return fmt.Errorf("tasks are none in phase %s, want one or more", n.Phase)
	}
	for _, task := range n.Tasks {
		if owner, ok := task.ID.Node(); !ok || owner != n.Name {
			return fmt.Errorf("task id is %q, want the node's name, a dot and a number", task.ID)
		}
	}
	return nil
}
