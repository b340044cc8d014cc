package executor

import (
	"fmt"
	"slices"
	"time"

	"k8s-framework/internal/kubelet"
	"k8s-framework/internal/mesos/execapi"
)

// observe folds the event into what is known. It decides nothing.
func (m *Machine) observe(event Event) {
	switch e := event.(type) {
	case AgentSaid:
		m.observeAgent(e.Event)
	case AgentLost:
		if m.connected {
			m.awaySince = m.now
		}
		m.connected, m.lost = false, e.Why
	case Interrupted:
		m.shutDown(e.Why)
	case UpdateSent:
		m.mail.answered(e.Update)
		if u := m.mail.find(e.Update); u != nil {
			u.sent, u.next = true, m.now.Add(resendAfter)
		}
	case UpdateFailed:
		m.updateFailed(e)
	case PreparationWaited:
		for _, t := range m.live() {
			m.say(t, execapi.TaskStarting, execapi.HealthUnknown, "waiting: "+e.Why)
		}
	case Prepared:
		m.preparation, m.host = prepared, e.Host
	case PreparationFailed:
		m.preparation = unusable
		m.finish(end{why: "this host cannot be used", state: execapi.TaskFailed, message: "cannot prepare the host: " + e.Why})
	case KubeletProbed:
		m.probed(e)
	case KubeletExited:
		m.exited(e)
	case Joined:
		m.hasJoined()
	case NodeLooked:
		m.nodeLooked(e)
	case Cordoned, Uncordoned, RoomMade, RoomFailed:
		m.observeRoom(event)
	case RoomProgressed:
		m.room.podsLeft, m.room.blocked = e.PodsLeft, e.Blocked
	case ServerAnswered, ServerSilent:
		m.observeServer(event)
	case Looked:
		m.look.done, m.look.found = true, e.Found
	case DrainProgressed:
		m.draining.podsLeft, m.draining.blocked, m.draining.away, m.draining.why = e.PodsLeft, e.Blocked, e.Away, e.Why
	case Drained:
		m.draining.underWay, m.draining.done = false, true
	case DrainFailed:
		m.drainFailed(e.Why)
	case PodsStopped, PodsNotStopped, Cleaned, NotCleaned:
		m.observeEnd(event)
	case Ticked:
	}
}

func (m *Machine) observeAgent(event execapi.Event) {
	switch e := event.(type) {
	case execapi.Subscribed:
		m.subscribed(e)
	case execapi.Disconnected:
		if m.connected {
			m.note("disconnected from the agent: %s; kubelet and pods go on", e.Why)
			m.awaySince = m.now
		}
		m.connected = false
		m.mail.disconnected()
	case execapi.Launched:
		m.launched(e.Task)
	case execapi.Killed:
		m.killed(e)
	case execapi.Acknowledged:
		m.acknowledged(e)
	case execapi.Messaged:
		m.messaged(e.Data)
	case execapi.ShutdownRequested:
		m.shutDown("the agent asked for SHUTDOWN")
	case execapi.Errored:
		m.note("the agent said ERROR: %s", e.Message)
	}
}

func (m *Machine) subscribed(e execapi.Subscribed) {
	m.connected, m.everConnected = true, true
	m.mail.subscribed(m.now)
	if m.spec != nil || m.specWrong != "" {
		return
	}
	m.mail.container = e.Container
	if e.ShutdownGrace > 0 {
		m.grace = e.ShutdownGrace
	}
	spec, err := kubelet.DecodeSpec(e.Data)
	if err != nil {
		m.specWrong = err.Error()
		return
	}
	m.spec = &spec
}

func (m *Machine) acknowledged(e execapi.Acknowledged) {
	u := m.mail.find(e.Update)
	if u == nil {
		return // of an earlier sending
	}
	m.mail.acknowledged(u)
	if t := m.task(e.Task); t != nil {
		t.acknowledged = true
		if u.status.State.Terminal() {
			m.tasks = slices.DeleteFunc(m.tasks, func(each *task) bool { return each == t })
		}
	}
}

func (m *Machine) launched(t execapi.Task) {
	if m.task(t.ID) != nil {
		m.note("task %s was launched again: ignored", t.ID)
		return
	}
	m.tasks = append(m.tasks, &task{Task: t, late: m.end != nil})
	m.worker.changed = m.now
}

func (m *Machine) killed(e execapi.Killed) {
	t := m.task(e.Task)
	if t == nil || !t.live() {
		m.note("told to kill %s, which is not running: ignored", e.Task)
		return
	}
	first := !t.killed && len(m.leaving()) == 0
	if !t.killed {
		t.killed = true
		m.worker.changed = m.now
	}
	ended := end{
		why: "told to kill " + e.Task, state: execapi.TaskKilled, message: "killed: the kubelet and its pods have ended",
		by: m.drainDeadline(),
	}
	switch {
	case e.GraceSet: // whoever sends a KILL with a grace of its own knows better
		ended.by = time.Time{}
		ended.limitTo(m.now, max(0, e.Grace))
	case t.KillGrace > 0 && !ended.by.IsZero(): // the task's own grace is the policy's, in other words
		ended.by = earlier(ended.by, m.now.Add(t.KillGrace-reserve(t.KillGrace)))
	}
	if slices.ContainsFunc(m.live(), func(t *task) bool { return !t.killed }) {
		m.room.hurry(ended.by, first)
		return
	}
	m.finish(ended)
}

// drainDeadline is when a drain that begins now is over by the policy; zero: never.
func (m *Machine) drainDeadline() time.Time {
	if m.spec == nil {
		return m.now
	}
	if m.spec.Drain.Then == kubelet.Wait {
		return time.Time{}
	}
	return m.now.Add(time.Duration(m.spec.Drain.Deadline))
}

func (m *Machine) shutDown(why string) {
	ended := end{
		why: why, state: execapi.TaskKilled, message: why + ": the kubelet and its pods have ended", by: m.drainDeadline(),
	}
	ended.limitTo(m.now, m.grace)
	m.finish(ended)
}

// limitTo makes all be over when the grace is.
func (e *end) limitTo(now time.Time, grace time.Duration) {
	e.limit = now.Add(grace)
	e.by = earlier(e.by, e.limit.Add(-reserve(grace)))
}

// reserve is what of a grace period the end of kubelet and pods needs, after the drain.
func reserve(grace time.Duration) time.Duration { return min(grace/2, 10*time.Second) }

// finish begins the end, or hurries one that has begun: the first reason stays, and the time only gets shorter, for a KILL
// that is sent again must not prolong a drain for ever.
func (m *Machine) finish(with end) {
	if m.end == nil {
		m.end = &with
		m.said = said{statusAt: m.now}
		m.note("the node ends: %s", with.why)
		return
	}
	if m.end.skip == "" {
		m.end.skip = with.skip
	}
	m.end.by, m.end.limit = earlier(m.end.by, with.by), earlier(m.end.limit, with.limit)
}

// earlier is the first of two times, of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

func (m *Machine) messaged(data []byte) {
	message, err := kubelet.DecodeMessage(data)
	if err != nil {
		m.note("ignored: %v", err)
		return
	}
	m.told = m.told || message.Drained
	m.tokenCame(message)
}

func (m *Machine) updateFailed(e UpdateFailed) {
	m.mail.answered(e.Update)
	u := m.mail.find(e.Update)
	if u == nil {
		return
	}
	m.note("update %s of %s did not arrive: %s", u.status.State, u.status.Task, e.Why)
	u.next = m.now.Add(retryAfter)
	if e.Refused { // nobody will ever acknowledge it; what follows must not wait for it
		m.mail.remove(u)
	}
}

func (m *Machine) drainFailed(why string) {
	m.draining.underWay = false
	m.draining.failures++
	m.draining.retryAt = m.now.Add(min(time.Second<<min(m.draining.failures, 4), 10*time.Second))
	m.note("the drain stopped: %s", why)
}

// observeEnd takes in how a stage of the end went. A stage that fails is tried again, maxTries times in all.
func (m *Machine) observeEnd(event Event) {
	m.stage.asked = false
	switch e := event.(type) {
	case PodsStopped:
		m.enter(cleaningUp)
	case PodsNotStopped:
		if m.failedStage(e.Why) {
			m.enter(cleaningUp) // which ends their processes without the runtime
		}
	case Cleaned:
		m.enter(over)
	case NotCleaned:
		if m.failedStage(e.Why) {
			m.end.state = execapi.TaskFailed
			m.end.message = fmt.Sprintf("%s, but not all has ended: %s", m.end.why, e.Why)
			m.enter(over)
		}
	}
}

const maxTries = 3

// failedStage counts a failure of the present stage of the end, and reports whether it is to be given up.
func (m *Machine) failedStage(why string) bool {
	m.note("%s", why)
	m.stage.why = why
	m.stage.tries++
	m.stage.retryAt = m.now.Add(time.Second)
	return m.stage.tries >= maxTries
}

func (m *Machine) enter(next ending) { m.stage = stage{at: next, since: m.now} }
