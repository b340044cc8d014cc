package executor

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s-framework/internal/mesos/execapi"
)

// rules is the behaviour: each compares what is known with what is wanted, in this order, and puts what is to be done into the
// plan. None of them cares which event woke the machine.
var rules = [...]func(*Machine){
	(*Machine).greet,         // every new task is STARTING
	(*Machine).refuse,        // tasks that cannot run here fail at once
	(*Machine).prepare,       // take the host
	(*Machine).missAgent,     // an agent that is away too long, or for good, is the end
	(*Machine).fence,         // sooner, if the API server is away too
	(*Machine).missTasks,     // and so is the end of the last task
	(*Machine).giveUp,        // a kubelet that keeps failing as well
	(*Machine).askToken,      // a kubelet that joins by token waits for it
	(*Machine).startKubelet,  // and start it again after the backoff
	(*Machine).judgeKubelet,  // stop one that hangs, or only says that it is well
	(*Machine).cordon,        // no new pods where there will be no room for them
	(*Machine).makeRoom,      // evict what does not fit, before it gets smaller
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
	ended := end{why: m.lost, state: execapi.TaskKilled, message: m.lost, by: m.now}
	if m.spec != nil {
		ended.by = m.now.Add(time.Duration(m.spec.Drain.Deadline))
	}
	m.finish(ended)
}

func (m *Machine) missTasks() {
	if m.end == nil && m.mail.number > 0 && len(m.live()) == 0 {
		m.finish(end{why: "no task is left", state: execapi.TaskKilled, by: m.now})
	}
}

func (m *Machine) giveUp() {
	if m.spec != nil && m.stage.at == serving && len(m.worker.failures) >= m.spec.Restart.Failures && m.worker.state == waiting {
		m.finish(end{
			why: "the kubelet keeps failing", state: execapi.TaskFailed, message: m.worker.obituary(m.spec.Restart),
			skip: "impossible without a kubelet",
		})
	}
}

// serves reports whether a kubelet should run: also while its node is drained, for only it can end pods.
func (m *Machine) serves() bool {
	return m.preparation == prepared && m.stage.at == serving && len(m.wanted()) > 0 && (m.end == nil || m.end.skip == "")
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
	w.state, w.startedAt, w.slice, w.why, w.node = starting, m.now, sliceOf(wanted), "", NodeView{}
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
	restart := m.spec.Restart
	why := cmp.Or(w.why, "no answer")
	switch {
	case w.state == starting && m.past(w.startedAt.Add(time.Duration(restart.StartTimeout))):
		m.endHang(fmt.Sprintf("not healthy in its first %v: %s", restart.StartTimeout, why), true)
	case w.state == healthy && m.past(w.lastHealthy.Add(time.Duration(restart.HangTimeout))):
		m.endHang(fmt.Sprintf("not healthy any more for %v: %s", restart.HangTimeout, why), true)
	case w.node.State == NodeMissing && !w.everPosted && m.past(w.nodeSince.Add(time.Duration(restart.StartTimeout))):
		m.endHang(fmt.Sprintf("it answers, but has not joined in %v: %s", restart.StartTimeout, w.node.Why), true)
	case w.node.State == NodeMissing && w.everPosted && m.past(w.nodeSince.Add(time.Duration(restart.HangTimeout))):
		// Pods may run, and the fault may be the API server's, for all nodes at once: to replace the node is not ours to decide.
		m.endHang(fmt.Sprintf("it answers, but Kubernetes has not heard of it for %v: %s", restart.HangTimeout, w.node.Why), false)
	}
}

func (m *Machine) endHang(why string, counts bool) {
	m.failedKubelet(why, counts)
	m.worker.state, m.worker.failed = stopping, true
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
	w := &m.worker
	if w.state != healthy {
		return
	}
	// A Node that is not Ready for long is the scheduler's to replace, which sees all of them; here it is only said.
	sick := w.node.State == NodeNotReady && m.past(w.nodeSince.Add(time.Duration(m.spec.Restart.HangTimeout)))
	for _, t := range m.live() {
		switch {
		case m.givenBack(t):
			m.say(t, execapi.TaskKilled, execapi.HealthUnknown, "killed: the kubelet has given back its share")
		case t.included && sick && (t.state != execapi.TaskRunning || t.healthy):
			m.say(t, execapi.TaskRunning, execapi.Unhealthy, "the kubelet answers, but says that its Node is not Ready: "+w.node.Why)
		case t.included && !sick && (t.state != execapi.TaskRunning || !t.healthy):
			m.say(t, execapi.TaskRunning, execapi.Healthy, fmt.Sprintf("the kubelet is healthy and offers %v", w.slice))
		}
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
