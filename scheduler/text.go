package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// This file says plans in words: one line for each effect, as logs and transcripts show them.

// String implements fmt.Stringer.
func (c PutMeta) String() string {
	text := fmt.Sprintf("framework %s, counter %d", c.Meta.FrameworkID, c.Meta.Counter)
	if c.Meta.Teardown != "" {
		text += ", teardown: " + string(c.Meta.Teardown)
	}
	return text
}

// String implements fmt.Stringer.
func (c PutPool) String() string {
	text := fmt.Sprintf("pool %s, version %d: %s nodes of %s", c.Pool.Name, c.Pool.Rollout.Version, c.Pool.Nodes, c.Pool.Resources)
	switch {
	case c.Pool.Deleted:
		text += ", being deleted"
	case c.Pool.Rollout.Stopped != "":
		text += ", stopped: " + c.Pool.Rollout.Stopped
	case !c.Pool.Rollout.Done:
		text += ", rolling"
	}
	return text
}

// String implements fmt.Stringer.
func (c DeletePool) String() string { return fmt.Sprintf("pool %s: deleted", c.Name) }

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
	if len(c.Unreserve) > 0 {
		text += fmt.Sprintf("; UNRESERVE %s", list(c.Unreserve))
	}
	if len(c.Reserve) > 0 {
		text += fmt.Sprintf("; RESERVE %s", list(c.Reserve))
	}
	for _, l := range c.Launches {
		text += fmt.Sprintf("; LAUNCH %s (%s; executor %s)", l.Task, list(l.TaskResources), list(l.Node.Executor.Resources))
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

// String is the uuid in the form in which Mesos's logs have it; of anything else than 16 bytes the text itself.
func (u UpdateID) String() string {
	if len(u) != 16 {
		return string(u)
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", string(u[:4]), string(u[4:6]), string(u[6:8]), string(u[8:10]), string(u[10:]))
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
func (c AcceptInverse) String() string {
	return fmt.Sprintf("ACCEPT_INVERSE_OFFERS %s: %s", join(c.Offers), c.Why)
}

// String implements fmt.Stringer.
func (c DeclineInverse) String() string {
	return fmt.Sprintf("DECLINE_INVERSE_OFFERS %s, again after %s: %s", join(c.Offers), c.Refuse, c.Why)
}

// String implements fmt.Stringer.
func (c UpdateFramework) String() string {
	text := fmt.Sprintf("UPDATE_FRAMEWORK roles %s", join(c.Roles))
	if c.GPUs {
		text += ", GPUs"
	}
	return text + ": " + c.Why
}

// String implements fmt.Stringer.
func (c TearDown) String() string { return "TEARDOWN: " + c.Why }

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
func (o Uncordon) String() string {
	return fmt.Sprintf("uncordon node %s (%s): %s", o.Host, o.ProviderID, o.Why)
}

// String implements fmt.Stringer.
func (o ForgetKubeNode) String() string {
	how := "delete"
	if o.OutOfService {
		how = "taint as out of service, and delete"
	}
	return fmt.Sprintf("%s node %s (%s): %s", how, o.Host, o.ProviderID, o.Why)
}

// String implements fmt.Stringer.
func (o MarkKubeNode) String() string {
	return fmt.Sprintf("mark node %s (%s) with %s: %s", o.Host, o.ProviderID, o.Marks, o.Why)
}

// String implements fmt.Stringer.
func (o ReadLease) String() string {
	return fmt.Sprintf("read the lease of node %s: %s", o.Host, o.Why)
}

// String implements fmt.Stringer.
func (o CountPods) String() string {
	return fmt.Sprintf("count the pods on %s: %s", join(o.Hosts), o.Why)
}

// String is the marks for people, in a fixed order.
func (m Marks) String() string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(m.Labels)) {
		parts = append(parts, "label "+key+"="+m.Labels[key])
	}
	for _, key := range slices.Sorted(maps.Keys(m.Annotations)) {
		parts = append(parts, "annotation "+key+"="+m.Annotations[key])
	}
	for _, taint := range m.Taints {
		parts = append(parts, "taint "+taint)
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
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

// String is the resource as Mesos writes it, with the role that it is reserved for; a dynamic reservation shows the node
// that its labels name.
func (r Resource) String() string {
	name := r.Name
	if at := len(r.Reservations) - 1; at >= 0 {
		name += "(" + string(r.Reservations[at].Role)
		if r.Reservations[at].Dynamic {
			name += ", dynamic"
		}
		for _, label := range r.Reservations[at].Labels {
			if label.Key == labelNode {
				name += " " + label.Value
			}
		}
		name += ")"
	}
	if len(r.Ranges) > 0 {
		return fmt.Sprintf("%s:[%s]", name, r.Ranges)
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
