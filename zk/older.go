package zk

import (
	"fmt"
	"time"

	"k8s-framework/scheduler"
)

// Records of version 1 are still read; they are written anew, in the present form, when they change. What they do not say is
// what that version did: the defaults of a pool, and of a node that nothing is known of its executor beyond these fields. Such
// an executor cannot get a second task, since Mesos compares executors.

// poolOfVersion1 is a pool's record of version 1.
type poolOfVersion1 struct {
	Name             scheduler.PoolName    `json:"name"`
	Nodes            scheduler.Count       `json:"nodes"`
	Resources        scheduler.Resources   `json:"resources"`
	Overhead         scheduler.Resources   `json:"overhead"`
	Role             scheduler.Role        `json:"role"`
	Labels           map[string]string     `json:"labels,omitempty"`
	Taints           []string              `json:"taints,omitempty"`
	Drain            scheduler.DrainPolicy `json:"drain"`
	MaxUnavailable   int                   `json:"maxUnavailable"`
	LaunchTimeout    scheduler.Duration    `json:"launchTimeout"`
	ReadyTimeout     scheduler.Duration    `json:"readyTimeout"`
	UnreachableAfter scheduler.Duration    `json:"unreachableAfter"`
	Backoff          scheduler.Backoff     `json:"backoff"`
}

func (old poolOfVersion1) pool() scheduler.PoolRecord {
	pool := scheduler.DefaultPool()
	pool.Name, pool.Nodes = old.Name, old.Nodes
	pool.Resources, pool.Overhead, pool.Role = old.Resources, old.Overhead, old.Role
	pool.Labels, pool.Taints = old.Labels, old.Taints
	pool.Drain, pool.MaxUnavailable, pool.Backoff = old.Drain, old.MaxUnavailable, old.Backoff
	pool.LaunchTimeout, pool.ReadyTimeout = old.LaunchTimeout, old.ReadyTimeout
	pool.Unreachable.After = old.UnreachableAfter
	return scheduler.NewPoolRecord(pool)
}

// nodeOfVersion1 is a node's record of version 1.
type nodeOfVersion1 struct {
	Name     scheduler.NodeName    `json:"name"`
	Pool     scheduler.PoolName    `json:"pool"`
	Agent    scheduler.AgentID     `json:"agent"`
	Host     scheduler.Hostname    `json:"host"`
	Tasks    []scheduler.Task      `json:"tasks"`
	Overhead scheduler.Resources   `json:"overhead"`
	Role     scheduler.Role        `json:"role"`
	Drain    scheduler.DrainPolicy `json:"drain"`
	Launched time.Time             `json:"launched"`
	Phase    scheduler.Phase       `json:"phase"`
	Since    time.Time             `json:"since"`
	Why      string                `json:"why"`
	DrainBy  time.Time             `json:"drainBy,omitzero"`
}

func (old nodeOfVersion1) node() scheduler.Node {
	node := scheduler.Node{
		Name: old.Name, Pool: old.Pool, Agent: old.Agent, Host: old.Host, Tasks: old.Tasks,
		// A pool's definition could not change, nor a node's size: what was launched agrees with the first version, and is
		// the first task.
		Version: 1, LastTask: 1,
		Executor: scheduler.Executor{Overhead: old.Overhead, Role: old.Role, Drain: old.Drain},
		Launched: old.Launched, Phase: old.Phase, Since: old.Since, Why: old.Why, DrainBy: old.DrainBy,
	}
	if !old.DrainBy.IsZero() {
		node.Drain = old.Drain
	}
	return node
}

// otherVersion is the error for a record that another version of this program wrote.
type otherVersion struct{ version int }

// Error implements error.
func (e *otherVersion) Error() string {
	return fmt.Sprintf("version is %d, want %d: another version of this program wrote it", e.version, recordVersion)
}
