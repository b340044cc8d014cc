package agent

import (
	"bytes"
	"time"

	"github.com/google/uuid"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	local "k8s-framework/internal/local/mesos/link"
)

// operation is a reservation (or its end) that a framework has given an id, and whose result it has not acknowledged.
type operation struct {
	Update local.OperationUpdate
	timer  *time.Timer
}

// applyOperation makes a change of the reservations durable.
func (a *Agent) applyOperation(m *local.ApplyOperation) {
	a.total = m.Total
	var reserved []mesos.Resource
	for i := range m.Total {
		if m.Total[i].IsDynamicallyReserved() {
			reserved = append(reserved, m.Total[i])
		}
	}
	if !a.must(checkpoint(a.paths.resources(), reserved)) {
		return
	}
	if m.OperationID == nil {
		return
	}
	id := uuid.New()
	o := &operation{Update: local.OperationUpdate{UUID: m.UUID, Status: mesos.OperationStatus{
		OperationID: m.OperationID, State: mesos.OPERATION_FINISHED, UUID: &mesos.UUID{Value: id[:]},
		AgentID: a.info.ID,
	}}}
	if m.FrameworkID != nil {
		o.Update.FrameworkID = *m.FrameworkID
	}
	a.operations = append(a.operations, o)
	if a.must(checkpoint(a.paths.operations(a.info.GetID().Value), a.operations)) {
		a.sendOperation(o, updateRetryMin)
	}
}

// acknowledgeOperation ends the repetition.
func (a *Agent) acknowledgeOperation(m *local.AckOperation) {
	for i, o := range a.operations {
		if bytes.Equal(o.Update.UUID, m.OperationUUID) && bytes.Equal(o.Update.Status.GetUUID().GetValue(), m.StatusUUID) {
			stop(o.timer)
			a.operations = append(a.operations[:i:i], a.operations[i+1:]...)
			a.must(checkpoint(a.paths.operations(a.info.GetID().Value), a.operations))
			a.drained()
			return
		}
	}
}

func (a *Agent) sendOperation(o *operation, again time.Duration) {
	stop(o.timer)
	if a.phase == running {
		a.master.send(&o.Update)
	}
	o.timer = a.after(again, func() {
		for _, still := range a.operations {
			if still == o {
				a.sendOperation(o, min(2*again, updateRetryMax))
			}
		}
	})
}

func (a *Agent) resendOperations() {
	for _, o := range a.operations {
		a.sendOperation(o, updateRetryMin)
	}
}
