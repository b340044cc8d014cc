package scheduler

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
)

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

// Pool is what the operator wants: a number of like nodes.
type Pool struct {
	Name  PoolName `json:"name"`
	Nodes int      `json:"nodes"`
	// Resources is what pods get on each node: the node's Allocatable equals it.
	Resources Resources `json:"resources"`
	// Overhead is what the executor and the kubelet themselves run on, beside Resources.
	Overhead Resources `json:"overhead"`
	// Role is the Mesos role whose resources, reserved for it or unreserved, the pool uses.
	Role Role `json:"role"`
	// Labels and Taints ("key=value:Effect") are what the kubelet registers its Node with.
	Labels map[string]string `json:"labels,omitempty"`
	Taints []string          `json:"taints,omitempty"`

	Drain DrainPolicy `json:"drain"`
	// MaxUnavailable bounds how many nodes repairs may take down at once.
	MaxUnavailable int `json:"maxUnavailable"`
	// LaunchTimeout is how long a launch may stay without any word before Mesos is asked about it.
	LaunchTimeout Duration `json:"launchTimeout"`
	// ReadyTimeout is how long a running node may be NotReady before it is retired.
	ReadyTimeout Duration `json:"readyTimeout"`
	// UnreachableAfter is how long an unreachable node still counts; after it a replacement is launched elsewhere.
	UnreachableAfter Duration `json:"unreachableAfter"`
	Backoff          Backoff  `json:"backoff"`
}

// DrainPolicy says how a node is emptied.
type DrainPolicy struct {
	// Deadline is how long a drain may take in all.
	Deadline Duration `json:"deadline"`
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

// Backoff spaces the launches of a pool after failures: Initial, times Factor after each further failure, at most Max.
type Backoff struct {
	Initial Duration `json:"initial"`
	Factor  Amount   `json:"factor"`
	Max     Duration `json:"max"`
}

// DefaultPool holds the values of what an operator leaves unsaid. Every deadline is finite.
func DefaultPool() Pool {
	return Pool{
		Overhead:         Resources{CPUs: 100, Mem: 256_000},
		Role:             "*",
		Drain:            DrainPolicy{Deadline: Duration(10 * time.Minute), Then: Force},
		MaxUnavailable:   1,
		LaunchTimeout:    Duration(time.Minute),
		ReadyTimeout:     Duration(10 * time.Minute),
		UnreachableAfter: Duration(5 * time.Minute),
		// Marathon's figures: 1 s, times 1.15, at most 300 s.
		Backoff: Backoff{Initial: Duration(time.Second), Factor: 1150, Max: Duration(5 * time.Minute)},
	}
}

var (
	poolNamePattern = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$`)
	taintPattern    = regexp.MustCompile(`^[^=:\s]+(=[^=:\s]*)?:(NoSchedule|PreferNoSchedule|NoExecute)$`)
)

// Validate checks the pool as a whole; the error names every field that is wrong, its value and what was expected.
func (p Pool) Validate() error {
	var problems []error
	reject := func(field string, value any, want string) {
		problems = append(problems, fmt.Errorf("pool %q: %s is %v, want %s", p.Name, field, value, want))
	}
	if !poolNamePattern.MatchString(string(p.Name)) {
		reject("name", fmt.Sprintf("%q", p.Name), "at most 40 lower-case letters, digits and dashes, a letter first")
	}
	if p.Nodes < 0 {
		reject("nodes", p.Nodes, "0 or more")
	}
	if p.Resources.CPUs <= 0 {
		reject("resources.cpus", p.Resources.CPUs, "more than 0")
	}
	if p.Resources.Mem <= 0 || p.Resources.Mem%1000 != 0 {
		reject("resources.mem", p.Resources.Mem, "a whole number of MiB, more than 0")
	}
	if p.Resources.Disk < 0 {
		reject("resources.disk", p.Resources.Disk, "0 or more MiB")
	}
	if p.Resources.GPUs < 0 || p.Resources.GPUs%1000 != 0 {
		reject("resources.gpus", p.Resources.GPUs, "a whole number, 0 or more")
	}
	if p.Overhead.CPUs <= 0 {
		reject("overhead.cpus", p.Overhead.CPUs, "more than 0")
	}
	if p.Overhead.Mem < 32_000 {
		reject("overhead.mem", p.Overhead.Mem, "32 MiB or more")
	}
	if p.Role == "" {
		reject("role", `""`, `a Mesos role, "*" for the default one`)
	}
	for _, taint := range p.Taints {
		if !taintPattern.MatchString(taint) {
			reject("taints", fmt.Sprintf("%q", taint), "key=value:Effect with the effect NoSchedule, PreferNoSchedule or NoExecute")
		}
	}
	if !slices.Contains([]AfterDeadline{Force, Wait}, p.Drain.Then) {
		reject("drain.then", fmt.Sprintf("%q", p.Drain.Then), `"force" or "wait"`)
	}
	if p.MaxUnavailable < 1 {
		reject("maxUnavailable", p.MaxUnavailable, "1 or more")
	}
	for _, each := range []struct {
		field string
		value Duration
	}{
		{"drain.deadline", p.Drain.Deadline},
		{"launchTimeout", p.LaunchTimeout},
		{"readyTimeout", p.ReadyTimeout},
		{"unreachableAfter", p.UnreachableAfter},
		{"backoff.initial", p.Backoff.Initial},
		{"backoff.max", p.Backoff.Max},
	} {
		if each.value <= 0 {
			reject(each.field, each.value, "more than 0s")
		}
	}
	if p.Backoff.Factor < 1000 {
		reject("backoff.factor", p.Backoff.Factor, "1 or more")
	}
	return errors.Join(problems...)
}

// slice is everything that one node of the pool takes from its agent.
func (p Pool) footprint() Resources { return p.Resources.Plus(p.Overhead) }
