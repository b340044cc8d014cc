package master

import (
	"fmt"
	"slices"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"k8s-framework/internal/local/mesos/link"
)

// reserve does a framework's RESERVE on what is left of its offers. One that cannot be done is answered only when it has
// an operation id.
func (m *Master) reserve(acc *acceptance, op *mesos.Offer_Operation) {
	if op.Reserve == nil {
		m.operationFailed(acc, op, "Expecting 'reserve' to be present")
		return
	}
	list := allocate(op.Reserve.Resources, acc.role)
	if text := refuseReservation(list, acc.framework.roles()); text != "" {
		m.operationFailed(acc, op, text)
		return
	}
	to := fromProto(list)
	m.convert(acc, op, unreserved(to), to)
}

// unreserve does a framework's UNRESERVE.
func (m *Master) unreserve(acc *acceptance, op *mesos.Offer_Operation) {
	if op.Unreserve == nil {
		m.operationFailed(acc, op, "Expecting 'unreserve' to be present")
		return
	}
	list := allocate(op.Unreserve.Resources, acc.role)
	if text := refuseUnreservation(list); text != "" {
		m.operationFailed(acc, op, text)
		return
	}
	from := fromProto(list)
	for i := range from { // one after the other: the error names the first that is not there
		if !acc.left.containsOne(&from[i]) {
			m.operationFailed(acc, op, fmt.Sprintf("%v does not contain %v", acc.left, from[i:i+1]))
			return
		}
	}
	m.convert(acc, op, from, unreserved(from))
}

// convert replaces resources in what is left of the offers and on the agent.
func (m *Master) convert(acc *acceptance, op *mesos.Offer_Operation, from, to resources) {
	if !acc.left.contains(from) {
		m.operationFailed(acc, op, fmt.Sprintf("%v does not contain %v", acc.left, from))
		return
	}
	acc.left = acc.left.minus(from).plus(to)
	a := acc.agent
	a.total = a.total.minus(from.allocated("")).plus(to.allocated(""))
	apply := &link.ApplyOperation{Total: a.total.proto(), Type: op.Type}
	if op.ID != nil {
		o := &operation{id: op.ID.Value, uuid: newUUID(), agent: a.id}
		o.status = mesos.OperationStatus{OperationID: op.ID, State: mesos.OPERATION_PENDING, AgentID: &mesos.AgentID{Value: a.id}}
		acc.framework.operations[o.id] = o
		apply.FrameworkID, apply.OperationID, apply.UUID = &mesos.FrameworkID{Value: acc.framework.id}, op.ID, o.uuid
	}
	a.send(apply)
}

// unreserved is resources without their last reservation.
func unreserved(all resources) resources {
	var plain resources
	for _, one := range all {
		kind := *one.kind
		if n := len(kind.Reservations); n > 0 {
			kind.Reservations = slices.Clone(kind.Reservations[:n-1])
		}
		if len(kind.Reservations) == 0 {
			kind.Reservations = nil
		}
		one.kind, one.key = &kind, keyOf(&kind)
		plain = plain.plusOne(one)
	}
	return plain
}

// refuseReservation checks the resources of a RESERVE; roles nil are an operator's: any.
func refuseReservation(list []mesos.Resource, roles []string) string {
	if text := invalidResource(list); text != "" {
		return "Invalid resources: " + text
	}
	for i := range list {
		one := oneFromProto(&list[i])
		n := len(one.kind.Reservations)
		switch {
		case n == 0:
			return fmt.Sprintf("Resource %v is not reserved", &one)
		case one.kind.Reservations[n-1].GetType() != mesos.Resource_ReservationInfo_DYNAMIC:
			return fmt.Sprintf("Resource %v is not dynamically reserved", &one)
		case roles != nil && !slices.Contains(roles, one.reservedFor()):
			return fmt.Sprintf("A reserve operation was attempted for a resource with role '%s', but the framework can only reserve resources with roles '{ %s }'", one.reservedFor(), joinComma(roles))
		}
		if text := refuseRole(one.reservedFor()); text != "" {
			return text
		}
	}
	return ""
}

func refuseUnreservation(list []mesos.Resource) string {
	if text := invalidResource(list); text != "" {
		return "Invalid resources: " + text
	}
	for i := range list {
		one := oneFromProto(&list[i])
		n := len(one.kind.Reservations)
		if n == 0 || one.kind.Reservations[n-1].GetType() != mesos.Resource_ReservationInfo_DYNAMIC {
			return fmt.Sprintf("Resource %v is not dynamically reserved", &one)
		}
	}
	return ""
}

// operationFailed answers an operation that cannot be done, if it has an id.
func (m *Master) operationFailed(acc *acceptance, op *mesos.Offer_Operation, why string) {
	m.log.warn("Refusing operation %v of framework %s: %s", op.Type, acc.framework.id, why)
	if op.ID != nil {
		m.operationStatus(acc.framework, mesos.OperationStatus{OperationID: op.ID, State: mesos.OPERATION_ERROR, Message: &why})
	}
}

func (m *Master) operationStatus(f *framework, status mesos.OperationStatus) {
	f.send(&scheduler.Event{
		Type: scheduler.Event_UPDATE_OPERATION_STATUS, UpdateOperationStatus: &scheduler.Event_UpdateOperationStatus{Status: status},
	})
}

// operationUpdate forwards an operation's result.
func (m *Master) operationUpdate(a *agent, u *link.OperationUpdate) {
	f := m.frameworks[u.FrameworkID.Value]
	if f == nil {
		return
	}
	id := u.Status.GetOperationID().GetValue()
	o := f.operations[id]
	if o == nil {
		o = &operation{id: id, agent: a.id}
		f.operations[id] = o
	}
	o.uuid, o.status = u.UUID, u.Status
	m.operationStatus(f, u.Status)
}

// acknowledgeOperation forgets an operation whose result was received.
func (m *Master) acknowledgeOperation(f *framework, call *scheduler.Call_AcknowledgeOperationStatus) {
	o := f.operations[call.OperationID.Value]
	if o == nil || string(o.status.GetUUID().GetValue()) != string(call.UUID) {
		return
	}
	delete(f.operations, o.id)
	if a := m.agents[o.agent]; a != nil {
		a.send(&link.AckOperation{FrameworkID: &mesos.FrameworkID{Value: f.id}, OperationUUID: o.uuid, StatusUUID: call.UUID})
	}
}

// reconcileOperations answers for the operations that are named, or for all.
func (m *Master) reconcileOperations(f *framework, call *scheduler.Call_ReconcileOperations) {
	if len(call.Operations) == 0 {
		for _, id := range sortedKeys(f.operations) {
			status := f.operations[id].status
			status.UUID = nil
			m.operationStatus(f, status)
		}
		return
	}
	for _, asked := range call.Operations {
		id := asked.OperationID
		if o := f.operations[id.Value]; o != nil {
			status := o.status
			status.UUID = nil
			m.operationStatus(f, status)
			continue
		}
		status := mesos.OperationStatus{OperationID: &id, AgentID: asked.AgentID, ResourceProviderID: asked.ResourceProviderID}
		agent := asked.AgentID.GetValue()
		switch {
		case m.recovered[agent]:
			status.State, status.Message = mesos.OPERATION_RECOVERING, new("Reconciliation: Agent is recovered but has not re-registered")
		case m.registry.unreachable(agent) != nil:
			status.State, status.Message = mesos.OPERATION_UNREACHABLE, new("Reconciliation: Agent is unreachable")
		case m.registry.gone(agent):
			status.State, status.Message = mesos.OPERATION_GONE_BY_OPERATOR, new("Reconciliation: Agent marked gone by operator")
		default:
			status.State, status.Message = mesos.OPERATION_UNKNOWN, new("Reconciliation: Operation is unknown")
		}
		m.operationStatus(f, status)
	}
}
