package agent

import (
	"fmt"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	local "k8s-framework/internal/local/mesos/link"
)

// registration is what the agent says first: who it is and, when it has an id already, all that is on it.
func (a *Agent) registration() local.Message {
	first := local.Register{Agent: a.info, IP: a.opts.IP, Version: Version, Total: a.total, BootID: a.opts.BootID}
	if a.info.ID == nil {
		return &first
	}
	m := &local.Reregister{Register: first, Draining: a.drain}
	for _, f := range a.frameworks {
		m.Frameworks = append(m.Frameworks, f.info)
		for _, e := range f.executors {
			for _, t := range append(append([]*task(nil), e.launched...), e.terminated...) {
				m.Tasks = append(m.Tasks, t.Task)
			}
			for i := range e.queued {
				m.Tasks = append(m.Tasks, a.staging(e, &e.queued[i]).Task)
			}
			if !e.generated && e.phase != ended {
				m.Executors = append(m.Executors, local.Executor{FrameworkID: *f.info.ID, Info: e.info})
			}
		}
	}
	for _, f := range a.completed {
		m.Completed = append(m.Completed, f.completed...)
	}
	for _, o := range a.operations {
		m.Operations = append(m.Operations, o.Update)
	}
	return m
}

// received is a message from the master.
func (a *Agent) received(m local.Message) {
	switch m := m.(type) {
	case *local.Registered:
		a.registered(m.AgentID, m.PingTimeout, nil)
	case *local.Reregistered:
		a.registered(m.AgentID, m.PingTimeout, m.Reconcile)
	case *local.Ping:
		a.pinged(m)
	case *local.RunTasks:
		a.runTasks(m)
	case *local.KillTask:
		a.killTask(m)
	case *local.ShutdownExecutor:
		a.shutdownExecutor(m)
	case *local.ShutdownFramework:
		a.shutdownFramework(m.FrameworkID.Value)
	case *local.UpdateFramework:
		a.updateFramework(m)
	case *local.AckUpdate:
		a.acknowledged(m.FrameworkID.Value, m.TaskID.Value, m.UUID)
	case *local.FrameworkMessage:
		a.schedulerMessage(m)
	case *local.ApplyOperation:
		a.applyOperation(m)
	case *local.AckOperation:
		a.acknowledgeOperation(m)
	case *local.Drain:
		a.startDrain(m.Config)
	case *local.Shutdown:
		a.log.Infof("Agent asked to shut down by master@%s because '%s'", a.master.leader, m.Reason)
		a.terminate()
	default:
		a.log.Warnf("ignoring a message of kind %s", m.Kind())
	}
}

// registered is the master's answer to a registration.
func (a *Agent) registered(id mesos.AgentID, pingTimeout int64, reconcile []local.ReconcileTask) {
	if a.phase == terminating {
		return
	}
	if a.info.ID != nil && a.info.ID.Value != id.Value {
		a.fail(fmt.Errorf("registered but got wrong id: %s (expected: %s)", id.Value, a.info.ID.Value))
		return
	}
	a.log.Infof("registered with master %s; given agent ID %s", a.master.leader, id.Value)
	first := a.info.ID == nil
	a.info.ID = &id
	if first && !a.must(a.saveAgent()) {
		return
	}
	if pingTimeout > 0 {
		a.master.timeout = time.Duration(pingTimeout)
	}
	a.enter(running)
	a.master.alive()
	a.updates.resume()
	a.resendOperations()
	for _, r := range reconcile {
		a.reconcile(r)
	}
}

// reconcile answers for a task that the master believes to be here.
func (a *Agent) reconcile(r local.ReconcileTask) {
	f := a.framework(r.FrameworkID.Value)
	if f != nil && f.executorOf(r.TaskID.Value) != nil {
		return
	}
	state := mesos.TASK_LOST
	if r.PartitionAware {
		state = mesos.TASK_DROPPED
	}
	if f == nil {
		id := r.FrameworkID
		f = &framework{info: mesos.FrameworkInfo{ID: &id}}
	}
	a.must(a.updates.add(f, nil, a.made(r.TaskID, &state, mesos.REASON_RECONCILIATION,
		"Reconciliation: task unknown to the agent", nil)))
}

func (a *Agent) pinged(m *local.Ping) {
	a.master.send(&local.Pong{})
	if !m.Connected && a.phase == running {
		a.log.Info("master marked the agent as disconnected but the agent considers itself registered: forcing re-registration")
		a.master.detected(a.master.leader)
		return
	}
	a.master.alive()
}

// forward sends an update to the master, together with the task's latest state.
func (a *Agent) forward(framework string, status mesos.TaskStatus) {
	if a.phase != running {
		return
	}
	m := &local.StatusUpdate{FrameworkID: mesos.FrameworkID{Value: framework}, Status: status, Latest: status.GetState()}
	if f := a.framework(framework); f != nil {
		if e := f.executorOf(status.TaskID.Value); e != nil {
			id := e.info.ExecutorID
			m.ExecutorID = &id
			t := find(e.launched, status.TaskID.Value)
			if t == nil {
				t = find(e.terminated, status.TaskID.Value)
			}
			if t != nil {
				t.StatusUpdateState, t.StatusUpdateUUID = status.State, status.UUID
				m.Latest = t.GetState()
			}
		}
	}
	a.master.send(m)
}
