package mesos

import (
	"fmt"

	v1 "github.com/mesos/mesos-go/api/v1/lib"
	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"k8s-framework/internal/mesos/wire"
	"k8s-framework/scheduler"
)

// event is one decoded frame. At most one field is set; none is for a heartbeat.
type event struct {
	subscribed *v1sched.Event_Subscribed
	core       scheduler.Event // what package scheduler has a word for
	failure    string          // the text of an ERROR
	message    []byte          // what an executor told us
	ignored    string          // the name of an event without a word
}

// decodeEvent reads a frame of the stream.
func decodeEvent(frame []byte) (event, error) {
	if isOffers(frame) {
		offers, err := decodeOffers(frame)
		if err != nil {
			return event{}, fmt.Errorf("OFFERS: %w", err)
		}
		return event{core: scheduler.Offered{Offers: offers}}, nil
	}
	var said v1sched.Event
	if err := wire.Decode(frame, &said); err != nil {
		return event{}, err
	}
	return fromEvent(&said)
}

// fromEvent converts what mesos-go decoded. An event whose type promises a part that is missing is malformed.
func fromEvent(said *v1sched.Event) (event, error) {
	missing := fmt.Errorf("%s without its content", said.Type)
	switch said.Type {
	case v1sched.Event_SUBSCRIBED:
		if said.Subscribed == nil {
			return event{}, missing
		}
		return event{subscribed: said.Subscribed}, nil
	case v1sched.Event_OFFERS: // whose first field was not its type
		return event{core: scheduler.Offered{Offers: fromOffers(said.GetOffers())}}, nil
	case v1sched.Event_UPDATE:
		if said.Update == nil {
			return event{}, missing
		}
		return event{core: fromStatus(&said.Update.Status)}, nil
	case v1sched.Event_FAILURE:
		if said.Failure == nil {
			return event{}, missing
		}
		return fromFailure(said.Failure), nil
	case v1sched.Event_MESSAGE:
		if said.Message == nil {
			return event{}, missing
		}
		return event{message: said.Message.Data}, nil
	case v1sched.Event_INVERSE_OFFERS:
		return event{core: scheduler.InverseOffered{Offers: fromInverse(said.GetInverseOffers())}}, nil
	case v1sched.Event_RESCIND_INVERSE_OFFER:
		if said.RescindInverseOffer == nil {
			return event{}, missing
		}
		return event{core: scheduler.InverseRescinded{Offer: scheduler.OfferID(said.RescindInverseOffer.InverseOfferID.Value)}}, nil
	case v1sched.Event_ERROR:
		return event{failure: said.GetError().GetMessage()}.named(), nil
	case v1sched.Event_HEARTBEAT:
		return event{}, nil
	default:
		return event{ignored: said.Type.String()}, nil
	}
}

// named makes sure that an ERROR without a text is one nevertheless.
func (e event) named() event {
	if e.failure == "" {
		e.failure = "(no reason)"
	}
	return e
}

// fromFailure converts FAILURE, which says that an executor ended, or, without an executor, that an agent was removed.
func fromFailure(failure *v1sched.Event_Failure) event {
	agent := scheduler.AgentID(failure.GetAgentID().GetValue())
	if failure.ExecutorID == nil {
		return event{core: scheduler.AgentRemoved{Agent: agent}}
	}
	return event{core: scheduler.ExecutorEnded{
		Agent: agent, Executor: scheduler.ExecutorID(failure.ExecutorID.Value), Status: int(failure.GetStatus()),
	}}
}

// fromStatus converts a status update, or the answer to a reconciliation.
func fromStatus(status *v1.TaskStatus) scheduler.TaskUpdated {
	update := scheduler.TaskUpdated{
		Task:     scheduler.TaskID(status.TaskID.Value),
		Agent:    scheduler.AgentID(status.GetAgentID().GetValue()),
		Executor: scheduler.ExecutorID(status.GetExecutorID().GetValue()),
		Message:  status.GetMessage(),
		Update:   scheduler.UpdateID(status.UUID),
		Healthy:  fromHealthy(status.Healthy),
	}
	if status.Reason != nil {
		update.Reason = reasonName(*status.Reason)
	}
	var known bool
	if update.State, known = fromState(status.GetState()); !known {
		update.Message = fmt.Sprintf("(Mesos's state number %d) %s", status.GetState(), update.Message)
	}
	return update
}

// fromState converts a task state. One that is newer than this program becomes UNKNOWN, which proves nothing about the task.
func fromState(state v1.TaskState) (converted scheduler.TaskState, known bool) {
	switch state {
	case v1.TASK_STAGING:
		return scheduler.TaskStaging, true
	case v1.TASK_STARTING:
		return scheduler.TaskStarting, true
	case v1.TASK_RUNNING:
		return scheduler.TaskRunning, true
	case v1.TASK_KILLING:
		return scheduler.TaskKilling, true
	case v1.TASK_FINISHED:
		return scheduler.TaskFinished, true
	case v1.TASK_FAILED:
		return scheduler.TaskFailed, true
	case v1.TASK_KILLED:
		return scheduler.TaskKilled, true
	case v1.TASK_ERROR:
		return scheduler.TaskError, true
	case v1.TASK_LOST:
		return scheduler.TaskLost, true
	case v1.TASK_DROPPED:
		return scheduler.TaskDropped, true
	case v1.TASK_UNREACHABLE:
		return scheduler.TaskUnreachable, true
	case v1.TASK_GONE:
		return scheduler.TaskGone, true
	case v1.TASK_GONE_BY_OPERATOR:
		return scheduler.TaskGoneByOperator, true
	case v1.TASK_UNKNOWN:
		return scheduler.TaskUnknown, true
	default:
		return scheduler.TaskUnknown, false
	}
}

// reasonName is Mesos's name of a reason; one that is newer than this program keeps its number.
func reasonName(reason v1.TaskStatus_Reason) string {
	if name, known := v1.TaskStatus_Reason_name[int32(reason)]; known {
		return name
	}
	return fmt.Sprintf("REASON_%d", reason)
}

func fromHealthy(healthy *bool) scheduler.Health {
	switch {
	case healthy == nil:
		return scheduler.HealthUnknown
	case *healthy:
		return scheduler.Healthy
	default:
		return scheduler.Unhealthy
	}
}
