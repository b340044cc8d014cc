package master

import (
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// makeInverseOffers asks the frameworks that have something on an agent whose machine is planned to be away. Each
// framework gets one INVERSE_OFFERS event with all of them; one that is answered comes again after its filter.
func (m *Master) makeInverseOffers() {
	if len(m.machines.planned) == 0 {
		return
	}
	now := time.Now()
	made := map[*framework][]mesos.InverseOffer{}
	for _, a := range m.agentList {
		if a == nil || !a.connected() {
			continue
		}
		u := m.machines.unavailability(a)
		if u == nil {
			continue
		}
		for _, f := range m.frameworks {
			if !f.active || !f.holds(a) || m.asked(f, a) || now.Before(f.inverse[a.id]) {
				continue
			}
			made[f] = append(made[f], m.makeInverse(a, f, u).message)
		}
	}
	for f, offers := range made {
		f.send(&scheduler.Event{Type: scheduler.Event_INVERSE_OFFERS, InverseOffers: &scheduler.Event_InverseOffers{InverseOffers: offers}})
	}
}

// holds says whether a framework has a task, an executor or an offer of the agent.
func (f *framework) holds(a *agent) bool {
	if a.has(f.id) {
		return true
	}
	for _, o := range a.offers {
		if o.framework == f {
			return true
		}
	}
	return false
}

// asked says whether an inverse offer waits for its answer.
func (m *Master) asked(f *framework, a *agent) bool {
	for _, o := range a.inverse {
		if o.framework == f {
			return true
		}
	}
	return false
}

func (m *Master) makeInverse(a *agent, f *framework, u *mesos.Unavailability) *inverseOffer {
	o := &inverseOffer{id: m.nextOfferID(), framework: f, agent: a}
	o.message = mesos.InverseOffer{
		OfferID: mesos.OfferID{Value: o.id}, URL: a.url(), FrameworkID: mesos.FrameworkID{Value: f.id},
		AgentID: &mesos.AgentID{Value: a.id}, Unavailability: *u,
	}
	m.inverse[o.id], a.inverse[o.id], f.inverseOut[o.id] = o, o, o
	return o
}

func (m *Master) removeInverse(o *inverseOffer) {
	delete(m.inverse, o.id)
	delete(o.agent.inverse, o.id)
	delete(o.framework.inverseOut, o.id)
}

// rescindInverse takes an agent's inverse offers back.
func (m *Master) rescindInverse(a *agent) {
	for _, id := range sortedKeys(a.inverse) {
		o := a.inverse[id]
		m.removeInverse(o)
		o.framework.send(&scheduler.Event{
			Type: scheduler.Event_RESCIND_INVERSE_OFFER, RescindInverseOffer: &scheduler.Event_RescindInverseOffer{InverseOfferID: mesos.OfferID{Value: id}},
		})
	}
}

// answerInverse notes a framework's answer. Nothing follows from it but that it can be asked for.
func (m *Master) answerInverse(f *framework, ids []mesos.OfferID, filters *mesos.Filters, accepted bool) {
	now := time.Now()
	for _, id := range ids {
		o := m.inverse[id.Value]
		if o == nil || o.framework != f {
			continue
		}
		m.removeInverse(o)
		f.responses[o.agent.id] = &inverseResponse{accepted: accepted, at: now}
		if d := refusal(filters); d > 0 {
			f.inverse[o.agent.id] = now.Add(max(d, m.flags.AllocationInterval))
		}
	}
}
