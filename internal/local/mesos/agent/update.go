package agent

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
)

// now is a time as Mesos writes it: seconds since 1970.
func now() *float64 {
	t := float64(time.Now().UnixNano()) / 1e9
	return &t
}

// made is a status that the agent itself makes.
func (a *Agent) made(
	task mesos.TaskID, state *mesos.TaskState, reason mesos.TaskStatus_Reason, message string, executor *mesos.ExecutorID,
) mesos.TaskStatus {
	id := uuid.New()
	return mesos.TaskStatus{
		TaskID: task, State: state, Source: mesos.SOURCE_AGENT.Enum(), Reason: &reason, Message: &message,
		AgentID: a.info.ID, ExecutorID: executor, Timestamp: now(), UUID: id[:],
	}
}

// executorUpdate is an UPDATE call of an executor, or one of the updates that came with its SUBSCRIBE.
func (a *Agent) executorUpdate(f *framework, status mesos.TaskStatus) {
	status.AgentID = a.info.ID
	status.Source = mesos.SOURCE_EXECUTOR.Enum()
	if status.Timestamp == nil {
		status.Timestamp = now()
	}
	a.statusUpdate(f, status)
}

// statusUpdate takes an update of a task, from the executor or from the agent itself: it changes what is known of the
// task, shrinks the container when the task is over, writes the update down, starts it on its way, and then tells the executor
// that it has it.
func (a *Agent) statusUpdate(f *framework, status mesos.TaskStatus) {
	id := status.TaskID.Value
	if f.terminating {
		a.log.Warnf("ignoring update %s of task %s of terminating framework %s", status.GetState(), id, f.id())
		return
	}
	a.markDraining(f, &status)
	e := f.executorOf(id)
	if e == nil {
		// Passed on all the same, but not durable, and the executor hears nothing.
		a.must(a.updates.add(f, nil, status))
		return
	}
	fresh := e.queuedAt(id) >= 0 || find(e.launched, id) != nil &&
		(status.GetState() == mesos.TASK_DROPPED || status.GetState() == mesos.TASK_LOST) && status.GetSource() == mesos.SOURCE_AGENT
	if !fresh {
		a.addContainerStatus(e, &status)
	}
	if err := a.advance(e, status); err != nil {
		// The task is over already: the executor is told that all is well, the scheduler nothing.
		a.log.Warnf("update %s of task %s: %v", status.GetState(), id, err)
	} else {
		if terminal(status.GetState()) {
			a.resize(e)
		}
		if !a.must(a.updates.add(f, e, status)) {
			return
		}
	}
	if status.GetSource() == mesos.SOURCE_EXECUTOR {
		e.tell(&executor.Event{
			Type:         executor.Event_ACKNOWLEDGED,
			Acknowledged: &executor.Event_Acknowledged{TaskID: status.TaskID, UUID: status.UUID},
		})
	}
}

// must ends the agent when something could not be made durable.
func (a *Agent) must(err error) bool {
	if err != nil {
		a.fail(err)
	}
	return err == nil
}

// markDraining rewrites what a draining agent rewrites.
func (a *Agent) markDraining(f *framework, status *mesos.TaskStatus) {
	if a.drain == nil || status.GetState() != mesos.TASK_KILLING && status.GetState() != mesos.TASK_KILLED {
		return
	}
	status.Reason = mesos.REASON_AGENT_DRAINING.Enum()
	if a.drain.GetMarkGone() && f.partitionAware() {
		status.State = mesos.TASK_GONE_BY_OPERATOR.Enum()
	}
}

// addContainerStatus says where the task runs, as long as its container is there.
func (a *Agent) addContainerStatus(e *execution, status *mesos.TaskStatus) {
	if e.container == nil || e.phase == ended {
		return
	}
	if status.ContainerStatus == nil {
		status.ContainerStatus = &mesos.ContainerStatus{}
	}
	c := *status.ContainerStatus
	if c.ContainerID == nil {
		c.ContainerID = &mesos.ContainerID{Value: e.containerID}
	}
	if pid := uint32(e.container.PID()); pid != 0 {
		c.ExecutorPID = &pid
	}
	if len(c.NetworkInfos) == 0 {
		ip := a.opts.IP
		c.NetworkInfos = []mesos.NetworkInfo{{IPAddresses: []mesos.NetworkInfo_IPAddress{{IPAddress: &ip}}}}
	}
	status.ContainerStatus = &c
}

// advance brings a task to the state of an update.
func (a *Agent) advance(e *execution, status mesos.TaskStatus) error {
	id := status.TaskID.Value
	over := terminal(status.GetState())
	var t *task
	if at := e.queuedAt(id); at >= 0 {
		if !over {
			return fmt.Errorf("cannot send non-terminal update for queued task")
		}
		t = a.staging(e, &e.queued[at])
		e.queued = append(e.queued[:at:at], e.queued[at+1:]...)
	} else if t = find(e.launched, id); t == nil {
		return fmt.Errorf("the task is already terminated")
	} else if over {
		e.launched = without(e.launched, id)
	}
	if n := len(t.Statuses); n > 0 && t.Statuses[n-1].GetState() == status.GetState() {
		t.Statuses = t.Statuses[:n-1]
	}
	t.Statuses = append(t.Statuses, status)
	t.State = status.State
	if over {
		e.terminated = append(e.terminated, t)
	}
	return nil
}

// terminal says whether a task in the state is over.
func terminal(s mesos.TaskState) bool {
	switch s {
	case mesos.TASK_FINISHED, mesos.TASK_FAILED, mesos.TASK_KILLED, mesos.TASK_ERROR, mesos.TASK_LOST, mesos.TASK_DROPPED,
		mesos.TASK_GONE, mesos.TASK_GONE_BY_OPERATOR:
		return true
	}
	return false
}

// acknowledged is a scheduler's ACKNOWLEDGE.
func (a *Agent) acknowledged(framework, taskID string, id []byte) {
	if a.phase != running {
		return
	}
	last, err := a.updates.acknowledge(framework, taskID, id)
	if err != nil {
		a.log.Warnf("acknowledgement for task %s of framework %s: %v", taskID, framework, err)
		return
	}
	f := a.framework(framework)
	if f == nil {
		return
	}
	e := f.executorOf(taskID)
	if e == nil {
		return
	}
	if t := find(e.terminated, taskID); t != nil && last {
		e.terminated = without(e.terminated, taskID)
		e.completed = append(e.completed, t)
		if len(e.completed) > maxCompletedTasks {
			e.completed = e.completed[1:]
		}
	}
	if e.phase == ended && !e.incomplete() {
		a.removeExecution(e)
	}
	a.forgetIfIdle(f)
}
