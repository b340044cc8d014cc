package agent

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/uuid"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"

	"k8s-framework/internal/local/mesos/agent/container"
	local "k8s-framework/internal/local/mesos/link"
)

// runTasks starts tasks, each as if it had come alone: only the first may start the executor.
func (a *Agent) runTasks(m *local.RunTasks) {
	for i := range m.Tasks {
		t := m.Tasks[i]
		if t.AgentID.Value != a.info.GetID().Value {
			a.log.Warnf("ignoring task %s because it was intended for old agent %s", t.TaskID.Value, t.AgentID.Value)
			continue
		}
		if a.phase == recovering || a.phase == terminating {
			a.log.Warnf("ignoring task %s because the agent is %s", t.TaskID.Value, a.phase)
			continue
		}
		a.run(m, t, m.Launch && i == 0)
	}
}

// run starts one task.
func (a *Agent) run(m *local.RunTasks, t mesos.TaskInfo, launch bool) {
	f := a.framework(m.Framework.GetID().Value)
	if f == nil {
		f = &framework{info: m.Framework}
		a.frameworks = append(a.frameworks, f)
		a.adoptCompleted(f)
	}
	inject(t.Resources, &f.info)
	if t.Executor != nil {
		inject(t.Executor.Resources, &f.info)
		t.Executor.FrameworkID = f.info.ID
	}
	if why := a.unsupportedLimits(&t); why != "" {
		a.refuse(f, t, nil, mesos.REASON_GC_ERROR, why, false)
		return
	}
	info := mesos.ExecutorInfo{}
	switch {
	case t.Executor != nil:
		info = *t.Executor
	case m.Executor != nil:
		info = *m.Executor
	case t.Command != nil:
		info = a.commandExecutor(f, t)
	}
	id := info.ExecutorID
	e := f.executor(id.Value)
	generated := t.Executor == nil && t.Command != nil
	switch {
	case f.terminating:
		a.log.Warnf("ignoring task %s because framework %s is terminating", t.TaskID.Value, f.id())
		a.noExecutor(f, id, launch)
	case a.drain != nil:
		a.refuse(f, t, &id, mesos.REASON_AGENT_DRAINING, "Task was received while agent was already draining", launch)
	case m.Group || info.GetType() == mesos.ExecutorInfo_DEFAULT:
		a.refuse(f, t, &id, mesos.REASON_TASK_INVALID, "the stand-in agent has no task groups and no DEFAULT executor", launch)
	case !a.knows(t.Resources):
		a.refuse(f, t, &id, mesos.REASON_RESOURCES_UNKNOWN,
			"The checkpointed resources being used by the task or task group are unknown to the agent", launch)
	case !a.knows(info.Resources):
		a.refuse(f, t, &id, mesos.REASON_RESOURCES_UNKNOWN,
			"The checkpointed resources being used by the executor are unknown to the agent", launch)
	case generated && e != nil:
		a.refuse(f, t, &id, mesos.REASON_TASK_INVALID, "Cannot reuse an already existing executor for a command task", false)
	case !generated && launch && e != nil:
		a.refuse(f, t, &id, mesos.REASON_EXECUTOR_TERMINATED, "Master wants to launch executor, but one already exists", false)
		if e.phase == ended {
			a.master.exited(f.id(), id.Value, -1)
		} else if e.phase != ending {
			a.shutdownExecution(e)
		}
	case !generated && !launch && e == nil:
		a.refuse(f, t, &id, mesos.REASON_EXECUTOR_TERMINATED, "No executor is expected to launch and there is none running", false)
	case e == nil:
		a.launchExecutor(f, info, t, generated, launch)
	default:
		a.enqueue(e, t)
	}
}

// refuse drops a task that never ran, and says so.
func (a *Agent) refuse(
	f *framework, t mesos.TaskInfo, executor *mesos.ExecutorID, reason mesos.TaskStatus_Reason, why string, launch bool,
) {
	a.log.Warnf("task %s of framework %s is dropped: %s", t.TaskID.Value, f.id(), why)
	a.statusUpdate(f, a.made(t.TaskID, f.lost(mesos.TASK_DROPPED), reason, why, executor))
	id := mesos.ExecutorID{}
	if executor != nil {
		id = *executor
	}
	a.noExecutor(f, id, launch)
}

// noExecutor tells a master that expects an executor to be started that there is none, and forgets an empty framework.
func (a *Agent) noExecutor(f *framework, id mesos.ExecutorID, launch bool) {
	if launch {
		a.master.exited(f.id(), id.Value, -1)
	}
	a.forgetIfIdle(f)
}

// launchExecutor starts an executor for its first task.
func (a *Agent) launchExecutor(f *framework, info mesos.ExecutorInfo, t mesos.TaskInfo, generated, launch bool) {
	e := &execution{
		info: info, framework: f, containerID: uuid.NewString(), checkpoint: f.info.GetCheckpoint(), generated: generated,
	}
	if a.opts.SwitchUser {
		e.user = f.info.User
		if info.Command != nil && info.Command.User != nil {
			e.user = *info.Command.User
		}
	}
	err := a.makeSandbox(e)
	if err == nil && e.checkpoint {
		err = a.saveExecutor(e)
	}
	if err != nil {
		a.refuse(f, t, &info.ExecutorID, mesos.REASON_EXECUTOR_TERMINATED, err.Error(), launch)
		return
	}
	f.executors = append(f.executors, e)
	a.log.Infof("launching executor %s of framework %s in %s", e.id(), f.id(), e.directory)

	spec := container.Spec{ID: e.containerID, Dir: e.directory, User: e.user, Env: a.environment(e)}
	if info.Command != nil {
		spec.Command = *info.Command
	}
	if e.checkpoint {
		spec.PIDFile = a.paths.pid(a.info.GetID().Value, e)
	}
	a.enqueue(e, t)
	spec.Limits = e.limits(a.opts.EnableCFS)
	e.container = a.opts.Containers.Launch(spec, func(event container.Event) {
		a.post(func() { a.containerEvent(e, event) })
	})
	e.grace = a.after(a.opts.RegistrationTimeout, func() { a.registrationTimeout(e) })
}

// makeSandbox makes the executor's directory, and the link called latest beside it.
func (a *Agent) makeSandbox(e *execution) error {
	runs := a.paths.runs(a.info.GetID().Value, e.framework.id(), e.id())
	e.directory = filepath.Join(runs, e.containerID)
	if err := os.MkdirAll(e.directory, 0o755); err != nil {
		return fmt.Errorf("create executor directory: %w", err)
	}
	if err := symlink(e.containerID, filepath.Join(runs, "latest")); err != nil {
		return err
	}
	if e.user == "" {
		return nil
	}
	u, err := user.Lookup(e.user)
	if err != nil {
		return fmt.Errorf("Failed to chown executor directory '%s' to user '%s': No such user", e.directory, e.user) // Mesos's words
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return fmt.Errorf("uid of user %s: %w", e.user, err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return fmt.Errorf("gid of user %s: %w", e.user, err)
	}
	if uid == os.Geteuid() {
		return nil
	}
	return os.Chown(e.directory, uid, gid)
}

// enqueue gives a task to an executor: at once when it is subscribed, else when it subscribes.
func (a *Agent) enqueue(e *execution, t mesos.TaskInfo) {
	if e.phase == ending || e.phase == ended {
		state := "terminating"
		if e.phase == ended {
			state = "terminated"
		}
		a.statusUpdate(e.framework, a.made(t.TaskID, e.framework.lost(mesos.TASK_DROPPED),
			mesos.REASON_EXECUTOR_TERMINATED, "Executor "+state, nil))
		return
	}
	if err := a.saveTask(e, &t); err != nil {
		a.fail(err)
		return
	}
	e.queued = append(e.queued, t)
	if e.phase == active {
		a.deliver(e, []mesos.TaskInfo{t})
	}
}

// deliver grows the container for queued tasks and then sends them.
func (a *Agent) deliver(e *execution, tasks []mesos.TaskInfo) {
	if !a.resize(e) {
		return
	}
	for i := range tasks {
		at := e.queuedAt(tasks[i].TaskID.Value)
		if at < 0 {
			continue // killed meanwhile
		}
		t := e.queued[at]
		e.queued = append(e.queued[:at:at], e.queued[at+1:]...)
		e.launched = append(e.launched, a.staging(e, &t))
		e.tell(&executor.Event{Type: executor.Event_LAUNCH, Launch: &executor.Event_Launch{Task: t}})
	}
}

// resize gives the container what its executor and tasks may use now. When that fails the container is destroyed.
func (a *Agent) resize(e *execution) bool {
	if e.container == nil || e.phase == ended {
		return true
	}
	err := e.container.Resize(e.limits(a.opts.EnableCFS))
	if err == nil {
		return true
	}
	a.log.Errorf("update the resources of container %s of executor %s: %v", e.containerID, e.id(), err)
	e.pending = &termination{
		state: e.framework.lost(mesos.TASK_GONE), reason: mesos.REASON_CONTAINER_UPDATE_FAILED,
		message: "Failed to update resources for container: " + err.Error(),
	}
	e.container.Destroy()
	return false
}

// inject fills in the role to which resources are allocated, where a framework with one role has not said it.
func inject(resources []mesos.Resource, info *mesos.FrameworkInfo) {
	for i := range resources {
		if resources[i].AllocationInfo == nil && len(info.Roles) == 1 {
			resources[i].AllocationInfo = &mesos.Resource_AllocationInfo{Role: &info.Roles[0]}
		}
	}
}

// unsupportedLimits says why the limits of a task cannot be held here.
func (a *Agent) unsupportedLimits(t *mesos.TaskInfo) string {
	for _, l := range []struct{ name, what, isolator string }{{"cpus", "CPU", "cgroups/cpu"}, {"mem", "Memory", "cgroups/mem"}} {
		if _, ok := t.Limits[l.name]; ok && !strings.Contains(a.opts.Isolation, l.isolator) {
			return l.what + " limits can only be set on tasks launched in Mesos containers when the agent has loaded the '" +
				l.isolator + "' isolator"
		}
	}
	return ""
}

// knows says whether the agent has all dynamic reservations among the resources.
func (a *Agent) knows(resources []mesos.Resource) bool {
	for _, r := range resources {
		if r.IsDynamicallyReserved() {
			r.Unallocate()
			found := false
			for i := range a.total {
				found = found || a.total[i].Contains(r)
			}
			if !found {
				return false
			}
		}
	}
	return true
}
