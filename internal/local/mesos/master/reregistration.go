package master

import (
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"k8s-framework/internal/local/mesos/link"
)

// reregister takes an agent back that has an id: one that is registered, that was unreachable, that another master has
// admitted, or that nobody remembers. Gone agents and machines that are down are told to end.
func (m *Master) reregister(s *session, r *link.Reregister) {
	id := r.Agent.GetID().GetValue()
	switch {
	case s.asked:
		return
	case m.registry.gone(id):
		m.refuseAgent(s.conn, "Agent has been marked gone")
		return
	case m.machines.down(r.Agent.Hostname, r.IP):
		m.refuseAgent(s.conn, "Machine is `DOWN`")
		return
	}
	if a := m.agents[id]; a != nil {
		m.takeBack(a, s, r)
		return
	}
	s.asked = true
	wasUnreachable := m.registry.unreachable(id) != nil
	m.registry.markReachable(id, func() {
		s.asked = false
		if m.agents[id] == nil {
			m.readmit(s, r, wasUnreachable)
		}
	})
}

// takeBack is for an agent that is registered: its connection broke, or its process was started again.
func (m *Master) takeBack(a *agent, s *session, r *link.Reregister) {
	if a.conn != nil && a.conn != s.conn {
		a.conn.Close()
		m.rescindAgent(a)
		m.rescindInverse(a)
	}
	a.conn, s.agent = s.conn, a
	a.pinged, a.missedPings = false, 0
	m.state.total.add(a.total, -1)
	delete(m.byAddress, a.pid())
	a.describe(&r.Register)
	m.byAddress[a.pid()] = a
	m.state.total.add(a.total, 1)
	a.reregistered = time.Now()
	m.log.info("Re-registered agent %s at %s (%s)", a.id, a.pid(), a.info.Hostname)

	answer := m.reregistered(a)
	answer.Reconcile = m.missingTasks(a, r)
	a.send(answer)
	m.adoptFrameworks(a, r)
	m.replaceExecutors(a, r)
	m.adoptTasks(a, r, false)
	m.resumeAgent(a, r)
}

// readmit is for an agent that is not registered with this master.
func (m *Master) readmit(s *session, r *link.Reregister, wasUnreachable bool) {
	a := newAgent(r.Agent.GetID().GetValue(), &r.Register)
	a.registered = time.Now()
	a.reregistered = a.registered
	m.addAgent(a, s)
	m.log.info("Re-registered agent %s at %s (%s)", a.id, a.pid(), a.info.Hostname)
	a.send(m.reregistered(a))
	m.adoptFrameworks(a, r)
	m.replaceExecutors(a, r)
	m.adoptTasks(a, r, wasUnreachable)
	m.resumeAgent(a, r)
}

func (m *Master) reregistered(a *agent) *link.Reregistered {
	return &link.Reregistered{AgentID: mesos.AgentID{Value: a.id}, PingTimeout: m.pingTimeout()}
}

// missingTasks are those that the master believes to be on the agent and that it has not named.
func (m *Master) missingTasks(a *agent, r *link.Reregister) []link.ReconcileTask {
	named := map[taskKey]bool{}
	for i := range r.Tasks {
		named[taskKey{r.Tasks[i].FrameworkID.Value, r.Tasks[i].TaskID.Value}] = true
	}
	var missing []link.ReconcileTask
	for _, t := range sortedAgentTasks(a) {
		f := m.frameworks[t.FrameworkID.Value]
		if named[t.key()] || f == nil {
			continue
		}
		if terminal(t.GetState()) { // over, and the agent has forgotten it
			m.removeTask(t)
			continue
		}
		missing = append(missing, link.ReconcileTask{FrameworkID: t.FrameworkID, TaskID: t.TaskID, PartitionAware: f.partitionAware()})
	}
	return missing
}

// adoptFrameworks makes frameworks known that only the agent remembers, and shuts down those that are over.
func (m *Master) adoptFrameworks(a *agent, r *link.Reregister) {
	for _, info := range r.Frameworks {
		id := info.GetID().GetValue()
		if m.completedIDs[id] {
			a.send(&link.ShutdownFramework{FrameworkID: mesos.FrameworkID{Value: id}})
			continue
		}
		if m.frameworks[id] == nil {
			f := newFramework(info, len(m.frameworks)+len(m.completed))
			f.recovered = true
			m.frameworks[id] = f
		}
	}
}

// replaceExecutors makes the master's view of the executors the agent's.
func (m *Master) replaceExecutors(a *agent, r *link.Reregister) {
	named := map[executorKey]*mesos.ExecutorInfo{}
	for i := range r.Executors {
		e := &r.Executors[i]
		if m.frameworks[e.FrameworkID.Value] != nil {
			named[executorKey{e.FrameworkID.Value, e.Info.ExecutorID.Value}] = &e.Info
		}
	}
	for key := range a.executors {
		if named[key] == nil {
			m.removeExecutor(a, key)
		}
	}
	for key, info := range named {
		if a.executors[key] == nil {
			m.addExecutor(a, key, info)
		}
	}
}

// adoptTasks makes tasks known that only the agent remembers. When the agent was unreachable their frameworks are told that
// they are back.
func (m *Master) adoptTasks(a *agent, r *link.Reregister, wasUnreachable bool) {
	for i := range r.Tasks {
		message := r.Tasks[i]
		f := m.frameworks[message.FrameworkID.Value]
		if f == nil {
			continue
		}
		t := a.tasks[taskKey{f.id, message.TaskID.Value}]
		if t == nil {
			message.AgentID = mesos.AgentID{Value: a.id}
			t = &task{Task: message, resources: fromProto(message.Resources)}
			f.unhide(t.TaskID.Value)
			m.addTask(a, f, t)
		} else {
			m.setTaskState(t, message.GetState())
		}
		if wasUnreachable {
			status := t.fromMaster(t.GetState(), "Unreachable agent re-reregistered", mesos.REASON_AGENT_REREGISTERED)
			t.addDetails(status)
			m.sendStatus(f, status)
		}
		if a.killed[t.key()] && !terminal(t.GetState()) {
			a.send(&link.KillTask{FrameworkID: t.FrameworkID, TaskID: t.TaskID})
		}
	}
	clear(a.killed)
	for i := range r.Operations {
		m.operationUpdate(a, &r.Operations[i])
	}
}

// resumeAgent recomputes what is free, goes on with a drain, and makes offers.
func (m *Master) resumeAgent(a *agent, r *link.Reregister) {
	a.free = a.total.minus(a.used.allocated("").merged())
	for _, o := range a.offers {
		a.free = a.free.minus(o.resources.allocated(""))
	}
	for _, info := range r.Frameworks {
		if f := m.frameworks[info.GetID().GetValue()]; f != nil && f.connected() {
			a.send(&link.UpdateFramework{Framework: f.info})
		}
	}
	if a.drain != nil && a.drain.State == mesos.DrainState_DRAINING {
		a.send(&link.Drain{Config: a.drain.Config})
		m.checkDrained(a)
	}
	m.askAllocation()
}

// merged adds up amounts that became the same when their allocation was taken off.
func (all resources) merged() resources {
	var sum resources
	return sum.plus(all)
}
