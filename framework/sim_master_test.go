package framework

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s-framework/scheduler"
)

// simMaster is the leading Mesos master as a scheduler sees it. What it does follows recordings of a real one: it takes
// calls with a 202 and promises nothing, forgets with each failover what only agents know, and is silent about agents
// that are not back yet.
type simMaster struct {
	w *simWorld
	// number counts the masters that have led; up: one leads.
	number int
	up     bool

	framework scheduler.FrameworkID // ours; empty: none was given out
	removed   bool                  // it was torn down
	stream    *simStream            // nil: we are not subscribed

	roles      map[scheduler.Role]bool
	suppressed map[scheduler.Role]bool
	filters    map[simPlace]simFilter
	offers     map[scheduler.OfferID]*simOffer
	inverse    map[scheduler.OfferID]*simHost
	allocating bool // an allocation is arranged
	turn       int  // whose turn it is to be offered what is not reserved

	agents map[scheduler.AgentID]*simAgent
	tasks  map[scheduler.TaskID]*simTask // those that this master knows
}

// simStream is one subscription. Its events come in order, or, when it breaks, not at all.
type simStream struct {
	leader *simLeader
	last   time.Time
}

const simPrincipal = "k8s"

func newSimMaster(w *simWorld) *simMaster {
	return &simMaster{
		w: w, number: 1, up: true, roles: map[scheduler.Role]bool{}, suppressed: map[scheduler.Role]bool{},
		filters: map[simPlace]simFilter{}, offers: map[scheduler.OfferID]*simOffer{}, inverse: map[scheduler.OfferID]*simHost{},
		agents: map[scheduler.AgentID]*simAgent{}, tasks: map[scheduler.TaskID]*simTask{},
	}
}

// subscribe connects a process, again and again until it succeeds or the process has ended. Whoever was subscribed
// before is told that the framework failed over, and ends.
func (m *simMaster) subscribe(l *simLeader) {
	if l.dead {
		return
	}
	if !m.up {
		m.w.later(time.Second, 15*time.Second, func() { m.subscribe(l) })
		return
	}
	if m.removed {
		l.tell(scheduler.Removed{Why: "Framework has been removed"})
		return
	}
	if l.framework == "" {
		m.framework = scheduler.FrameworkID(m.w.fresh("fw-"))
		l.framework = m.framework
	}
	m.w.watch.subscribes(l)
	m.framework = l.framework // an id that this master has never given out is taken for one of before a failover
	if before := m.stream; before != nil && before.leader != l {
		m.w.logf("master: framework failed over to leader %d", l.epoch)
		m.w.later(0, 50*time.Millisecond, func() { before.leader.end(errors.New("another process took over our subscription")) })
	}
	m.forget()
	m.stream = &simStream{leader: l}
	l.stream = m.stream
	m.roles = maps.Clone(l.roles)
	m.tell(scheduler.Subscribed{Framework: l.framework, Master: fmt.Sprintf("m%d:5050", m.number)})
	m.soon()
	for _, a := range m.sorted() {
		a.resend()
		if len(a.executors) > 0 {
			m.w.later(time.Second, 2*time.Second, func() { m.askToLeave(a.host) })
		}
	}
}

// forget voids what belongs to a subscription.
func (m *simMaster) forget() {
	clear(m.suppressed)
	clear(m.filters)
	clear(m.offers)
	clear(m.inverse)
	m.stream = nil
}

// closed ends the subscription of a process that has ended.
func (m *simMaster) closed(l *simLeader) {
	if m.stream != nil && m.stream.leader == l {
		m.forget()
	}
	l.stream = nil
}

// disconnect breaks the stream; the process subscribes again.
func (m *simMaster) disconnect(why string) {
	if m.stream == nil {
		return
	}
	l := m.stream.leader
	m.forget()
	l.stream = nil
	m.w.later(0, time.Second, func() {
		l.tell(scheduler.Disconnected{Why: why})
		m.w.later(0, 15*time.Second, func() { m.subscribe(l) })
	})
}

// failOver ends this master; the next one knows the agents from the registry, and nothing of their tasks until they have
// registered again.
func (m *simMaster) failOver() {
	if !m.up {
		return
	}
	m.w.logf("!!! the master dies")
	m.up = false
	m.number++
	m.disconnect("the master died")
	clear(m.tasks)
	for _, a := range m.sorted() {
		if a.status == simRegistered || a.status == simAway {
			a.status = simRecovering
		}
		a.kept = nil
	}
	m.w.later(time.Second, 15*time.Second, func() {
		m.w.logf("master: another one leads")
		m.up = true
		for _, a := range m.sorted() {
			a.comeBack(0, 20*time.Second)
			a.missed(10 * time.Minute) // agent_reregister_timeout
		}
	})
}

// sorted lists the agents by their ids.
func (m *simMaster) sorted() []*simAgent {
	var all []*simAgent
	for _, id := range slices.Sorted(maps.Keys(m.agents)) {
		all = append(all, m.agents[id])
	}
	return all
}

// tell sends an event down the stream.
func (m *simMaster) tell(event scheduler.Event) {
	stream := m.stream
	if stream == nil || !m.up {
		return
	}
	at := m.w.now.Add(m.w.between(0, 20*time.Millisecond))
	if at.Before(stream.last) {
		at = stream.last
	}
	stream.last = at
	m.w.at(at, func() {
		if stream == m.stream {
			stream.leader.tell(event)
		}
	})
}

// errNotTaken is a call that the master did not take.
var errNotTaken = errors.New("503 Service Unavailable")

// take is the master's answer to a call. nil is a 202: that the call was taken, and no more.
func (m *simMaster) take(l *simLeader, call scheduler.Call) error {
	if !m.up || m.stream == nil || m.stream.leader != l {
		m.w.logf("call (not taken) %s", call)
		return errors.New("403 Framework is not subscribed")
	}
	if m.w.perMille(8) {
		m.w.logf("call (not taken) %s", call)
		return errNotTaken
	}
	m.w.logf("call %s", call)
	m.perform(call)
	return nil
}

// perform does what the call says, as far as the master can.
func (m *simMaster) perform(call scheduler.Call) {
	switch c := call.(type) {
	case scheduler.Accept:
		m.accept(c)
	case scheduler.Decline:
		m.decline(c)
	case scheduler.Acknowledge:
		m.acknowledge(c)
	case scheduler.Kill:
		m.kill(c)
	case scheduler.TellDrained:
		m.message(c)
	case scheduler.SendToken:
		m.token(c)
	case scheduler.Reconcile:
		m.reconcile(c)
	case scheduler.AcceptInverse:
		m.answerInverse(c.Offers, c.Refuse, c.Why)
	case scheduler.DeclineInverse:
		m.answerInverse(c.Offers, c.Refuse, c.Why)
	case scheduler.UpdateFramework:
		m.update(c)
	case scheduler.TearDown:
		m.tearDown()
	case scheduler.Revive:
		m.revive(c.Roles)
	case scheduler.Suppress:
		for _, role := range c.Roles {
			m.suppressed[role] = true
		}
	default:
		panic(fmt.Sprintf("a call of type %T is new to the simulation", call))
	}
}

func (m *simMaster) revive(roles []scheduler.Role) {
	for _, role := range roles {
		delete(m.suppressed, role)
		maps.DeleteFunc(m.filters, func(at simPlace, _ simFilter) bool { return at.role == role })
	}
	m.soon()
}

// update changes the framework's roles: offers to those that are gone are rescinded.
func (m *simMaster) update(c scheduler.UpdateFramework) {
	clear(m.roles)
	for _, role := range c.Roles {
		m.roles[role] = true
	}
	m.stream.leader.roles = maps.Clone(m.roles)
	for _, id := range slices.Sorted(maps.Keys(m.offers)) {
		if !m.roles[m.offers[id].role] {
			delete(m.offers, id)
		}
	}
	m.soon()
}

// tearDown ends the framework: executors are shut down, and nobody may subscribe with its id.
func (m *simMaster) tearDown() {
	m.w.logf("master: the framework is torn down")
	m.removed = true
	m.disconnect("the framework was torn down")
	for _, h := range m.w.hosts {
		h.agent.shutExecutors()
		h.agent.reportEnds()
	}
}
