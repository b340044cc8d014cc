package scheduler

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	poolNamePattern = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$`)
	taintPattern    = regexp.MustCompile(`^[^=:\s]+(=[^=:\s]*)?:(NoSchedule|PreferNoSchedule|NoExecute)$`)
	keyPattern      = regexp.MustCompile(`^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
	valuePattern    = regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$`)
)

// complaints collects what is wrong with a pool.
type complaints struct {
	pool PoolName
	all  []error
}

func (c *complaints) reject(field string, value any, want string) {
	c.all = append(c.all, fmt.Errorf("pool %q: %s is %v, want %s", c.pool, field, value, want))
}

// ValidatePools checks pools as a whole: each by itself, names, and hosts that two of them would want for ever. The error
// names every problem.
func ValidatePools(pools []Pool) error {
	var problems []error
	for i, p := range pools {
		problems = append(problems, p.Validate())
		for _, other := range pools[:i] {
			switch {
			case other.Name == p.Name:
				problems = append(problems, fmt.Errorf("pool %q is there twice, want each name once", p.Name))
			case (p.Nodes == All || other.Nodes == All) && !p.Overlap && !other.Overlap && !disjoint(p, other):
				problems = append(problems, fmt.Errorf("pools %q and %q may want the same hosts, and nodes is all in one of them: want constraints on the same field that "+
					"exclude each other (such as [\"kind\", \"IS\", \"a\"] and [\"kind\", \"IS\", \"b\"]), or overlap: true in one of them", other.Name, p.Name))
			}
		}
	}
	return errors.Join(problems...)
}

// Validate checks the pool as a whole; the error names every field that is wrong, its value and what was expected.
func (p Pool) Validate() error {
	c := &complaints{pool: p.Name}
	if !poolNamePattern.MatchString(string(p.Name)) {
		c.reject("name", fmt.Sprintf("%q", p.Name), "at most 40 lower-case letters, digits and dashes, a letter first")
	}
	if p.Nodes < 0 && p.Nodes != All {
		c.reject("nodes", int(p.Nodes), `0 or more, or "all"`)
	}
	p.validateResources(c)
	p.validateRoles(c)
	p.validateMarks(c)
	p.validatePolicies(c)
	for i, each := range p.Constraints {
		if err := each.validate(); err != nil {
			c.reject(fmt.Sprintf("constraints[%d]", i), each, err.Error())
		}
	}
	if len(p.Kubelet) > 0 {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(p.Kubelet, &fields); err != nil || fields == nil {
			c.reject("kubelet", string(p.Kubelet), "an object of KubeletConfiguration's fields")
		}
	}
	return errors.Join(c.all...)
}

func (p Pool) validateResources(c *complaints) {
	if p.Resources.CPUs <= 0 {
		c.reject("resources.cpus", p.Resources.CPUs, "more than 0")
	}
	if p.Resources.Mem <= 0 || p.Resources.Mem%1000 != 0 {
		c.reject("resources.mem", p.Resources.Mem, "a whole number of MiB, more than 0")
	}
	if p.Resources.Disk < 0 {
		c.reject("resources.disk", p.Resources.Disk, "0 or more MiB")
	}
	if p.Resources.GPUs < 0 || p.Resources.GPUs%1000 != 0 {
		c.reject("resources.gpus", p.Resources.GPUs, "a whole number, 0 or more")
	}
	if p.Overhead.CPUs <= 0 {
		c.reject("overhead.cpus", p.Overhead.CPUs, "more than 0")
	}
	if p.Overhead.Mem < 32_000 {
		c.reject("overhead.mem", p.Overhead.Mem, "32 MiB or more")
	}
	if p.Overhead.Disk < 0 || p.Overhead.GPUs != 0 {
		c.reject("overhead", p.Overhead, "cpus, mem, and disk of 0 or more MiB")
	}
}

func (p Pool) validateRoles(c *complaints) {
	role := string(p.Role)
	switch {
	case role == "":
		c.reject("role", `""`, `a Mesos role, "*" for the default one`)
	case role != "*" && (strings.ContainsAny(role, " \t\n\\*") || strings.HasPrefix(role, "-") || slices.ContainsFunc(strings.Split(role, "/"), func(part string) bool {
		return part == "" || part == "." || part == ".."
	})):
		c.reject("role", fmt.Sprintf("%q", role), "a Mesos role: no blanks, backslashes or *, no - in front, and no empty part, . or .. between slashes")
	}
	for _, each := range p.AcceptedResourceRoles {
		if each != "*" && each != p.Role {
			c.reject("acceptedResourceRoles", fmt.Sprintf("%q", each), fmt.Sprintf("\"*\" or the pool's role %q", p.Role))
		}
	}
	if p.Reserve && p.Role == "*" {
		c.reject("reserve", true, `a role other than "*": Mesos reserves for roles`)
	}
}

func (p Pool) validateMarks(c *complaints) {
	for key, value := range p.Labels {
		if !keyPattern.MatchString(key) || !valuePattern.MatchString(value) {
			c.reject("labels", fmt.Sprintf("%q: %q", key, value), "a Kubernetes label: at most 63 letters, digits, -, _ and ., with an optional DNS prefix and slash before the key")
		}
	}
	for key := range p.Annotations {
		if !keyPattern.MatchString(key) {
			c.reject("annotations", fmt.Sprintf("%q", key), "the name of a Kubernetes annotation")
		}
	}
	for _, taint := range p.Taints {
		if !taintPattern.MatchString(taint) {
			c.reject("taints", fmt.Sprintf("%q", taint), "key=value:Effect with the effect NoSchedule, PreferNoSchedule or NoExecute")
		}
	}
}

func (p Pool) validatePolicies(c *complaints) {
	if !slices.Contains([]AfterDeadline{Force, Wait}, p.Drain.Then) {
		c.reject("drain.then", fmt.Sprintf("%q", p.Drain.Then), `"force" or "wait"`)
	}
	if !slices.Contains([]AfterUnreachable{Replace, WaitLost}, p.Unreachable.Then) {
		c.reject("unreachable.then", fmt.Sprintf("%q", p.Unreachable.Then), `"replace" or "wait"`)
	}
	if !slices.Contains([]KillSelection{Youngest, Oldest, FewestPods}, p.KillSelection) {
		c.reject("killSelection", fmt.Sprintf("%q", p.KillSelection), `"youngest", "oldest" or "fewestPods"`)
	}
	switch {
	case p.MaxUnavailable < 0 || p.MaxSurge < 0:
		c.reject("maxUnavailable, maxSurge", fmt.Sprint(p.MaxUnavailable, ", ", p.MaxSurge), "0 or more")
	case p.MaxUnavailable == 0 && p.MaxSurge == 0:
		c.reject("maxUnavailable, maxSurge", "0, 0", "one of them 1 or more: else no node can ever be replaced")
	case p.MaxUnavailable == 0 && p.Nodes == All:
		c.reject("maxUnavailable", 0, "1 or more with nodes: all, where no other host could take a node's place first")
	}
	if p.MaxFailures < 0 {
		c.reject("maxFailures", p.MaxFailures, "0 or more")
	}
	if p.Health.Failures < 1 {
		c.reject("health.failures", p.Health.Failures, "1 or more")
	}
	if p.Backoff.Factor < 1000 {
		c.reject("backoff.factor", p.Backoff.Factor, "1 or more")
	}
	for _, each := range []struct {
		field string
		value Duration
		zero  bool // allowed
	}{
		{"drain.deadline", p.Drain.Deadline, false},
		{"drain.grace", p.Drain.Grace, true},
		{"launchTimeout", p.LaunchTimeout, false},
		{"readyTimeout", p.ReadyTimeout, false},
		{"unreachable.after", p.Unreachable.After, false},
		{"maintenanceHorizon", p.MaintenanceHorizon, true},
		{"fenceAfter", p.FenceAfter, true},
		{"health.startTimeout", p.Health.StartTimeout, false},
		{"health.hangTimeout", p.Health.HangTimeout, false},
		{"health.window", p.Health.Window, false},
		{"backoff.initial", p.Backoff.Initial, false},
		{"backoff.max", p.Backoff.Max, false},
	} {
		switch {
		case each.value < 0 && each.zero:
			c.reject(each.field, each.value, "0s or more")
		case each.value <= 0 && !each.zero:
			c.reject(each.field, each.value, "more than 0s")
		}
	}
	if p.Drain.Grace%1e9 != 0 {
		c.reject("drain.grace", p.Drain.Grace, "whole seconds")
	}
}

// validate says what is wanted where the constraint makes no sense.
func (c Constraint) validate() error {
	if c.Field == "" {
		return errors.New("a field: hostname, @region, @zone or an attribute's name")
	}
	switch c.Operator {
	case Unique:
		if c.Value != "" {
			return errors.New("no value for UNIQUE")
		}
	case Cluster:
	case GroupBy:
		if c.Value != "" && !positive(c.Value) {
			return errors.New("no value, or the number of groups for GROUP_BY: 1 or more")
		}
	case MaxPer:
		if !positive(c.Value) {
			return errors.New("a number of nodes for MAX_PER: 1 or more")
		}
	case Like, Unlike:
		if _, err := regexp.Compile(c.Value); err != nil || c.Value == "" {
			return fmt.Errorf("a regular expression for %s (RE2)", c.Operator)
		}
	case Is:
		if c.Value == "" {
			return errors.New("a value for IS")
		}
	default:
		return errors.New("an operator: UNIQUE, CLUSTER, GROUP_BY, LIKE, UNLIKE, MAX_PER or IS")
	}
	return nil
}

func positive(text string) bool {
	number, err := strconv.Atoi(text)
	return err == nil && number > 0
}
