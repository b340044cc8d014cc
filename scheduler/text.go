package scheduler

import (
	"fmt"
	"strings"
)

// This file says plans in words: one line for each effect, as logs and transcripts show them.

// String implements fmt.Stringer.
func (c PutMeta) String() string {
	return fmt.Sprintf("framework %s, counter %d", c.Meta.FrameworkID, c.Meta.Counter)
}

// String implements fmt.Stringer.
func (c PutPool) String() string {
	return fmt.Sprintf("pool %s: %d nodes of %s", c.Pool.Name, c.Pool.Nodes, c.Pool.Resources)
}

// String implements fmt.Stringer.
func (c PutNode) String() string {
	return fmt.Sprintf("node %s: %s, agent %s, host %s", c.Node.Name, c.Node.Phase, c.Node.Agent, c.Node.Host)
}

// String implements fmt.Stringer.
func (c DeleteNode) String() string { return fmt.Sprintf("node %s: deleted", c.Name) }

// String implements fmt.Stringer.
func (r Reply) String() string {
	if r.Problem != "" {
		return fmt.Sprintf("request %d: refused: %s", r.Request, r.Problem)
	}
	return fmt.Sprintf("request %d: accepted", r.Request)
}

// String implements fmt.Stringer.
func (c Accept) String() string {
	text := fmt.Sprintf("ACCEPT %s of agent %s", join(c.Offers), c.Agent)
	for _, l := range c.Launches {
		text += fmt.Sprintf("; LAUNCH %s (%s; executor %s)", l.Task, list(l.TaskResources), list(l.ExecutorResources))
	}
	return fmt.Sprintf("%s; refuse the rest for %s", text, c.Refuse)
}

// String implements fmt.Stringer.
func (c Decline) String() string {
	return fmt.Sprintf("DECLINE %s for %s: %s", join(c.Offers), c.Refuse, c.Why)
}

// String implements fmt.Stringer.
func (c Acknowledge) String() string {
	return fmt.Sprintf("ACKNOWLEDGE %s of task %s to agent %s", c.Update, c.Task, c.Agent)
}

// String implements fmt.Stringer.
func (c Kill) String() string {
	return fmt.Sprintf("KILL task %s on agent %s, grace %s: %s", c.Task, c.Agent, c.Grace, c.Why)
}

// String implements fmt.Stringer.
func (c TellDrained) String() string {
	return fmt.Sprintf("MESSAGE to executor %s on agent %s: drained", c.Executor, c.Agent)
}

// String implements fmt.Stringer.
func (c Reconcile) String() string {
	if len(c.Tasks) == 0 {
		return "RECONCILE all: " + c.Why
	}
	var parts []string
	for _, t := range c.Tasks {
		parts = append(parts, fmt.Sprintf("%s on %s", t.Task, t.Agent))
	}
	return fmt.Sprintf("RECONCILE %s: %s", strings.Join(parts, ", "), c.Why)
}

// String implements fmt.Stringer.
func (c Revive) String() string { return fmt.Sprintf("REVIVE %s: %s", join(c.Roles), c.Why) }

// String implements fmt.Stringer.
func (c Suppress) String() string { return fmt.Sprintf("SUPPRESS %s: %s", join(c.Roles), c.Why) }

// String implements fmt.Stringer.
func (o Drain) String() string {
	return fmt.Sprintf("drain node %s (%s): %s", o.Host, o.ProviderID, o.Why)
}

// String implements fmt.Stringer.
func (o CancelDrain) String() string { return fmt.Sprintf("end the drain of %s: %s", o.Node, o.Why) }

// String implements fmt.Stringer.
func (o ForgetKubeNode) String() string {
	return fmt.Sprintf("delete node %s (%s): %s", o.Host, o.ProviderID, o.Why)
}

// String implements fmt.Stringer.
func (n Note) String() string {
	var about string
	switch {
	case n.Node != "":
		about = "node " + string(n.Node)
	case n.Pool != "":
		about = "pool " + string(n.Pool)
	case n.Task != "":
		about = "task " + string(n.Task)
	case n.Agent != "":
		about = "agent " + string(n.Agent)
	default:
		return n.Text
	}
	return about + ": " + n.Text
}

// String is the resource as Mesos writes it, with the role that it is reserved for.
func (r Resource) String() string {
	name := r.Name
	if len(r.Reservations) > 0 {
		name += "(" + string(r.Reservations[len(r.Reservations)-1].Role) + ")"
	}
	return fmt.Sprintf("%s:%s", name, r.Amount)
}

func join[T ~string](names []T) string {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = string(name)
	}
	return strings.Join(parts, ", ")
}

func list(resources []Resource) string {
	parts := make([]string, len(resources))
	for i, r := range resources {
		parts[i] = r.String()
	}
	return strings.Join(parts, "; ")
}
