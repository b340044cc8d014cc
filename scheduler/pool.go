package scheduler

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Pool is what the operator wants: a number of like nodes, or one on every agent that matches.
type Pool struct {
	Name  PoolName `json:"name"`
	Nodes Count    `json:"nodes"`
	// Resources is what pods get on each node: the node's Allocatable equals it.
	Resources Resources `json:"resources"`
	// Overhead is what the executor and the kubelet themselves run on, beside Resources.
	Overhead Resources `json:"overhead"`
	// Ports are taken from the agent with each node, so that no task of Mesos gets them.
	Ports Ranges `json:"ports,omitempty"`

	// Role is the Mesos role whose resources, reserved for it or unreserved, the pool uses. AcceptedResourceRoles narrows
	// that, with Marathon's meaning: "*" for unreserved, the role's name for reserved resources; empty: both.
	Role                  Role   `json:"role"`
	AcceptedResourceRoles []Role `json:"acceptedResourceRoles,omitempty"`
	// Reserve reserves a node's resources dynamically in the ACCEPT that launches it, so that its host stays its pool's
	// when the node must be launched again.
	Reserve bool `json:"reserve,omitempty"`
	// Constraints say which agents may have a node.
	Constraints []Constraint `json:"constraints,omitempty"`
	// Overlap allows that another pool wants the same hosts as this one with `nodes: all`; the first by name gets each.
	Overlap bool `json:"overlap,omitempty"`

	// Labels, Annotations and Taints ("key=value:Effect") are what the Node object carries.
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Taints      []string          `json:"taints,omitempty"`
	// Kubelet holds further fields of a KubeletConfiguration; fields that decide the node's size or identity are refused.
	Kubelet json.RawMessage `json:"kubelet,omitempty"`
	// KubeletProgram is the pool's kubelet: a path on the agents, or URI#sha256=HEX; empty: that of the framework's options.
	KubeletProgram string `json:"kubeletProgram,omitempty"`

	Drain DrainPolicy `json:"drain"`
	// MaxUnavailable bounds how many nodes replacements and repairs may take down at once, MaxSurge how many a rolling
	// change may have beyond Nodes.
	MaxUnavailable int `json:"maxUnavailable"`
	MaxSurge       int `json:"maxSurge,omitempty"`
	// MaxFailures is how many nodes of a new version may fail before it is rolled back; 0: it is never.
	MaxFailures int `json:"maxFailures"`
	// Paused holds rolling changes: outdated nodes stay.
	Paused bool `json:"paused,omitempty"`
	// KillSelection says which nodes go first when the pool has too many.
	KillSelection KillSelection `json:"killSelection"`

	// LaunchTimeout is how long a launch may stay without any word before Mesos is asked about it.
	LaunchTimeout Duration `json:"launchTimeout"`
	// ReadyTimeout is how long a running node may be NotReady before it is retired.
	ReadyTimeout Duration `json:"readyTimeout"`
	// Unreachable says when a node whose agent Mesos has lost is replaced.
	Unreachable UnreachablePolicy `json:"unreachable"`
	// MaintenanceHorizon is how long before a planned maintenance an agent gets no new node, and its node is replaced.
	MaintenanceHorizon Duration `json:"maintenanceHorizon"`
	// FenceAfter is how long a node that is cut off from its Mesos agent and from the API server keeps its pods; 0: for ever.
	FenceAfter Duration `json:"fenceAfter"`
	// Health says when the executor takes its kubelet for failed.
	Health  HealthPolicy `json:"health"`
	Backoff Backoff      `json:"backoff"`
}

// Count is a number of nodes, or All.
type Count int

// All is the Count of one node on every agent that matches, written "all".
const All Count = -1

// String is the number, or "all".
func (n Count) String() string {
	if n == All {
		return "all"
	}
	return strconv.Itoa(int(n))
}

// MarshalJSON writes a number, or "all".
func (n Count) MarshalJSON() ([]byte, error) {
	if n == All {
		return []byte(`"all"`), nil
	}
	return []byte(n.String()), nil
}

// UnmarshalJSON reads a number, or "all".
func (n *Count) UnmarshalJSON(text []byte) error {
	parsed, err := ParseCount(string(text))
	if string(text) == `"all"` {
		parsed, err = All, nil
	}
	*n = parsed
	return err
}

// ParseCount reads a whole number, 0 or more, or "all".
func ParseCount(text string) (Count, error) {
	if text == "all" {
		return All, nil
	}
	number, err := strconv.Atoi(text)
	if err != nil || number < 0 {
		return 0, fmt.Errorf("nodes is %s, want a whole number, 0 or more, or \"all\"", text)
	}
	return Count(number), nil
}

// DrainPolicy says how a node is emptied.
type DrainPolicy struct {
	// Deadline is how long a drain may take in all.
	Deadline Duration `json:"deadline"`
	// Grace is given to pods instead of their own grace period; 0: their own.
	Grace Duration `json:"grace,omitempty"`
	// Then says what happens at the deadline: "force" stops the node with what is left on it, "wait" goes on waiting and
	// says which pod and which budget block.
	Then AfterDeadline `json:"then"`
}

// AfterDeadline is the choice at a drain's deadline.
type AfterDeadline string

// The two choices at a drain's deadline.
const (
	Force AfterDeadline = "force"
	Wait  AfterDeadline = "wait"
)

// KillSelection is an order of surplus nodes.
type KillSelection string

// The orders of surplus nodes; in each, nodes that serve nobody go first.
const (
	Youngest   KillSelection = "youngest"
	Oldest     KillSelection = "oldest"
	FewestPods KillSelection = "fewestPods"
)

// UnreachablePolicy says when a node whose agent Mesos has lost is replaced.
type UnreachablePolicy struct {
	// After is how long it still counts.
	After Duration `json:"after"`
	// Then is "replace": another is launched unless the kubelet's lease in Kubernetes shows that it lives; or "wait": it
	// counts until Mesos says what became of it.
	Then AfterUnreachable `json:"then"`
}

// AfterUnreachable is the choice for nodes that are unreachable for long.
type AfterUnreachable string

// The two choices for nodes that are unreachable for long.
const (
	Replace  AfterUnreachable = "replace"
	WaitLost AfterUnreachable = "wait"
)

// HealthPolicy says when an executor takes its kubelet for failed, and when it gives its node up.
type HealthPolicy struct {
	// StartTimeout is how long a started kubelet may take to be healthy the first time; HangTimeout how long one that was
	// healthy may stay without a healthy answer.
	StartTimeout Duration `json:"startTimeout"`
	HangTimeout  Duration `json:"hangTimeout"`
	// Failures in one Window after which the node is given up.
	Failures int      `json:"failures"`
	Window   Duration `json:"window"`
}

// Backoff spaces the launches of a pool after failures: Initial, times Factor after each further failure, at most Max.
type Backoff struct {
	Initial Duration `json:"initial"`
	Factor  Amount   `json:"factor"`
	Max     Duration `json:"max"`
}

// after is the wait after the given number of failures in a row.
func (b Backoff) after(failures int) time.Duration {
	wait := float64(b.Initial)
	for i := 1; i < failures && wait < float64(b.Max); i++ {
		wait *= b.Factor.Float()
	}
	return min(time.Duration(wait), time.Duration(b.Max))
}

// DefaultPool holds the values of what an operator leaves unsaid. Every deadline is finite.
func DefaultPool() Pool {
	return Pool{
		Overhead:           Resources{CPUs: 100, Mem: 256_000},
		Role:               "*",
		Drain:              DrainPolicy{Deadline: Duration(10 * time.Minute), Then: Force},
		MaxUnavailable:     1,
		MaxFailures:        3,
		KillSelection:      Youngest,
		LaunchTimeout:      Duration(time.Minute),
		ReadyTimeout:       Duration(10 * time.Minute),
		Unreachable:        UnreachablePolicy{After: Duration(5 * time.Minute), Then: Replace},
		MaintenanceHorizon: Duration(time.Hour),
		FenceAfter:         Duration(10 * time.Minute),
		Health: HealthPolicy{
			StartTimeout: Duration(2 * time.Minute), HangTimeout: Duration(time.Minute), Failures: 5, Window: Duration(10 * time.Minute),
		},
		// Marathon's figures: 1 s, times 1.15, at most 300 s.
		Backoff: Backoff{Initial: Duration(time.Second), Factor: 1150, Max: Duration(5 * time.Minute)},
	}
}

// sizes says what a node of the pool takes, for people.
func (p Pool) sizes() string {
	return fmt.Sprintf("%s for pods, %s for executor and kubelet", p.Resources, p.Overhead)
}

// footprint is everything that one node of the pool takes from its agent.
func (p Pool) footprint() Resources { return p.Resources.Plus(p.Overhead) }

// Duration is a time.Duration that JSON and YAML write as text, such as "10m".
type Duration time.Duration

// String is the duration as Go writes it.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalJSON writes the duration as text.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads a duration such as "90s" or "1h30m".
func (d *Duration) UnmarshalJSON(text []byte) error {
	var written string
	if err := json.Unmarshal(text, &written); err != nil {
		return fmt.Errorf("%s is not a duration: want text such as \"10m\"", text)
	}
	parsed, err := time.ParseDuration(written)
	if err != nil {
		return fmt.Errorf("%q is not a duration: want text such as \"10m\"", written)
	}
	*d = Duration(parsed)
	return nil
}
