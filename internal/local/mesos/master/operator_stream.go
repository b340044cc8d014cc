package master

import (
	"net/http"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mastercalls "github.com/mesos/mesos-go/api/v1/lib/master"

	"k8s-framework/internal/local/mesos/wire"
)

// operatorStream is one subscriber of the operator API.
type operatorStream struct {
	stream    *wire.Stream
	heartbeat *timer
}

// serveOperatorStream is SUBSCRIBE of the operator API: the whole state, then what changes.
func (m *Master) serveOperatorStream(w http.ResponseWriter, r *http.Request, media wire.Media) {
	s := &operatorStream{stream: wire.NewStream(media)}
	if !m.do(func() { m.addSubscriber(s) }) {
		stopping().Write(w)
		return
	}
	s.stream.Serve(r.Context(), w)
	m.post(func() {
		m.timers.stop(s.heartbeat)
		delete(m.subscribers, s)
	})
}

func (m *Master) addSubscriber(s *operatorStream) {
	m.subscribers[s] = true
	state := &mastercalls.Response_GetState{
		GetTasks: m.taskLists(), GetExecutors: m.executorList(), GetFrameworks: m.frameworkLists(), GetAgents: m.agentLists(),
	}
	if s.stream.Media() == wire.JSON {
		s.stream.Send(wire.Object{"type": "SUBSCRIBED", "subscribed": wire.Object{
			"get_state": stateJSON(state), "heartbeat_interval_seconds": m.beat.Seconds(),
		}})
	} else {
		s.stream.Send(&mastercalls.Event{Type: mastercalls.Event_SUBSCRIBED, Subscribed: &mastercalls.Event_Subscribed{
			GetState: state, HeartbeatIntervalSeconds: new(m.beat.Seconds()),
		}})
	}
	m.beatSubscriber(s)
}

func (m *Master) beatSubscriber(s *operatorStream) {
	s.stream.Send(&mastercalls.Event{Type: mastercalls.Event_HEARTBEAT})
	s.heartbeat = m.after(m.beat, func() { m.beatSubscriber(s) })
}

func (m *Master) tell(event *mastercalls.Event) {
	for s := range m.subscribers {
		s.stream.Send(event)
	}
}

func (m *Master) tellTaskAdded(t *task) {
	if len(m.subscribers) > 0 {
		m.tell(&mastercalls.Event{Type: mastercalls.Event_TASK_ADDED, TaskAdded: &mastercalls.Event_TaskAdded{Task: t.Task}})
	}
}

func (m *Master) tellTaskUpdated(t *task, status *mesos.TaskStatus) {
	if len(m.subscribers) > 0 {
		m.tell(&mastercalls.Event{Type: mastercalls.Event_TASK_UPDATED, TaskUpdated: &mastercalls.Event_TaskUpdated{
			FrameworkID: t.FrameworkID, Status: *status, State: t.State,
		}})
	}
}

func (m *Master) tellAgentAdded(a *agent) {
	if len(m.subscribers) > 0 {
		m.tell(&mastercalls.Event{Type: mastercalls.Event_AGENT_ADDED, AgentAdded: &mastercalls.Event_AgentAdded{Agent: m.agentMessage(a)}})
	}
}

func (m *Master) tellAgentRemoved(a *agent) {
	if len(m.subscribers) > 0 {
		m.tell(&mastercalls.Event{Type: mastercalls.Event_AGENT_REMOVED, AgentRemoved: &mastercalls.Event_AgentRemoved{AgentID: mesos.AgentID{Value: a.id}}})
	}
}

// What has happened to a framework.
const (
	operatorFrameworkAdded = iota
	operatorFrameworkUpdated
	operatorFrameworkRemoved
)

func (m *Master) tellFramework(what int, f *framework) {
	if len(m.subscribers) == 0 {
		return
	}
	switch what {
	case operatorFrameworkAdded:
		m.tell(&mastercalls.Event{Type: mastercalls.Event_FRAMEWORK_ADDED, FrameworkAdded: &mastercalls.Event_FrameworkAdded{Framework: m.frameworkMessage(f)}})
	case operatorFrameworkUpdated:
		m.tell(&mastercalls.Event{Type: mastercalls.Event_FRAMEWORK_UPDATED, FrameworkUpdated: &mastercalls.Event_FrameworkUpdated{Framework: m.frameworkMessage(f)}})
	case operatorFrameworkRemoved:
		m.tell(&mastercalls.Event{Type: mastercalls.Event_FRAMEWORK_REMOVED, FrameworkRemoved: &mastercalls.Event_FrameworkRemoved{FrameworkInfo: f.info}})
	}
}
