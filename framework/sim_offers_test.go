package framework

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s-framework/scheduler"
)

// simOffer is an offer that the master waits for an answer to.
type simOffer struct {
	agent     *simAgent
	role      scheduler.Role
	resources []scheduler.Resource
}

// simPlace is what a filter is about.
type simPlace struct {
	agent scheduler.AgentID
	role  scheduler.Role
}

// simFilter keeps resources of an agent from being offered again, unless there are more than were refused.
type simFilter struct {
	until   time.Time
	refused *simBag
}

// simOfferTimeout is after how long an offer without an answer is void, where the master is told to void them at all; by
// default it is not, and what is offered stays so until the next subscription.
const simOfferTimeout = 5 * time.Minute

// mayFail reports whether the simulation lets the master refuse the call. An answer to offers is refused only where that does
// not leave them open for ever.
func (m *simMaster) mayFail(call scheduler.Call) bool {
	switch call.(type) {
	case scheduler.Accept, scheduler.Decline:
		return m.voidsOffers
	default:
		return true
	}
}

// soon arranges the next allocation; they are a second apart.
func (m *simMaster) soon() {
	if m.allocating {
		return
	}
	m.allocating = true
	m.w.at(m.w.now.Truncate(time.Second).Add(time.Second), func() {
		m.allocating = false
		m.allocate()
	})
}

// allocate offers everything that is free, all agents in one event. What is not reserved goes to one role at a time.
func (m *simMaster) allocate() {
	if m.stream == nil || !m.up {
		return
	}
	var event scheduler.Offered
	roles := slices.Sorted(maps.Keys(m.roles))
	for _, a := range m.sorted() {
		if !a.reached() || a.draining != nil || a.host.down || len(roles) == 0 {
			continue
		}
		m.turn++
		free := a.free()
		for i := range roles {
			role := roles[(i+m.turn)%len(roles)]
			if offer, made := m.offer(a, role, free); made {
				event.Offers = append(event.Offers, offer)
			}
		}
	}
	if len(event.Offers) > 0 {
		m.tell(event)
	}
}

// offer makes an offer of what is free for a role and not filtered, and takes it out of what is free.
func (m *simMaster) offer(a *simAgent, role scheduler.Role, free *simBag) (scheduler.Offer, bool) {
	if m.suppressed[role] {
		return scheduler.Offer{}, false
	}
	resources := free.entries(role)
	bag, at := newSimBag(resources), simPlace{a.id, role}
	filter, filtered := m.filters[at]
	if len(resources) == 0 || (filtered && m.w.now.Before(filter.until) && filter.refused.without(bag) == "") {
		return scheduler.Offer{}, false
	}
	delete(m.filters, at)
	free.take(resources)
	id := scheduler.OfferID(m.w.fresh("o"))
	m.offers[id] = &simOffer{a, role, resources}
	if m.voidsOffers {
		m.w.later(simOfferTimeout, simOfferTimeout, func() {
			if m.offers[id] != nil {
				delete(m.offers, id)
				m.soon()
			}
		})
	}
	offer := scheduler.Offer{
		ID: id, Agent: a.id, Host: a.host.name, Role: role, Resources: resources, Attributes: a.host.attributes, Region: "r1", Zone: a.host.zone,
	}
	if !a.host.unavailable.IsZero() {
		offer.UnavailableFrom = a.host.unavailable.UnixNano()
	}
	return offer, true
}

// free is what of an agent is neither used nor offered.
func (a *simAgent) free() *simBag {
	free := a.resources.clone()
	for _, e := range a.executors {
		if !e.reported {
			free.take(e.resources)
		}
		for _, t := range e.tasks {
			if !t.known.Over() {
				free.take(t.resources)
			}
		}
	}
	m := a.host.w.master
	for _, o := range m.offers {
		if o.agent == a {
			free.take(o.resources)
		}
	}
	return free
}

// rescind voids the offers of an agent. The scheduler is not told: it keeps none.
func (m *simMaster) rescind(a *simAgent) {
	maps.DeleteFunc(m.offers, func(_ scheduler.OfferID, o *simOffer) bool { return o.agent == a })
}

// filter keeps what was not used away from us for a while.
func (m *simMaster) filter(a *simAgent, role scheduler.Role, left []scheduler.Resource, refuse time.Duration) {
	if refuse > 0 && len(left) > 0 {
		m.filters[simPlace{a.id, role}] = simFilter{m.w.now.Add(refuse), newSimBag(left)}
		m.w.later(refuse, refuse, m.soon)
	}
	m.soon()
}

func (m *simMaster) decline(c scheduler.Decline) {
	for _, id := range c.Offers {
		o := m.offers[id]
		if o == nil {
			continue // it was void already
		}
		delete(m.offers, id)
		m.filter(o.agent, o.role, o.resources, c.Refuse)
	}
}

// accept performs the operations on the resources of the offers. An operation that cannot be done is silent; a launch on
// offers that are void comes back.
func (m *simMaster) accept(c scheduler.Accept) {
	have, valid := newSimBag(), true
	var role scheduler.Role
	for _, id := range c.Offers {
		o := m.offers[id]
		if valid = valid && o != nil; o == nil {
			continue
		}
		delete(m.offers, id)
		role = o.role
		for _, r := range o.resources {
			have.add(r)
		}
	}
	m.soon()
	a := m.agents[c.Agent]
	if !valid || a == nil || !a.reached() {
		for _, launch := range c.Launches {
			m.dropped(launch, c.Agent, scheduler.TaskDropped, "REASON_INVALID_OFFERS")
		}
		return
	}
	for _, r := range c.Unreserve {
		m.convert(a, have, r, simUnreserved(r), "unreserve")
	}
	for _, r := range c.Reserve {
		m.convert(a, have, simUnreserved(r), r, "reserve")
	}
	for _, launch := range c.Launches {
		m.launch(a, launch, have)
	}
	m.filter(a, role, have.entries(role), c.Refuse)
}

// convert changes the reservation of offered resources, on the agent too.
func (m *simMaster) convert(a *simAgent, have *simBag, from, to scheduler.Resource, what string) {
	if short := have.take([]scheduler.Resource{from}); short != "" {
		m.w.violated("%s %s on agent %s: more than was offered: %s", what, to, a.id, short)
	}
	have.add(to)
	if short := a.resources.take([]scheduler.Resource{from}); short != "" {
		panic("offered what the agent does not have: " + short)
	}
	a.resources.add(to)
}

// launch takes a task's resources, and the executor's if it is new, and hands the task to the agent, where it may get lost.
func (m *simMaster) launch(a *simAgent, launch scheduler.Launch, have *simBag) {
	m.w.watch.launches(launch, a)
	if m.tasks[launch.Task] != nil {
		m.w.violated("task %s is launched while it runs", launch.Task)
	}
	e := a.executor(launch.Node.Name.Executor())
	want := slices.Clone(launch.TaskResources)
	if e == nil {
		want = append(want, launch.Node.Executor.Resources...)
	} else if info := simInfo(m.w, launch); info != e.info {
		m.w.violated("task %s has another ExecutorInfo than its executor:\n%s\n%s", launch.Task, info, e.info)
	}
	if short := have.take(want); short != "" {
		if e == nil && len(launch.Node.Tasks) > 1 { // it was to grow, and its executor has ended meanwhile
			m.dropped(launch, a.id, scheduler.TaskError, "REASON_TASK_INVALID")
			return
		}
		m.w.violated("launch of %s on agent %s: more than was offered: %s", launch.Task, a.id, short)
	}
	switch {
	case a.draining != nil:
		m.dropped(launch, a.id, scheduler.TaskDropped, "REASON_AGENT_DRAINING")
		return
	case m.w.perMille(20): // the connection to the agent breaks: it comes back without having heard of the task
		t := newSimTask(launch, a, &simExecutor{id: launch.Node.Name.Executor()})
		m.tasks[t.id] = t
		a.lose()
		a.comeBack(time.Second, 20*time.Second)
		return
	}
	if e == nil {
		e = a.start(launch)
	}
	t := newSimTask(launch, a, e)
	e.tasks = append(e.tasks, t)
	m.tasks[t.id] = t
	m.w.later(0, 20*time.Millisecond, func() { e.launched(t) })
}

// dropped says that a launch came to nothing.
func (m *simMaster) dropped(launch scheduler.Launch, agent scheduler.AgentID, state scheduler.TaskState, reason string) {
	m.tell(scheduler.TaskUpdated{
		Task: launch.Task, Agent: agent, State: state, Reason: reason, Message: fmt.Sprintf("the launch of %s was dropped", launch.Task),
	})
}
