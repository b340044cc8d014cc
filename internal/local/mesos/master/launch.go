package master

import (
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"k8s-framework/internal/local/mesos/link"
)

// launch validates one task, takes its resources from the offers and sends it to the agent.
func (m *Master) launch(acc *acceptance, info mesos.TaskInfo) {
	f, a := acc.framework, acc.agent
	prepare(&info, f, acc.role)
	need := fromProto(info.Resources)
	var key executorKey
	starts := false // an executor that is not there yet
	if info.Executor != nil {
		key = executorKey{f.id, info.Executor.ExecutorID.Value}
		starts = a.executors[key] == nil
		if starts {
			need = need.plus(fromProto(info.Executor.Resources))
		}
	}
	if text := m.refuseLaunch(acc, &info, need); text != "" {
		m.refuseTask(f, info, mesos.TASK_ERROR, mesos.REASON_TASK_INVALID, text)
		return
	}
	acc.left = acc.left.minus(need)
	if starts {
		executor := *info.Executor
		m.addExecutor(a, key, &executor)
	}
	m.addTask(a, f, newTask(&info, f))
	m.counts.Launched.add(1)
	m.log.info("Launching task %s of framework %s on agent %s", info.TaskID.Value, f.id, a.id)
	a.send(&link.RunTasks{Framework: f.info, Executor: info.Executor, Tasks: []mesos.TaskInfo{info}, Launch: starts})
}

// prepare fills in what a scheduler may leave out: to which role resources are allocated, the executor's framework.
func prepare(info *mesos.TaskInfo, f *framework, role string) {
	info.Resources = allocate(info.Resources, role)
	if info.Executor == nil {
		return
	}
	executor := *info.Executor
	executor.Resources = allocate(executor.Resources, role)
	if executor.FrameworkID == nil {
		executor.FrameworkID = &mesos.FrameworkID{Value: f.id}
	}
	if executor.Type == mesos.ExecutorInfo_UNKNOWN {
		executor.Type = mesos.ExecutorInfo_CUSTOM
	}
	info.Executor = &executor
}

// allocate copies resources, allocating to the role what is allocated to none, in the present format of reservations.
func allocate(list []mesos.Resource, role string) []mesos.Resource {
	copied := make([]mesos.Resource, len(list))
	for i, r := range list {
		if r.AllocationInfo == nil {
			r.AllocationInfo = &mesos.Resource_AllocationInfo{Role: new(role)}
		}
		if r.Reservation != nil || (r.Role != nil && *r.Role != "*" && len(r.Reservations) == 0) {
			r.Reservations = []mesos.Resource_ReservationInfo{refined(&r)}
			r.Reservation = nil
		}
		r.Role = nil
		copied[i] = r
	}
	return copied
}

func newTask(info *mesos.TaskInfo, f *framework) *task {
	t := &task{resources: fromProto(info.Resources)}
	t.Task = mesos.Task{
		Name: info.Name, TaskID: info.TaskID, FrameworkID: mesos.FrameworkID{Value: f.id}, AgentID: info.AgentID,
		State: mesos.TASK_STAGING.Enum(), Resources: info.Resources, Labels: info.Labels, Discovery: info.Discovery,
		Container: info.Container, HealthCheck: info.HealthCheck, KillPolicy: info.KillPolicy,
	}
	if info.Executor != nil {
		t.ExecutorID = &mesos.ExecutorID{Value: info.Executor.ExecutorID.Value}
	}
	return t
}

// addTask enters a task into the books of its agent and its framework. Its resources are taken from free, or have been.
func (m *Master) addTask(a *agent, f *framework, t *task) {
	a.tasks[t.key()] = t
	f.tasks[t.TaskID.Value] = t
	if !terminal(t.GetState()) {
		a.used = a.used.plus(t.resources)
		f.allocated.add(t.resources, 1)
	}
	m.tellTaskAdded(t)
}

func (m *Master) addExecutor(a *agent, key executorKey, info *mesos.ExecutorInfo) {
	r := fromProto(info.Resources)
	a.executors[key] = info
	a.used = a.used.plus(r)
	if f := m.frameworks[key.framework]; f != nil {
		f.allocated.add(r, 1)
	}
}

// removeExecutor frees an executor's resources.
func (m *Master) removeExecutor(a *agent, key executorKey) {
	info := a.executors[key]
	if info == nil {
		return
	}
	delete(a.executors, key)
	r := fromProto(info.Resources)
	if f := m.frameworks[key.framework]; f != nil {
		f.allocated.add(r, -1)
	}
	a.release(r)
}

// release gives used resources back.
func (a *agent) release(r resources) {
	a.used = a.used.minus(r)
	a.free = a.free.plus(r.allocated(""))
}

// setTaskState changes the latest state; the first terminal one frees the resources and stays.
func (m *Master) setTaskState(t *task, state mesos.TaskState) {
	if terminal(t.GetState()) {
		return
	}
	released := t.GetState() == mesos.TASK_UNREACHABLE
	t.State = state.Enum()
	if released || (!terminal(state) && state != mesos.TASK_UNREACHABLE) {
		return
	}
	if f := m.frameworks[t.FrameworkID.Value]; f != nil {
		f.allocated.add(t.resources, -1)
	}
	if a := m.agents[t.AgentID.Value]; a != nil && a.tasks[t.key()] == t {
		a.release(t.resources)
	}
}

// removeTask moves a task whose state is terminal, or unreachable, to the framework's history.
func (m *Master) removeTask(t *task) {
	if a := m.agents[t.AgentID.Value]; a != nil {
		delete(a.tasks, t.key())
		delete(a.killed, t.key())
	}
	f := m.frameworks[t.FrameworkID.Value]
	if f == nil || f.tasks[t.TaskID.Value] != t {
		return
	}
	delete(f.tasks, t.TaskID.Value)
	f.done = append(f.done, t)
	if extra := len(f.done) - m.flags.MaxCompletedTasksPerFramework; extra > 0 {
		f.done = f.done[extra:]
	}
}

// sendStatus sends an update that the master makes itself.
func (m *Master) sendStatus(f *framework, status *mesos.TaskStatus) {
	status.Timestamp = new(float64(time.Now().UnixNano()) / 1e9)
	f.send(updateEvent(status))
}
