package agent

import (
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"

	local "k8s-framework/internal/local/mesos/link"
)

// killTask is a scheduler's KILL.
func (a *Agent) killTask(m *local.KillTask) {
	if a.phase == recovering || a.phase == terminating {
		a.log.Warnf("cannot kill task %s because the agent is %s", m.TaskID.Value, a.phase)
		return
	}
	f := a.framework(m.FrameworkID.Value)
	if f == nil || f.terminating {
		a.log.Warnf("ignoring kill of task %s because framework %s does not run here", m.TaskID.Value, m.FrameworkID.Value)
		return
	}
	e := f.executorOf(m.TaskID.Value)
	if e == nil {
		a.statusUpdate(f, a.made(m.TaskID, f.lost(mesos.TASK_DROPPED), mesos.REASON_EXECUTOR_TERMINATED, "Cannot find executor", nil))
		return
	}
	a.kill(e, m.TaskID, m.KillPolicy)
}

// kill ends a task of an executor in whatever phase the two are. Nothing sees to it that a subscribed executor obeys.
func (a *Agent) kill(e *execution, id mesos.TaskID, policy *mesos.KillPolicy) {
	switch {
	case e.phase == registering:
		a.killUndelivered(e, id)
	case e.phase != active:
		a.log.Warnf("ignoring kill of task %s because executor %s is ending", id.Value, e.id())
	case e.queuedAt(id.Value) >= 0:
		a.killUndelivered(e, id)
		if !e.everSentTask() && len(e.queued) == 0 {
			a.shutdownExecution(e)
		}
	default:
		e.tell(&executor.Event{Type: executor.Event_KILL, Kill: &executor.Event_Kill{TaskID: id, KillPolicy: policy}})
	}
}

func (a *Agent) killUndelivered(e *execution, id mesos.TaskID) {
	who := e.info.ExecutorID
	a.statusUpdate(e.framework, a.made(id, mesos.TASK_KILLED.Enum(),
		mesos.REASON_TASK_KILLED_DURING_LAUNCH, "Killed before delivery to the executor", &who))
}

// shutdownExecutor is a scheduler's SHUTDOWN.
func (a *Agent) shutdownExecutor(m *local.ShutdownExecutor) {
	if a.phase == recovering || a.phase == disconnected {
		return
	}
	f := a.framework(m.FrameworkID.Value)
	if f == nil || f.terminating {
		a.log.Warnf("cannot shut down executor %s of unknown framework %s", m.ExecutorID.Value, m.FrameworkID.Value)
		return
	}
	e := f.executor(m.ExecutorID.Value)
	if e == nil || e.phase == ending || e.phase == ended {
		a.log.Warnf("ignoring shutdown of executor %s, which does not run", m.ExecutorID.Value)
		return
	}
	a.shutdownExecution(e)
}

// shutdownExecution asks an executor to end, and destroys it when it has not done so within its grace period.
func (a *Agent) shutdownExecution(e *execution) {
	a.log.Infof("shutting down executor %s of framework %s", e.id(), e.framework.id())
	e.phase = ending
	e.tell(&executor.Event{Type: executor.Event_SHUTDOWN})
	e.grace = a.after(a.graceOf(e), func() {
		if e.phase == ending && e.container != nil {
			a.log.Infof("killing executor %s of framework %s", e.id(), e.framework.id())
			e.container.Destroy()
		}
	})
}

// shutdownFramework ends everything of a framework. What its executors say from now on goes nowhere.
func (a *Agent) shutdownFramework(id string) {
	if a.phase == recovering || a.phase == disconnected {
		a.log.Warnf("ignoring shutdown of framework %s because the agent is not registered", id)
		return
	}
	f := a.framework(id)
	if f == nil || f.terminating {
		return
	}
	a.log.Infof("shutting down framework %s", id)
	f.terminating = true
	for _, e := range append([]*execution(nil), f.executors...) {
		switch e.phase {
		case registering, active:
			a.shutdownExecution(e)
		case ended:
			a.removeExecution(e)
		}
	}
	a.forgetIfIdle(f)
}

// schedulerMessage is a scheduler's MESSAGE.
func (a *Agent) schedulerMessage(m *local.FrameworkMessage) {
	f := a.framework(m.FrameworkID.Value)
	if a.phase != running || f == nil || f.terminating {
		return
	}
	if e := f.executor(m.ExecutorID.Value); e != nil && e.phase == active {
		e.tell(&executor.Event{Type: executor.Event_MESSAGE, Message: &executor.Event_Message{Data: m.Data}})
	}
}

// updateFramework is a new FrameworkInfo. It also makes the framework's updates go once more, as after a re-registration.
func (a *Agent) updateFramework(m *local.UpdateFramework) {
	f := a.framework(m.Framework.GetID().Value)
	if a.phase != running || f == nil || f.terminating {
		return
	}
	f.info = m.Framework
	if f.info.GetCheckpoint() {
		if err := checkpoint(a.paths.frameworkInfo(a.info.GetID().Value, f.id()), &f.info); err != nil {
			a.fail(err)
			return
		}
	}
	a.updates.resume()
}

// executorMessage is an executor's MESSAGE call.
func (a *Agent) executorMessage(e *execution, data []byte) {
	if a.phase == running && !e.framework.terminating {
		a.master.send(&local.ExecutorMessage{FrameworkID: *e.framework.info.ID, ExecutorID: e.info.ExecutorID, Data: data})
	}
}
