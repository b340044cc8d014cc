package executor

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s-framework/internal/kubelet"
	"k8s-framework/internal/mesos/execapi"
)

// rules is the behaviour: each compares what is known with what is wanted, in this order, and puts what is to be done into the
// plan. None of them cares which event woke the machine.
var rules = [...]func(*Machine){
	(*Machine).greet,         // every new task is STARTING
	(*Machine).refuse,        // tasks that cannot run here fail at once
	(*Machine).prepare,       // take the host
	(*Machine).missAgent,     // an agent that is away too long, or for good, is the end
	(*Machine).missTasks,     // and so is the last task's
	(*Machine).giveUp,        // a kubelet that keeps failing as well
	(*Machine).askToken,      // a kubelet that joins by token waits for it
	(*Machine).startKubelet,  // and start it again after the backoff
	(*Machine).judgeKubelet,  // stop one that hangs
	(*Machine).resizeKubelet, // restart it when the sum of the tasks has changed
	(*Machine).reportHealth,  // RUNNING, healthy or not
	(*Machine).drain,         // the end: empty the node, unless the framework did
	(*Machine).stopKubelet,   // first the kubelet, which would start again what is stopped
	(*Machine).stopPods,      // then what it leaves
	(*Machine).cleanUp,       // until no process is left
	(*Machine).sayOver,       // terminal updates
	(*Machine).send,          // updates, one at a time
	(*Machine).exit,          // when the last is acknowledged
}

func (m *Machine) greet() {
	for _, t := range m.tasks {
		if t.state == "" {
			m.say(t, execapi.TaskStarting, execapi.HealthUnknown, "the kubelet is not healthy yet")
		}
	}
}

// refuse fails tasks: all without a Spec, late ones in the end, and the youngest that do not fit the host.
func (m *Machine) refuse() {
	for _, t := range m.live() {
		switch {
		case m.specWrong != "":
			m.say(t, execapi.TaskFailed, execapi.HealthUnknown, m.specWrong)
		case t.late:
			m.say(t, execapi.TaskFailed, execapi.HealthUnknown, "the executor is ending: "+m.end.why)
		}
	}
	if m.preparation != prepared || m.end != nil {
		return
	}
	for _, t := range slices.Backward(m.wanted()) {
		err := sliceOf(m.wanted()).Fit(m.host)
		if err == nil {
			return
		}
		if !t.included {
			m.say(t, execapi.TaskFailed, execapi.HealthUnknown, err.Error())
		}
	}
}

func (m *Machine) prepare() {
	if m.spec == nil || m.end != nil || m.preparation != unprepared || len(m.live()) == 0 {
		return
	}
	m.preparation = preparing
	m.do(Prepare{Spec: *m.spec, Container: m.mail.container})
}

// missAgent ends the node when the agent is gone for good. Nobody hurries then, but a drain that waits for ever would
// leave a node that no one counts: the drain's deadline holds whatever the policy says.
func (m *Machine) missAgent() {
	if !m.connected && m.lost == "" {
		limit := m.settings.RecoveryTimeout
		if m.everConnected && !m.settings.Checkpoint {
			limit = 0
		}
		if m.past(m.awaySince.Add(limit)) {
			m.lost = fmt.Sprintf("the agent was away for %v", limit)
		}
	}
	if m.lost == "" || m.mourned {
		return
	}
	m.mourned = true
	ended := end{why: m.lost, state: execapi.TaskKilled, message: m.lost, drain: true, by: m.now}
	if m.spec != nil {
		ended.by = m.now.Add(time.Duration(m.spec.Drain.Deadline))
	}
	m.finish(ended)
}

func (m *Machine) missTasks() {
	if m.end == nil && m.mail.number > 0 && len(m.live()) == 0 {
		m.finish(end{why: "no task is left", state: execapi.TaskKilled, drain: true, by: m.now})
	}
}

func (m *Machine) giveUp() {
	if m.spec != nil && m.stage.at == serving && len(m.worker.failures) >= m.spec.Restart.Failures && m.worker.state == waiting {
		m.finish(end{why: "the kubelet keeps failing", state: execapi.TaskFailed, message: m.worker.obituary(m.spec.Restart)})
	}
}

// serves reports whether a kubelet should run: also while its node is drained, for only it can end pods.
func (m *Machine) serves() bool {
	return m.preparation == prepared && m.stage.at == serving && len(m.wanted()) > 0 && (m.end == nil || m.end.drain)
}

func (m *Machine) startKubelet() {
	w := &m.worker
	if !m.serves() || !m.mayJoin() || w.running() || w.state == stopping || (w.state == waiting && !m.past(w.startAt)) {
		return
	}
	if m.end != nil && !w.everHealthy {
		return // no pod has ever run: there is nothing to drain
	}
	why := "first start"
	if w.run > 0 {
		why = "restart"
	}
	wanted := m.wanted()
	w.run++
	w.state, w.startedAt, w.slice, w.why = starting, m.now, sliceOf(wanted), ""
	m.include(wanted)
	m.do(StartKubelet{Run: w.run, Slice: w.slice, Token: m.joining.token, Why: why})
}

func (m *Machine) include(wanted []*task) {
	for _, t := range m.tasks {
		t.included = slices.Contains(wanted, t)
	}
}

func (m *Machine) judgeKubelet() {
	w := &m.worker
	if !w.running() || !m.serves() {
		return
	}
	limit, since, what := time.Duration(m.spec.Restart.StartTimeout), w.startedAt, "not healthy in its first"
	if w.state == healthy {
		limit, since, what = time.Duration(m.spec.Restart.HangTimeout), w.lastHealthy, "not healthy any more for"
	}
	if !m.past(since.Add(limit)) {
		return
	}
	why := fmt.Sprintf("%s %v: %s", what, limit, cmp.Or(w.why, "no answer"))
	m.failedKubelet(why)
	w.state, w.failed = stopping, true
	m.do(StopKubelet{Grace: m.within(kubeletGrace), Why: why})
}

func (m *Machine) resizeKubelet() {
	w := &m.worker
	if !w.running() || !m.serves() || m.end != nil {
		return
	}
	wanted := m.wanted()
	slice := sliceOf(wanted)
	if slice == w.slice {
		m.include(wanted) // a task may hold nothing
		return
	}
	settle := growSettle
	if slices.ContainsFunc(m.live(), func(t *task) bool { return t.killed }) {
		settle = shrinkSettle
	}
	if !m.past(w.changed.Add(settle)) {
		return
	}
	w.state = stopping
	m.do(StopKubelet{Grace: kubeletGrace, Why: fmt.Sprintf("the tasks' sum is %v now, it was %v", slice, w.slice)})
}

func (m *Machine) reportHealth() {
	if m.worker.state != healthy {
		return
	}
	for _, t := range m.live() {
		switch {
		case t.killed && !t.included && m.end == nil:
			m.say(t, execapi.TaskKilled, execapi.HealthUnknown, "killed: the kubelet has given back its share")
		case t.included && (t.state != execapi.TaskRunning || !t.healthy):
			m.say(t, execapi.TaskRunning, execapi.Healthy, fmt.Sprintf("the kubelet is healthy and offers %v", m.worker.slice))
		}
	}
}

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
	if !d.announced {
		d.announced = true
		for _, t := range m.live() {
			health := execapi.Unhealthy
			if t.healthy {
				health = execapi.Healthy
			}
			m.say(t, execapi.TaskRunning, health, "draining: "+m.end.why)
		}
	}
	m.report()
	if !d.underWay && m.past(d.retryAt) {
		d.underWay = true
		m.do(Drain{Why: m.end.why})
	}
}

// report tells the framework how the drain goes, when there is something new, and at most once a second.
func (m *Machine) report() {
	d := &m.draining
	report := kubelet.Report{
		Version: kubelet.Version, Node: m.spec.Node, Draining: true, PodsLeft: d.podsLeft, Blocked: d.blocked, Why: m.end.why,
	}
	text := fmt.Sprint(report)
	if !m.connected || text == d.reported || (d.reported != "" && !m.past(d.toldAt.Add(time.Second))) {
		return
	}
	d.reported, d.toldAt = text, m.now
	m.do(SendReport{Report: report})
}

// needless says why the node is not drained, or no longer; empty if it is.
func (m *Machine) needless() string {
	switch {
	case !m.worker.everHealthy:
		return "needless: the kubelet has never been healthy"
	case !m.end.drain:
		return "impossible without a kubelet"
	case m.told:
		return "the framework said that it is over"
	case m.draining.done:
		return "done"
	case !m.end.by.IsZero() && m.past(m.end.by):
		return fmt.Sprintf("its time is over, pods left: %d %q", m.draining.podsLeft, m.draining.blocked)
	default:
		return ""
	}
}

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
	if m.stage.at == stoppingPods && !m.stage.asked && m.past(m.stage.retryAt) {
		m.stage.asked = true
		m.do(StopPods{Grace: m.within(30 * time.Second), Why: m.end.why})
	}
}

func (m *Machine) cleanUp() {
	if m.stage.at == cleaningUp && !m.stage.asked && m.past(m.stage.retryAt) {
		m.stage.asked = true
		m.do(CleanUp{})
	}
}

func (m *Machine) sayOver() {
	if m.stage.at != over {
		return
	}
	for _, t := range m.live() {
		m.say(t, m.end.state, execapi.HealthUnknown, m.end.message)
	}
}

func (m *Machine) send() {
	if !m.connected {
		return
	}
	u, wake := m.mail.due(m.now)
	switch {
	case u != nil:
		m.mail.underWay = u.status.Update
		m.do(SendUpdate{Status: u.status})
	case !wake.IsZero():
		m.wake(wake)
	}
}

// exit waits for the acknowledgement of what is terminal: an update counts only when the agent has it.
func (m *Machine) exit() {
	nobody := m.lost != "" && !m.connected
	if m.stage.at == over && (nobody || !m.mail.terminalLeft()) {
		m.enter(exited)
		m.do(Exit{Why: m.end.why})
	}
}
