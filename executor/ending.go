package executor

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"k8s-framework/internal/mesos/execapi"
)

// drain is the first step of the end: cordon, and evict in order. The kubelet runs on meanwhile, for only it can end pods.
func (m *Machine) drain() {
	d := &m.draining
	if m.end == nil || m.stage.at != serving {
		return
	}
	if m.preparation == preparing {
		if !d.cancelled {
			d.cancelled = true
			m.do(CancelPrepare{Why: m.end.why})
		}
		return
	}
	if skip := m.needless(); skip != "" {
		if d.underWay {
			m.do(CancelDrain{Why: skip})
		}
		m.note("drain: %s", skip)
		m.enter(stoppingKubelet)
		return
	}
	if m.told {
		m.lookOnce()
		return
	}
	if !d.announced {
		d.announced, d.began = true, m.now
		m.said.status, m.said.statusAt = "draining: "+m.end.why, m.now
		m.sayRunning(m.live(), m.said.status)
	}
	m.tell(m.live(), "draining", d.why, d.podsLeft, d.blocked)
	if !d.underWay && m.room.job == idle && m.past(d.retryAt) {
		d.underWay = true
		m.do(Drain{Why: m.end.why})
	}
}

// lookOnce looks whether the node is as empty as the framework says. Whatever it sees, it does not drain again: the framework
// also says so when the time for its drain was over.
func (m *Machine) lookOnce() {
	if !m.look.asked {
		m.look.asked = true
		m.do(Look{})
	}
}

// needless says why the node is not drained, or no longer; empty if it is.
func (m *Machine) needless() string {
	d := &m.draining
	switch {
	case !m.worker.everHealthy:
		return "needless: the kubelet has never been healthy"
	case m.end.skip != "":
		return m.end.skip
	case m.told && m.look.done:
		return strings.TrimSuffix("the framework said that it is over; "+m.look.found, "; ")
	case d.done:
		return "done"
	case m.end.by.IsZero():
		return ""
	case m.past(m.end.by):
		return fmt.Sprintf("its time is over, %s", cmp.Or(d.why, "nothing is known of its pods"))
	case d.away != "" && m.past(m.end.by.Add(-m.lastResort())):
		return fmt.Sprintf("given up, so that pods have time for their own end: %s", d.away)
	default:
		return ""
	}
}

// lastResort is what of a drain's time is kept for the pods' own grace periods, if the API server cannot be reached: without it
// nobody can be evicted, and a kubelet would not end pods by itself either.
func (m *Machine) lastResort() time.Duration {
	return min(podsGrace, m.end.by.Sub(m.draining.began)/2)
}

const podsGrace = 30 * time.Second

func (m *Machine) stopKubelet() {
	if m.stage.at != stoppingKubelet {
		return
	}
	if m.worker.running() || m.worker.state == stopping {
		// One that is being stopped already is hurried, for it may have been given more time than there is now.
		if !m.stage.asked && (m.worker.running() || !m.end.limit.IsZero()) {
			m.stage.asked = true
			m.do(StopKubelet{Grace: m.within(kubeletGrace), Why: m.end.why})
		}
		m.worker.state = stopping
		m.wait("the kubelet's process to end")
		return
	}
	switch {
	case m.preparation == unprepared:
		m.enter(over)
	case m.worker.run == 0:
		m.enter(cleaningUp)
	default:
		m.enter(stoppingPods)
	}
}

// within is the time that a step of the end may take: the usual, but no more than half of what is left, and at least a second.
func (m *Machine) within(usual time.Duration) time.Duration {
	if m.end == nil || m.end.limit.IsZero() {
		return usual
	}
	return max(time.Second, min(usual, m.end.limit.Sub(m.now)/2))
}

func (m *Machine) stopPods() {
	if m.stage.at != stoppingPods {
		return
	}
	if !m.stage.asked && m.past(m.stage.retryAt) {
		m.stage.asked = true
		usual := podsGrace
		if m.draining.away != "" && !m.end.by.IsZero() { // nobody could evict them: what is left of the drain's time is theirs
			usual = max(usual, m.end.by.Sub(m.now))
		}
		m.do(StopPods{Grace: m.within(usual), Why: m.end.why})
	}
	m.wait("the container runtime to stop what is left of the pods")
}

func (m *Machine) cleanUp() {
	if m.stage.at != cleaningUp {
		return
	}
	if !m.stage.asked && m.past(m.stage.retryAt) {
		m.stage.asked = true
		m.do(CleanUp{})
	}
	m.wait("the last processes in the pods' cgroup to end")
}

// wait tells what a step of the end waits for, when it lasts.
func (m *Machine) wait(what string) {
	if len(m.live()) > 0 && m.spec != nil && m.past(m.stage.since.Add(reportEvery)) {
		m.tell(m.live(), "ending, waiting for "+what, m.stage.why, 0, nil)
	}
}

func (m *Machine) sayOver() {
	if m.stage.at != over {
		return
	}
	message := m.end.message
	if m.look.found != "" {
		message += "; " + m.look.found
	}
	for _, t := range m.live() {
		m.say(t, m.end.state, execapi.HealthUnknown, message)
	}
}
