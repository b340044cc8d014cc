package executor

import (
	"cmp"
	"fmt"
	"time"

	"k8s-framework/internal/mesos/execapi"
)

// server is what is known of the API server while the agent is away.
type server struct {
	asking  bool
	askedAt time.Time
	heard   time.Time // when the last question was sent that was answered
	why     string    // that the last one was not
}

const longestAsk = 30 * time.Second

// fence ends a node that has been cut off from everybody, from its agent and from the API server, for longer than the Spec
// allows: the other side may by then have replaced its pods. While the agent is there, or the API server answers, nobody can have
// done so behind our back.
func (m *Machine) fence() {
	s := &m.server
	if m.connected || m.spec == nil || m.spec.FenceAfter == 0 || len(m.live()) == 0 || m.stage.at != serving {
		return
	}
	after := time.Duration(m.spec.FenceAfter)
	since := m.awaySince
	if s.heard.After(since) {
		since = s.heard
	}
	if m.past(since.Add(after)) {
		silence := cmp.Or(s.why, m.draining.away, "no answer")
		why := fmt.Sprintf("fenced: cut off from the Mesos agent and from the API server (%s) for %v, others may have taken over", silence, after)
		if m.end != nil && m.end.skip == "" {
			m.end.message = why + "; before that: " + m.end.why
		}
		m.finish(end{why: why, state: execapi.TaskFailed, message: why + ": the kubelet and its pods have ended", skip: why})
		return
	}
	if m.preparation == prepared && !s.asking && m.past(s.askedAt.Add(max(time.Second, min(after/4, longestAsk)))) {
		s.asking, s.askedAt = true, m.now
		m.do(AskServer{})
	}
}

func (m *Machine) observeServer(event Event) {
	s := &m.server
	s.asking = false
	switch e := event.(type) {
	case ServerAnswered:
		s.heard, s.why = s.askedAt, ""
	case ServerSilent:
		s.why = e.Why
	}
}
