package master

import (
	"fmt"
	"net/http"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"k8s-framework/internal/local/mesos/link"
)

// acceptLink takes an agent's connection over and reads it until it breaks.
func (m *Master) acceptLink(w http.ResponseWriter, r *http.Request) {
	if !m.Leads() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	conn, err := link.Accept(w, r)
	if err != nil {
		return
	}
	defer conn.Close()
	s := &session{m: m, conn: conn}
	for {
		message, err := conn.Receive()
		if err != nil {
			m.post(func() { m.linkClosed(s) })
			return
		}
		if !m.post(func() { s.handle(message) }) {
			return
		}
	}
}

// session is one connection of an agent, seen by the loop.
type session struct {
	m     *Master
	conn  Peer
	agent *agent // once it has registered
	asked bool   // a registration is on its way through the registry
}

// current says whether this is the connection on which its agent is registered.
func (s *session) current() bool { return s.agent != nil && s.agent.conn == s.conn }

func (s *session) handle(message link.Message) {
	m := s.m
	switch message := message.(type) {
	case *link.Register:
		m.register(s, message)
		return
	case *link.Reregister:
		m.reregister(s, message)
		return
	}
	if !s.current() {
		return // an agent that was removed meanwhile
	}
	switch message := message.(type) {
	case *link.Unregister:
		m.removeAgent(s.agent, "the agent unregistered")
	case *link.Pong:
		s.agent.pinged, s.agent.missedPings = false, 0
	case *link.StatusUpdate:
		m.statusUpdate(s.agent, message)
	case *link.ExitedExecutor:
		m.exitedExecutor(s.agent, message)
	case *link.ExecutorMessage:
		m.executorMessage(s.agent, message)
	case *link.OperationUpdate:
		m.operationUpdate(s.agent, message)
	}
}

// linkClosed is called when a connection has broken.
func (m *Master) linkClosed(s *session) {
	if s.current() {
		m.disconnect(s.agent)
	}
}

// disconnect deactivates an agent whose connection broke: its offers are rescinded, and the tasks of frameworks that do
// not checkpoint are lost. It stays registered until pings have been missed.
func (m *Master) disconnect(a *agent) {
	m.log.info("Agent %s at %s (%s) disconnected", a.id, a.pid(), a.info.Hostname)
	a.conn.Close()
	a.conn = nil
	m.rescindAgent(a)
	m.rescindInverse(a)
	for _, t := range sortedAgentTasks(a) {
		f := m.frameworks[t.FrameworkID.Value]
		if f == nil || f.info.GetCheckpoint() {
			continue
		}
		m.loseTask(f, t, fmt.Sprintf("Agent %s disconnected", a.info.Hostname), mesos.REASON_AGENT_DISCONNECTED)
	}
	for key := range a.executors {
		if f := m.frameworks[key.framework]; f != nil && !f.info.GetCheckpoint() {
			m.removeExecutor(a, key)
		}
	}
}

// loseTask ends a task as TASK_LOST.
func (m *Master) loseTask(f *framework, t *task, message string, reason mesos.TaskStatus_Reason) {
	over := terminal(t.GetState())
	m.setTaskState(t, mesos.TASK_LOST)
	if !over {
		m.sendStatus(f, t.fromMaster(mesos.TASK_LOST, message, reason))
		m.tellTaskUpdated(t, t.fromMaster(mesos.TASK_LOST, message, reason))
	}
	m.removeTask(t)
}

// refuseAgent tells an agent to end.
func (m *Master) refuseAgent(conn Peer, reason string) {
	conn.Send(&link.Shutdown{Reason: reason}) // the agent may have gone
	conn.CloseAfterSend()
}

// register admits an agent that has no id. An agent that was registered at the same address has been replaced by it.
func (m *Master) register(s *session, r *link.Register) {
	if s.current() { // said again because the answer was late
		s.conn.Send(&link.Registered{AgentID: mesos.AgentID{Value: s.agent.id}, PingTimeout: m.pingTimeout()}) // it may have gone
		return
	}
	if s.asked {
		return
	}
	if m.machines.down(r.Agent.Hostname, r.IP) {
		m.refuseAgent(s.conn, "Machine is `DOWN`")
		return
	}
	if a := m.byAddress[agentPID(r.IP, r.Agent.GetPort())]; a != nil {
		m.removeAgent(a, "a new agent registered at the same address")
	}
	id := fmt.Sprintf("%s-S%d", m.info.ID, m.nextAgent)
	m.nextAgent++
	s.asked = true
	m.registry.admit(id, func() {
		s.asked = false
		r.Agent.ID = &mesos.AgentID{Value: id}
		a := newAgent(id, r)
		a.registered = time.Now()
		m.addAgent(a, s)
		m.log.info("Registered agent %s at %s (%s)", id, a.pid(), a.info.Hostname)
		a.send(&link.Registered{AgentID: mesos.AgentID{Value: id}, PingTimeout: m.pingTimeout()})
	})
}

func (m *Master) pingTimeout() int64 {
	return int64(m.flags.AgentPingTimeout) * int64(m.flags.MaxAgentPingTimeouts)
}

func newAgent(id string, r *link.Register) *agent {
	a := &agent{
		id: id, tasks: map[taskKey]*task{}, executors: map[executorKey]*mesos.ExecutorInfo{}, offers: map[string]*offer{},
		inverse: map[string]*inverseOffer{}, killed: map[taskKey]bool{},
	}
	a.describe(r)
	a.free = a.total
	return a
}

// describe takes over what an agent says of itself.
func (a *agent) describe(r *link.Register) {
	a.info, a.ip, a.version = r.Agent, r.IP, r.Version
	a.info.ID = &mesos.AgentID{Value: a.id}
	a.total = fromProto(r.Total)
	if len(r.Total) == 0 {
		a.total = fromProto(r.Agent.Resources)
	}
	a.total = a.total.allocated("")
}

// addAgent enters an agent into the books and starts to ping it.
func (m *Master) addAgent(a *agent, s *session) {
	a.conn, s.agent = s.conn, a
	a.index = len(m.agentList)
	m.agents[a.id] = a
	m.agentList = append(m.agentList, a)
	m.byAddress[a.pid()] = a
	m.state.total.add(a.total, 1)
	delete(m.recovered, a.id)
	a.deactivated, a.drain, a.drainStarted = m.registry.condition(a.id)
	m.ping(a)
	m.tellAgentAdded(a)
	m.askAllocation()
}

// dropAgent takes an agent out of the books. Its tasks and executors have been dealt with.
func (m *Master) dropAgent(a *agent) {
	m.timers.stop(a.pinger)
	m.state.total.add(a.total, -1)
	delete(m.agents, a.id)
	if m.byAddress[a.pid()] == a {
		delete(m.byAddress, a.pid())
	}
	m.agentList[a.index] = nil
	if len(m.agents)*2 < len(m.agentList) {
		m.compactAgents()
	}
	for _, f := range m.frameworks {
		for _, role := range f.roles() {
			delete(f.filters, filterKey{a.id, role})
		}
		delete(f.inverse, a.id)
		delete(f.responses, a.id)
	}
	m.tellAgentRemoved(a)
}

func (m *Master) compactAgents() {
	list := make([]*agent, 0, len(m.agents))
	for _, a := range m.agentList {
		if a != nil {
			a.index = len(list)
			list = append(list, a)
		}
	}
	m.agentList = list
}

// removeAgent takes an agent out for good: its tasks are lost, its id is not unreachable but unknown from now on.
func (m *Master) removeAgent(a *agent, why string) {
	m.log.info("Removing agent %s at %s (%s): %s", a.id, a.pid(), a.info.Hostname, why)
	m.registry.remove(a.id)
	message := fmt.Sprintf("Agent %s removed: %s", a.info.Hostname, why)
	for _, t := range sortedAgentTasks(a) {
		if f := m.frameworks[t.FrameworkID.Value]; f != nil {
			m.loseTask(f, t, message, mesos.REASON_AGENT_REMOVED)
		}
	}
	m.finishAgent(a)
}

// finishAgent ends what is left of an agent whose tasks have been dealt with.
func (m *Master) finishAgent(a *agent) {
	for key := range a.executors {
		m.removeExecutor(a, key)
	}
	m.rescindAgent(a)
	m.rescindInverse(a)
	m.dropAgent(a)
	m.agentFailure(a.id)
	if a.conn != nil {
		a.conn.CloseAfterSend()
		a.conn = nil
	}
}
