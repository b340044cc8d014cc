package framework

import (
	"time"

	"k8s-framework/scheduler"
)

// fault lets one thing go wrong.
func (w *simWorld) fault() {
	w.faults++
	if w.number(5) < 2 {
		w.serverFails()
	} else {
		w.anyNode(w.hosts[w.number(len(w.hosts))]).fails()
	}
}

// serverFails lets the leader, the master, the API server, or what is between them fail.
func (w *simWorld) serverFails() {
	l := w.leader()
	switch w.number(10) {
	case 0, 1:
		l.die("killed")
	case 2:
		w.logf("!!! leader %d does not reach ZooKeeper", l.epoch)
		l.cut()
	case 3, 4:
		l.freeze = w.between(time.Second, time.Minute)
	case 5:
		w.logf("!!! the subscription breaks")
		w.master.disconnect("the stream ended")
	case 6, 7:
		w.master.failOver()
	case 8, 9:
		w.api.goDown(w.between(time.Second, 8*time.Minute))
	}
}

// fails lets something of a host fail, or an operator of Mesos turn to it.
func (h *simHost) fails() {
	w := h.w
	switch w.number(15) {
	case 0, 1, 2:
		h.cutOff(w.between(time.Second, 15*time.Minute))
	case 3:
		h.powerOff(w.between(time.Minute, 12*time.Minute))
	case 4, 5:
		h.restartAgent(w.between(time.Second, 3*time.Minute))
	case 6:
		h.loseWorkDir()
	case 7, 8:
		if e := h.live(); e != nil {
			w.logf("!!! executor %s dies", e.id)
			e.crash(scheduler.TaskFailed, "Executor terminated")
		}
	case 9:
		h.agent.drainBy(w.between(10*time.Second, 15*time.Minute), w.number(5) == 0)
	case 10:
		h.plan(w.between(5*time.Minute, time.Hour), w.between(time.Minute, 20*time.Minute))
	case 11:
		w.anyPlanned(h).replan()
	case 12:
		if w.number(3) == 0 {
			h.agent.markGone()
		}
	default:
		h.sicken(w.between(time.Minute, 25*time.Minute))
	}
}

// anyNode is a host with a kubelet, more often than not.
func (w *simWorld) anyNode(other *simHost) *simHost {
	for range 4 {
		if h := w.hosts[w.number(len(w.hosts))]; h.live() != nil {
			return h
		}
	}
	return other
}

// anyPlanned is a host whose maintenance is planned, if there is one.
func (w *simWorld) anyPlanned(other *simHost) *simHost {
	for _, h := range w.hosts {
		if !h.unavailable.IsZero() && !h.down {
			return h
		}
	}
	return other
}

// sicken breaks the container runtime of a host for a while.
func (h *simHost) sicken(d time.Duration) {
	h.w.logf("!!! the container runtime of host %s is broken for %s", h.name, d)
	h.sick = true
	h.w.api.refresh()
	h.w.later(d, d, h.recover)
}

func (h *simHost) recover() {
	h.sick = false
	h.w.api.refresh()
}

// calm ends the faults, and mends what they have broken.
func (w *simWorld) calm() {
	w.logf("--- the faults stop")
	w.faulty = false
	w.api.comeUp()
	for _, h := range w.hosts {
		h.recover()
		h.mend()
	}
}
