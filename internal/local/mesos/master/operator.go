package master

import (
	"fmt"
	"net/http"
	"slices"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mastercalls "github.com/mesos/mesos-go/api/v1/lib/master"

	"k8s-framework/internal/local/mesos/link"
	"k8s-framework/internal/local/mesos/wire"
)

// serveOperator is POST /api/v1 and every path below it.
func (m *Master) serveOperator(w http.ResponseWriter, r *http.Request, state *leadership) {
	_, refusal := m.authenticated(r, m.flags.AuthenticateHTTPReadwrite, "mesos-master-readwrite")
	if refusal == nil {
		refusal = notRecovered(state)
	}
	if refusal == nil {
		refusal = wire.OnlyPOST(r)
	}
	call := &mastercalls.Call{}
	if refusal == nil {
		refusal = wire.ReadCall(r, call)
	}
	if refusal == nil {
		refusal = validateOperatorCall(call)
	}
	var media wire.Media
	if refusal == nil {
		media, refusal = wire.Accept(r)
	}
	switch {
	case refusal != nil:
		refusal.Write(w)
	case call.Type == mastercalls.Call_SUBSCRIBE:
		m.serveOperatorStream(w, r, media)
	default:
		m.answerOperator(w, call, media)
	}
}

func validateOperatorCall(call *mastercalls.Call) *wire.Refusal {
	parts := map[mastercalls.Call_Type]struct {
		name  string
		there bool
	}{
		mastercalls.Call_UNKNOWN:                     {"type", false},
		mastercalls.Call_RESERVE_RESOURCES:           {"reserve_resources", call.ReserveResources != nil},
		mastercalls.Call_UNRESERVE_RESOURCES:         {"unreserve_resources", call.UnreserveResources != nil},
		mastercalls.Call_UPDATE_MAINTENANCE_SCHEDULE: {"update_maintenance_schedule", call.UpdateMaintenanceSchedule != nil},
		mastercalls.Call_START_MAINTENANCE:           {"start_maintenance", call.StartMaintenance != nil},
		mastercalls.Call_STOP_MAINTENANCE:            {"stop_maintenance", call.StopMaintenance != nil},
		mastercalls.Call_DRAIN_AGENT:                 {"drain_agent", call.DrainAgent != nil},
		mastercalls.Call_DEACTIVATE_AGENT:            {"deactivate_agent", call.DeactivateAgent != nil},
		mastercalls.Call_REACTIVATE_AGENT:            {"reactivate_agent", call.ReactivateAgent != nil},
		mastercalls.Call_TEARDOWN:                    {"teardown", call.Teardown != nil},
		mastercalls.Call_MARK_AGENT_GONE:             {"mark_agent_gone", call.MarkAgentGone != nil},
	}
	if part, ok := parts[call.Type]; ok && !part.there {
		return wire.Refuse(http.StatusBadRequest, "Failed to validate master::Call: Expecting '"+part.name+"' to be present")
	}
	return nil
}

// answerOperator answers a call: with a message, with a status alone, or with a refusal.
func (m *Master) answerOperator(w http.ResponseWriter, call *mastercalls.Call, media wire.Media) {
	var answer *answer
	var refusal *wire.Refusal
	status := http.StatusOK
	asks := isQuestion(call.Type)
	alive := m.do(func() {
		if asks {
			answer = m.answerQuestion(call)
			return
		}
		status, refusal = m.operatorOrder(call)
	})
	switch {
	case !alive:
		stopping().Write(w)
	case refusal != nil:
		refusal.Write(w)
	case answer != nil:
		answer.write(w, media)
	case asks:
		wire.Refuse(http.StatusNotImplemented, call.Type.String()+" is not supported by this stand-in for a Mesos master").Write(w)
	default:
		wire.WriteStatus(w, status)
	}
}

// operatorOrder does what an operator orders.
func (m *Master) operatorOrder(call *mastercalls.Call) (int, *wire.Refusal) {
	switch call.Type {
	case mastercalls.Call_RESERVE_RESOURCES:
		return http.StatusAccepted, m.operatorReserve(call.ReserveResources.AgentID.Value, call.ReserveResources.Resources)
	case mastercalls.Call_UNRESERVE_RESOURCES:
		return http.StatusAccepted, m.operatorUnreserve(call.UnreserveResources.AgentID.Value, call.UnreserveResources.Resources)
	case mastercalls.Call_UPDATE_MAINTENANCE_SCHEDULE:
		return http.StatusOK, m.updateSchedule(call.UpdateMaintenanceSchedule.Schedule)
	case mastercalls.Call_START_MAINTENANCE:
		return http.StatusOK, m.startMaintenance(call.StartMaintenance.Machines)
	case mastercalls.Call_STOP_MAINTENANCE:
		return http.StatusOK, m.stopMaintenance(call.StopMaintenance.Machines)
	case mastercalls.Call_DRAIN_AGENT:
		return http.StatusOK, m.drainAgent(call.DrainAgent)
	case mastercalls.Call_DEACTIVATE_AGENT:
		return http.StatusOK, m.deactivateAgent(call.DeactivateAgent.AgentID.Value)
	case mastercalls.Call_REACTIVATE_AGENT:
		return http.StatusOK, m.reactivateAgent(call.ReactivateAgent.AgentID.Value)
	case mastercalls.Call_MARK_AGENT_GONE:
		return http.StatusOK, m.markAgentGone(call.MarkAgentGone.AgentID.Value)
	case mastercalls.Call_TEARDOWN:
		f := m.frameworks[call.Teardown.FrameworkID.Value]
		if f == nil {
			return 0, wire.Refuse(http.StatusBadRequest, "No framework found with specified ID")
		}
		m.removeFramework(f)
		return http.StatusOK, nil
	}
	return 0, wire.Refuse(http.StatusNotImplemented, call.Type.String()+" is not supported by this stand-in for a Mesos master")
}

// operatorReserve reserves what is free on an agent. Offers of the agent are rescinded until it fits.
func (m *Master) operatorReserve(id string, list []mesos.Resource) *wire.Refusal {
	a := m.agents[id]
	if a == nil {
		return wire.Refuse(http.StatusBadRequest, "No agent found with specified ID")
	}
	if text := refuseReservation(list, nil); text != "" {
		return wire.Refuse(http.StatusBadRequest, "Invalid RESERVE operation on agent "+id+": "+text)
	}
	to := fromProto(list).allocated("")
	return m.operatorConvert(a, mesos.Offer_Operation_RESERVE, unreserved(to), to, func(free resources) string {
		return fmt.Sprintf("%v does not contain %v", free, unreserved(to))
	})
}

func (m *Master) operatorUnreserve(id string, list []mesos.Resource) *wire.Refusal {
	a := m.agents[id]
	if a == nil {
		return wire.Refuse(http.StatusBadRequest, "No agent found with specified ID")
	}
	if text := refuseUnreservation(list); text != "" {
		return wire.Refuse(http.StatusBadRequest, "Invalid UNRESERVE operation on agent "+id+": "+text)
	}
	from := fromProto(list).allocated("")
	return m.operatorConvert(a, mesos.Offer_Operation_UNRESERVE, from, unreserved(from), func(free resources) string {
		i := slices.IndexFunc(from, func(one resource) bool { return !free.containsOne(&one) })
		return fmt.Sprintf("%v does not contain %v", free, from[i:i+1])
	})
}

func (m *Master) operatorConvert(a *agent, kind mesos.Offer_Operation_Type, from, to resources, missing func(resources) string) *wire.Refusal {
	for _, o := range sortedOffers(a.offers) {
		if a.free.contains(from) {
			break
		}
		m.rescind(o, &mesos.Filters{}) // with the default filter, as Mesos does
	}
	if !a.free.contains(from) {
		return wire.Refuse(http.StatusConflict, missing(a.free.inOrderOf(a.total)))
	}
	a.free = a.free.minus(from).plus(to)
	a.total = a.total.minus(from).plus(to)
	a.send(&link.ApplyOperation{Total: a.total.proto(), Type: kind})
	return nil
}
