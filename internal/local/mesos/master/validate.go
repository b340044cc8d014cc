package master

import (
	"fmt"
	"math"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"k8s-framework/internal/local/mesos/wire"
)

// refuseLaunch says why a task cannot be launched, in Mesos's words and in the order of its checks; "" if it can.
func (m *Master) refuseLaunch(acc *acceptance, info *mesos.TaskInfo, need resources) string {
	f, a := acc.framework, acc.agent
	for _, text := range []func() string{
		func() string { return refuseID(info.TaskID.Value) },
		func() string {
			if f.tasks[info.TaskID.Value] != nil {
				return "Task has duplicate ID: " + info.TaskID.Value
			}
			return ""
		},
		func() string {
			if info.AgentID.Value != a.id {
				return fmt.Sprintf("Task uses invalid agent %s while agent %s is expected", info.AgentID.Value, a.id)
			}
			return ""
		},
		func() string {
			if info.GetKillPolicy().GetGracePeriod().GetNanoseconds() < 0 {
				return "Task's 'kill_policy.grace_period' must be non-negative"
			}
			return ""
		},
		func() string {
			if info.GetMaxCompletionTime().GetNanoseconds() < 0 {
				return "Task's 'max_completion_time' must be non-negative"
			}
			return ""
		},
		func() string { return refuseResources(info) },
		func() string { return refuseLimits(info) },
		func() string { return refuseExecutor(a, f, info) },
		func() string {
			if !acc.left.contains(need) {
				return fmt.Sprintf("Total resources %v required by task and its executor is more than available %v", need, acc.left)
			}
			return ""
		},
	} {
		if why := text(); why != "" {
			return why
		}
	}
	return ""
}

// refuseID checks an id that becomes the name of a directory.
func refuseID(id string) string {
	switch {
	case id == "":
		return "ID must not be empty"
	case len(id) > 255:
		return "ID must not be greater than 255 characters"
	case id == "." || id == "..":
		return "'" + id + "' is disallowed"
	case strings.ContainsAny(id, "/\\") || strings.ContainsFunc(id, func(c rune) bool { return c < 0x20 || c == 0x7f }):
		return "'" + id + "' contains invalid characters"
	}
	return ""
}

func refuseResources(info *mesos.TaskInfo) string {
	if len(info.Resources) == 0 {
		return "Task uses no resources"
	}
	if text := invalidResource(info.Resources); text != "" {
		return text
	}
	return ""
}

// invalidResource finds the first resource that cannot be. Zero can; what rounds to zero cannot.
func invalidResource(list []mesos.Resource) string {
	for i := range list {
		r := &list[i]
		if r.Name == "" {
			return "Empty resource name"
		}
		switch {
		case r.GetType() == mesos.SCALAR && r.Scalar == nil, r.GetType() == mesos.RANGES && r.Ranges == nil, r.GetType() == mesos.SET && r.Set == nil:
			return fmt.Sprintf("Resource '%s' is invalid: Invalid %s resource", r.Name, strings.ToLower(r.GetType().String()))
		case r.Scalar != nil && r.Scalar.Value != 0 && math.Round(r.Scalar.Value*1000) <= 0:
			one := oneFromProto(r)
			return fmt.Sprintf("Resource '%v' is invalid: Invalid scalar resource: value <= 0", &one)
		}
	}
	return ""
}

// refuseLimits checks TaskInfo.limits: for cpus and mem only, and not below the request. Whether the agent can enforce
// them is for the agent to say.
func refuseLimits(info *mesos.TaskInfo) string {
	asked := fromProto(info.Resources)
	for _, name := range sortedKeys(info.Limits) {
		limit := info.Limits[name]
		label := map[string]string{"cpus": "cpu", "mem": "memory"}[name]
		if label == "" {
			return fmt.Sprintf("Invalid resource limit '%s': only 'cpus' and 'mem' limits are allowed", name)
		}
		if !math.IsInf(limit.Value, 1) && math.Round(limit.Value*1000) < float64(asked.scalar(name)) {
			return fmt.Sprintf("The %s limit must be greater than or equal to the %s request", label, label)
		}
	}
	return ""
}

func refuseExecutor(a *agent, f *framework, info *mesos.TaskInfo) string {
	e := info.Executor
	switch {
	case (e != nil) == (info.Command != nil):
		return "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
	case e == nil:
		return ""
	case e.Type != mesos.ExecutorInfo_CUSTOM:
		return "'ExecutorInfo.type' must be 'CUSTOM'"
	}
	if text := refuseID(e.ExecutorID.Value); text != "" {
		return text
	}
	switch {
	case e.FrameworkID.GetValue() != f.id:
		return fmt.Sprintf("ExecutorInfo has an invalid FrameworkID (Actual: %s vs Expected: %s)", e.FrameworkID.GetValue(), f.id)
	case e.GetShutdownGracePeriod().GetNanoseconds() < 0:
		return "ExecutorInfo's 'shutdown_grace_period' must be non-negative"
	case e.Command == nil:
		return "'ExecutorInfo.command' must be set for 'CUSTOM' executor"
	}
	if text := invalidResource(e.Resources); text != "" {
		return "Executor uses invalid resources: " + text
	}
	known := a.executors[executorKey{f.id, e.ExecutorID.Value}]
	if known != nil && !sameExecutor(known, e) {
		line := strings.Repeat("-", 60)
		return "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID.\n" +
			line + "\nExisting ExecutorInfo:\n" + wire.Text(known) + "\n" + line + "\nExecutorInfo:\n" + wire.Text(e) + "\n" + line + "\n"
	}
	return ""
}

// sameExecutor says whether two ExecutorInfos may belong to one executor: everything but labels and the grace period must
// be equal; the order of resources does not matter.
func sameExecutor(a, b *mesos.ExecutorInfo) bool {
	x, y := *a, *b
	x.Labels, y.Labels, x.ShutdownGracePeriod, y.ShutdownGracePeriod = nil, nil, nil, nil
	rx, ry := fromProto(x.Resources), fromProto(y.Resources)
	x.Resources, y.Resources = nil, nil
	return rx.contains(ry) && ry.contains(rx) && x.Equal(y)
}
