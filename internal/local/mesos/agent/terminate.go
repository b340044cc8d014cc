package agent

import (
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"k8s-framework/internal/local/mesos/agent/container"

	"k8s-framework/internal/local/mesos/flags"
)

// containerEvent is what a container has to say.
func (a *Agent) containerEvent(e *execution, event container.Event) {
	switch event := event.(type) {
	case container.Launched:
		if e.phase == ending {
			e.container.Destroy()
		}
	case container.Failed:
		a.log.Errorf("container %s of executor %s failed to start: %v", e.containerID, e.id(), event.Err)
		e.pending = &termination{
			state: mesos.TASK_FAILED.Enum(), reason: mesos.REASON_CONTAINER_LAUNCH_FAILED,
			message: "Failed to launch container: " + event.Err.Error(),
		}
	case container.Ended:
		a.executorEnded(e, event.Exit)
	}
}

// registrationTimeout ends an executor that did not subscribe after its launch.
func (a *Agent) registrationTimeout(e *execution) {
	if e.phase != registering || e.framework.terminating {
		return
	}
	a.log.Infof("terminating executor %s because it did not register within %s", e.id(), flags.FormatDuration(a.opts.RegistrationTimeout))
	e.phase = ending
	e.pending = &termination{
		state: mesos.TASK_FAILED.Enum(), reason: mesos.REASON_EXECUTOR_REGISTRATION_TIMEOUT,
		message: "Executor did not register within " + flags.FormatDuration(a.opts.RegistrationTimeout),
	}
	e.container.Destroy()
}

// executorEnded is the end of an executor's container: the master hears of it first, then of each task that is not over.
func (a *Agent) executorEnded(e *execution, exit container.Exit) {
	f := e.framework
	status := int32(-1)
	if exit.Status != nil {
		status = int32(*exit.Status)
	}
	a.log.Infof("executor %s of framework %s has ended with wait status %d", e.id(), f.id(), status)
	e.phase = ended
	a.closeStream(e)
	if !e.generated {
		a.master.exited(f.id(), e.id(), status)
	}
	if f.terminating {
		e.terminated = append(e.terminated, e.launched...)
		e.launched = nil
	} else {
		var ids []mesos.TaskID
		for _, t := range e.launched {
			ids = append(ids, t.TaskID)
		}
		for i := range e.queued {
			ids = append(ids, e.queued[i].TaskID)
		}
		for _, id := range ids {
			a.statusUpdate(f, a.executorTerminated(e, id, exit))
		}
	}
	if a.phase == terminating || f.terminating || !e.incomplete() {
		a.removeExecution(e)
	}
	a.forgetIfIdle(f)
}

// executorTerminated is the last status of a task whose executor has ended.
func (a *Agent) executorTerminated(e *execution, id mesos.TaskID, exit container.Exit) mesos.TaskStatus {
	state, reason, message := mesos.TASK_FAILED.Enum(), mesos.REASON_EXECUTOR_TERMINATED, ""
	if e.pending != nil {
		state, reason, message = e.pending.state, e.pending.reason, e.pending.message
	}
	if l := exit.Limitation; l != nil {
		state, reason = mesos.TASK_FAILED.Enum(), l.Reason
		if message != "" {
			message += "; "
		}
		message += l.Message
	}
	if message == "" {
		message = "Executor terminated"
	}
	who := e.info.ExecutorID
	status := a.made(id, state, reason, message, &who)
	if l := exit.Limitation; l != nil {
		status.Limitation = &mesos.TaskResourceLimitation{Resources: []mesos.Resource{{
			Name: "mem", Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: float64(l.MemBytes) / (1 << 20)},
		}}}
	}
	return status
}

// removeExecution forgets an executor that has ended and whose updates are all acknowledged, or do not matter any more.
func (a *Agent) removeExecution(e *execution) {
	if e.checkpoint {
		if err := checkpointText(a.paths.sentinel(a.info.GetID().Value, e), nil); err != nil {
			a.fail(err)
			return
		}
	}
	f := e.framework
	for i := range f.executors {
		if f.executors[i] == e {
			f.executors = append(f.executors[:i:i], f.executors[i+1:]...)
			break
		}
	}
	for _, tasks := range [][]*task{e.completed, e.terminated} {
		for _, t := range tasks {
			f.completed = append(f.completed, t.Task)
		}
	}
	if over := len(f.completed) - maxCompletedTasks; over > 0 {
		f.completed = f.completed[over:]
	}
}

// forgetIfIdle forgets a framework that has no executor. Its updates are not sent any more.
func (a *Agent) forgetIfIdle(f *framework) {
	if len(f.executors) > 0 {
		return
	}
	for i := range a.frameworks {
		if a.frameworks[i] == f {
			a.frameworks = append(a.frameworks[:i:i], a.frameworks[i+1:]...)
			a.completed = append(a.completed, f)
			if len(a.completed) > maxCompletedFrameworks {
				a.completed = a.completed[1:]
			}
			break
		}
	}
	a.updates.cleanup(f.id())
	a.drained()
	if a.phase == terminating && len(a.frameworks) == 0 {
		a.over = true
	}
}

// adoptCompleted gives a framework that comes again what it had here before.
func (a *Agent) adoptCompleted(f *framework) {
	for i, c := range a.completed {
		if c.id() == f.id() {
			f.completed = c.completed
			a.completed = append(a.completed[:i:i], a.completed[i+1:]...)
			return
		}
	}
}
