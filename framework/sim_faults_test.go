package framework

import "time"

// fault lets one thing go wrong.
func (w *simWorld) fault() {
	w.faults++
	h := w.hosts[w.number(len(w.hosts))]
	switch w.number(25) {
	case 0, 1:
		if l := w.leader(); l != nil {
			l.die("killed")
		}
	case 2:
		if l := w.leader(); l != nil {
			w.logf("!!! leader %d does not reach ZooKeeper", l.epoch)
			l.cut()
		}
	case 3:
		w.logf("!!! the subscription breaks")
		w.master.disconnect("the stream ended")
	case 4, 5:
		w.master.failOver()
	case 6, 7, 8:
		w.anyNode(h).cutOff(w.between(time.Second, 15*time.Minute))
	case 9:
		w.anyNode(h).powerOff(w.between(time.Minute, 12*time.Minute))
	case 10:
		w.anyNode(h).restartAgent(w.between(time.Second, 3*time.Minute))
	case 11:
		w.anyNode(h).loseWorkDir()
	case 12, 13:
		w.api.goDown(w.between(time.Second, 8*time.Minute))
	case 14, 15:
		if e := w.anyNode(h).live(); e != nil {
			w.logf("!!! executor %s dies", e.id)
			e.crash("FAILED", "Executor terminated")
		}
	case 16:
		w.anyNode(h).agent.drainBy(w.between(10*time.Second, 15*time.Minute), w.number(5) == 0)
	case 17:
		w.anyNode(h).plan(w.between(5*time.Minute, time.Hour), w.between(time.Minute, 20*time.Minute))
	case 18:
		w.anyPlanned(h).replan()
	case 19:
		if w.number(3) == 0 {
			w.anyNode(h).agent.markGone()
		}
	case 20, 21, 22:
		if l := w.leader(); l != nil {
			l.freeze = w.between(time.Second, time.Minute)
		}
	case 23, 24:
		w.anyNode(h).sicken(w.between(time.Minute, 25*time.Minute))
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
