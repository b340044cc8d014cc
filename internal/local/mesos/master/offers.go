package master

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// makeOffer takes resources out of what is free on an agent and writes the offer. The caller sends it.
func (m *Master) makeOffer(a *agent, f *framework, role string, r resources) *offer {
	o := &offer{id: m.nextOfferID(), framework: f, agent: a, role: role, resources: r.allocated(role)}
	a.free = a.free.minus(r)
	f.allocated.add(r, 1)
	f.allocations++
	m.offers[o.id], a.offers[o.id], f.offers[o.id] = o, o, o
	if m.flags.OfferTimeout > 0 {
		o.timeout = m.after(m.flags.OfferTimeout, func() { m.rescind(o, nil) })
	}
	o.message = mesos.Offer{
		ID: mesos.OfferID{Value: o.id}, FrameworkID: mesos.FrameworkID{Value: f.id}, AgentID: mesos.AgentID{Value: a.id},
		Hostname: a.info.Hostname, URL: a.url(), Domain: a.info.Domain, Attributes: a.info.Attributes,
		Resources: o.resources.proto(), AllocationInfo: &mesos.Resource_AllocationInfo{Role: &o.role},
		Unavailability: m.machines.unavailability(a),
	}
	if !f.can(mesos.FrameworkInfo_Capability_RESERVATION_REFINEMENT) {
		o.message.Resources = olderFormat(o.message.Resources)
	}
	for key := range a.executors {
		if key.framework == f.id {
			o.message.ExecutorIDs = append(o.message.ExecutorIDs, mesos.ExecutorID{Value: key.executor})
		}
	}
	slices.SortFunc(o.message.ExecutorIDs, func(x, y mesos.ExecutorID) int { return strings.Compare(x.Value, y.Value) })
	return o
}

func (m *Master) nextOfferID() string {
	id := fmt.Sprintf("%s-O%d", m.info.ID, m.nextOffer)
	m.nextOffer++
	return id
}

// url is where the agent serves HTTP.
func (a *agent) url() *mesos.URL {
	host, path := a.info.Hostname, "/slave(1)"
	return &mesos.URL{Scheme: "http", Address: mesos.Address{Hostname: &host, IP: new(a.ip), Port: a.info.GetPort()}, Path: &path}
}

// removeOffer ends an offer and gives its resources back to the agent; left, if not nil, is what is left of them when
// some of them have been used. The framework is not told.
func (m *Master) removeOffer(o *offer, left *resources) {
	m.timers.stop(o.timeout)
	delete(m.offers, o.id)
	delete(o.agent.offers, o.id)
	delete(o.framework.offers, o.id)
	o.framework.allocated.add(o.resources, -1)
	if left == nil {
		left = &o.resources
	}
	o.agent.free = o.agent.free.plus(left.allocated(""))
}

// rescind ends an offer and tells the framework. filters, if not nil, keep it from being offered again.
func (m *Master) rescind(o *offer, filters *mesos.Filters) {
	if m.offers[o.id] != o {
		return
	}
	m.removeOffer(o, nil)
	if filters != nil {
		m.refuse(o.framework, o.agent.id, o.role, o.resources, refusal(filters))
	}
	o.framework.send(&scheduler.Event{Type: scheduler.Event_RESCIND, Rescind: &scheduler.Event_Rescind{OfferID: mesos.OfferID{Value: o.id}}})
}

// rescindAgent rescinds all offers of an agent.
func (m *Master) rescindAgent(a *agent) {
	for _, o := range sortedOffers(a.offers) {
		m.rescind(o, nil)
	}
}

// dropRolelessOffers rescinds a framework's offers to roles that it has left.
func (m *Master) dropRolelessOffers(f *framework) {
	for _, o := range sortedOffers(f.offers) {
		if !slices.Contains(f.roles(), o.role) {
			m.rescind(o, nil)
		}
	}
}

// sortedOffers are offers in the order in which they were made.
func sortedOffers(set map[string]*offer) []*offer {
	list := make([]*offer, 0, len(set))
	for _, o := range set {
		list = append(list, o)
	}
	sort.Slice(list, func(i, j int) bool { return before(list[i].id, list[j].id) })
	return list
}

// before compares ids that end in a number.
func before(a, b string) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

// decline gives offers back.
func (m *Master) decline(f *framework, call *scheduler.Call_Decline) {
	for _, id := range call.OfferIDs {
		o := m.offers[id.Value]
		if o == nil || o.framework != f {
			m.log.warn("Ignoring decline of offer %s since it is no longer valid", id.Value)
			continue
		}
		m.removeOffer(o, nil)
		m.refuse(f, o.agent.id, o.role, o.resources, refusal(call.Filters))
	}
}
