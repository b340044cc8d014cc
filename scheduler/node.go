package scheduler

import (
	"fmt"
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
	Draining:    {Stopping, Gone},
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
	// Tasks are the node's tasks on its executor; what pods get is their sum.
	Tasks []Task `json:"tasks"`
	// Overhead is the executor's own share. With the tasks it must stay as launched: Mesos compares executors.
	Overhead Resources   `json:"overhead"`
	Role     Role        `json:"role"`
	Drain    DrainPolicy `json:"drain"`

	Launched time.Time `json:"launched"`
	Phase    Phase     `json:"phase"`
	// Since is when the phase began, and Why is its reason.
	Since time.Time `json:"since"`
	Why   string    `json:"why"`
	// DrainBy is the end of the drain's deadline; set once, when the node is retired, so that a failover does not renew it.
	DrainBy time.Time `json:"drainBy,omitzero"`
}

// Task is one task of a node.
type Task struct {
	ID        TaskID    `json:"id"`
	Resources Resources `json:"resources"`
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
}

// State is everything that is saved.
type State struct {
	Meta  Meta
	Pools []Pool
	Nodes []Node
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
