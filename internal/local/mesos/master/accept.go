package master

import (
	"fmt"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// acceptance is one ACCEPT while it is being done: what is left of its offers.
type acceptance struct {
	framework *framework
	agent     *agent
	role      string
	left      resources // allocated to the role
}

// accept does the operations of an ACCEPT in their order, on the resources of its offers. What is not used is refused.
func (m *Master) accept(f *framework, call *scheduler.Call_Accept) {
	offers, invalid := m.offersOf(f, call.OfferIDs)
	if invalid != "" {
		for _, o := range offers {
			m.removeOffer(o, nil)
		}
		m.dropOperations(f, call.Operations, invalid)
		return
	}
	var sum resources
	for _, o := range offers {
		sum = sum.plus(o.resources)
	}
	none := resources{}
	for _, o := range offers {
		m.removeOffer(o, &none) // from here on the resources are in our hands
	}
	acc := &acceptance{framework: f, agent: offers[0].agent, role: offers[0].role, left: sum}
	for i := range call.Operations {
		m.operate(acc, &call.Operations[i])
	}
	acc.agent.free = acc.agent.free.plus(acc.left.allocated(""))
	m.refuse(f, acc.agent.id, acc.role, acc.left, refusal(call.Filters))
}

// offersOf finds the offers of an ACCEPT. When they cannot be used, invalid says why and offers are the valid ones.
func (m *Master) offersOf(f *framework, ids []mesos.OfferID) (offers []*offer, invalid string) {
	if len(ids) == 0 {
		return nil, "No offers specified"
	}
	seen := map[string]bool{}
	for _, id := range ids {
		o := m.offers[id.Value]
		switch {
		case seen[id.Value]:
			invalid = first(invalid, "Duplicate offer "+id.Value+" in offer list")
			continue
		case o == nil:
			invalid = first(invalid, "Offer "+id.Value+" is no longer valid")
		case o.framework != f:
			invalid = first(invalid, fmt.Sprintf("Offer %s has invalid framework %s while framework %s is expected", o.id, o.framework.id, f.id))
		default:
			offers = append(offers, o)
		}
		seen[id.Value] = true
	}
	if invalid != "" {
		return offers, invalid
	}
	for _, o := range offers[1:] {
		if o.role != offers[0].role {
			return offers, fmt.Sprintf("Aggregated offers must be allocated to the same role. Offer %s uses role '%s' but another is using role '%s'", o.id, o.role, offers[0].role)
		}
		if o.agent != offers[0].agent {
			return offers, fmt.Sprintf("Aggregated offers must belong to one single agent. Offer %s uses agent %s and agent %s", o.id, o.agent.id, offers[0].agent.id)
		}
	}
	return offers, ""
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// dropOperations answers the operations of an ACCEPT whose offers cannot be used.
func (m *Master) dropOperations(f *framework, operations []mesos.Offer_Operation, why string) {
	state := mesos.TASK_LOST
	if f.partitionAware() {
		state = mesos.TASK_DROPPED
	}
	for i := range operations {
		for _, t := range tasksOf(&operations[i]) {
			m.refuseTask(f, t, state, mesos.REASON_INVALID_OFFERS, "Task launched with invalid offers: "+why)
		}
		if operations[i].ID != nil && len(tasksOf(&operations[i])) == 0 {
			m.operationStatus(f, mesos.OperationStatus{
				OperationID: operations[i].ID, State: mesos.OPERATION_ERROR, Message: new("Operation attempted with invalid offers: " + why),
			})
		}
	}
}

func tasksOf(op *mesos.Offer_Operation) []mesos.TaskInfo {
	switch op.Type {
	case mesos.Offer_Operation_LAUNCH:
		if op.Launch != nil {
			return op.Launch.TaskInfos
		}
	case mesos.Offer_Operation_LAUNCH_GROUP:
		if op.LaunchGroup != nil {
			return op.LaunchGroup.TaskGroup.Tasks
		}
	}
	return nil
}

// refuseTask sends an update for a task that is not launched: from the master, without uuid.
func (m *Master) refuseTask(f *framework, t mesos.TaskInfo, state mesos.TaskState, reason mesos.TaskStatus_Reason, message string) {
	m.log.warn("Refusing task '%s' of framework %s: %s", t.TaskID.Value, f.id, firstLine(message))
	agentID := t.AgentID
	m.sendStatus(f, &mesos.TaskStatus{
		TaskID: t.TaskID, State: state.Enum(), Message: &message, Source: mesos.SOURCE_MASTER.Enum(), Reason: reason.Enum(), AgentID: &agentID,
	})
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// operate does one operation on what is left of the offers. An operation of an unknown type is passed over in silence.
func (m *Master) operate(acc *acceptance, op *mesos.Offer_Operation) {
	switch op.Type {
	case mesos.Offer_Operation_UNKNOWN:
	case mesos.Offer_Operation_LAUNCH:
		for _, t := range tasksOf(op) {
			m.launch(acc, t)
		}
	case mesos.Offer_Operation_LAUNCH_GROUP:
		for _, t := range tasksOf(op) {
			m.refuseTask(acc.framework, t, mesos.TASK_ERROR, mesos.REASON_TASK_GROUP_INVALID, "Task groups are not supported by this stand-in for a Mesos master")
		}
	case mesos.Offer_Operation_RESERVE:
		m.reserve(acc, op)
	case mesos.Offer_Operation_UNRESERVE:
		m.unreserve(acc, op)
	default:
		m.operationFailed(acc, op, op.Type.String()+" is not supported by this stand-in for a Mesos master")
	}
}
