package agent

import (
	"fmt"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"k8s-framework/internal/local/mesos/flags"
)

// environment is what an executor finds in its environment: nothing of the agent's own. PATH has a default that the
// container's init process adds. CommandInfo.environment comes last and may overwrite everything.
func (a *Agent) environment(e *execution) map[string]string {
	env := map[string]string{}
	if a.opts.IPGiven {
		env["LIBPROCESS_IP"] = a.opts.IP
	}
	for k, v := range a.opts.ExecutorEnvironment {
		env[k] = v
	}
	grace := a.graceOf(e)
	for k, v := range map[string]string{
		"LIBPROCESS_PORT":                      "0",
		"MESOS_FRAMEWORK_ID":                   e.framework.id(),
		"MESOS_EXECUTOR_ID":                    e.id(),
		"MESOS_DIRECTORY":                      e.directory,
		"MESOS_SANDBOX":                        e.directory,
		"MESOS_SLAVE_ID":                       a.info.GetID().Value,
		"MESOS_SLAVE_PID":                      "slave(1)@" + a.address(),
		"MESOS_AGENT_ENDPOINT":                 a.address(),
		"MESOS_CHECKPOINT":                     flag(e.framework.info.GetCheckpoint()),
		"MESOS_HTTP_COMMAND_EXECUTOR":          flag(a.opts.HTTPCommandExecutor),
		"MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": flags.FormatDuration(grace),
	} {
		env[k] = v
	}
	if e.framework.info.GetCheckpoint() {
		env["MESOS_RECOVERY_TIMEOUT"] = flags.FormatDuration(a.opts.RecoveryTimeout)
		env["MESOS_SUBSCRIPTION_BACKOFF_MAX"] = flags.FormatDuration(a.opts.ReregistrationTimeout)
	}
	if command := e.info.Command; command != nil && command.Environment != nil {
		for _, v := range command.Environment.Variables {
			env[v.Name] = v.GetValue()
		}
	}
	return env
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// graceOf is how long an executor may take to end after SHUTDOWN.
func (a *Agent) graceOf(e *execution) time.Duration {
	if d := e.info.ShutdownGracePeriod; d != nil {
		return time.Duration(d.Nanoseconds)
	}
	return a.opts.ShutdownGrace
}

func (a *Agent) address() string { return fmt.Sprintf("%s:%d", a.opts.IP, a.info.GetPort()) }

// commandExecutor is the executor that the agent makes for a task that has a command and no executor.
func (a *Agent) commandExecutor(f *framework, t mesos.TaskInfo) mesos.ExecutorInfo {
	name := "Command Executor (Task: " + t.TaskID.Value + ") (Command: "
	switch command := t.Command; {
	case command.Shell == nil || *command.Shell:
		name += shortened("sh -c '", command.GetValue(), "'") + ")"
	default:
		args := command.GetValue() + ", "
		for i, arg := range command.Arguments {
			if i > 0 {
				args += ", "
			}
			args += arg
		}
		name += shortened("[", args, "]") + ")"
	}
	no, source := false, t.TaskID.Value
	info := mesos.ExecutorInfo{
		ExecutorID: mesos.ExecutorID{Value: t.TaskID.Value}, FrameworkID: f.info.ID, Name: &name, Source: &source,
		Container: t.Container, Labels: t.Labels, Discovery: t.Discovery,
		Command: &mesos.CommandInfo{
			URIs: t.Command.URIs, Environment: t.Command.Environment, User: t.Command.User, Shell: &no,
			Value: &a.opts.Program, Arguments: []string{CommandExecutorName},
		},
	}
	if k := t.KillPolicy; k != nil && k.GracePeriod != nil {
		// Some time more than the task has, so that TASK_KILLED arrives before the container is destroyed.
		info.ShutdownGracePeriod = &mesos.DurationInfo{Nanoseconds: k.GracePeriod.Nanoseconds + int64(maxReapInterval+time.Second)}
	}
	var allocation *mesos.Resource_AllocationInfo
	if len(t.Resources) > 0 {
		allocation = t.Resources[0].AllocationInfo
	}
	for _, r := range []struct {
		name  string
		value float64
	}{{"cpus", commandExecutorCPUs}, {"mem", commandExecutorMem}} {
		info.Resources = append(info.Resources, mesos.Resource{
			Name: r.name, Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: r.value}, AllocationInfo: allocation,
		})
	}
	return info
}

// CommandExecutorName is argv[0] of the command executor. A program that gives itself as Options.Program must run package
// command when it finds itself started under this name.
const CommandExecutorName = "mesos-executor"

func shortened(open, s, end string) string {
	if len(s) > 15 {
		s = s[:12] + "..."
	}
	return open + s + end
}
