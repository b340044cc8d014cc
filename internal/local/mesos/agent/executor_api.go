package agent

import (
	"net/http"

	"github.com/google/uuid"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"

	"k8s-framework/internal/local/mesos/wire"
)

// serveExecutor is POST /api/v1/executor.
func (a *Agent) serveExecutor(w http.ResponseWriter, r *http.Request) {
	if phase(a.answering.Load()) == recovering {
		notRecovered().Write(w)
		return
	}
	call := &executor.Call{}
	refusal := wire.OnlyPOST(r)
	if refusal == nil {
		refusal = wire.ReadCall(r, call)
	}
	if refusal == nil {
		refusal = validate(call)
	}
	if refusal != nil {
		refusal.Write(w)
		return
	}
	switch call.Type {
	case executor.Call_HEARTBEAT:
		wire.Accepted(w)
	case executor.Call_SUBSCRIBE:
		a.serveSubscribe(w, r, call)
	default:
		a.serveCall(w, r, call)
	}
}

func (a *Agent) serveSubscribe(w http.ResponseWriter, r *http.Request, call *executor.Call) {
	media, refusal := wire.Accept(r)
	if refusal != nil {
		refusal.Write(w)
		return
	}
	stream := wire.NewStream(media)
	var e *execution
	asked := a.ask(r.Context(), func() {
		if e, refusal = a.caller(call); refusal == nil {
			a.subscribe(e, call.Subscribe, stream)
		}
	})
	switch {
	case !asked: // the agent ends, or the executor has gone while it waited
		a.post(func() {
			if e != nil {
				a.streamLost(e, stream)
			}
		})
		wire.NotFound().Write(w)
	case refusal != nil:
		refusal.Write(w)
	case !stream.Serve(r.Context(), w):
		a.post(func() { a.streamLost(e, stream) })
	}
}

func (a *Agent) serveCall(w http.ResponseWriter, r *http.Request, call *executor.Call) {
	var refusal *wire.Refusal
	asked := a.ask(r.Context(), func() {
		var e *execution
		e, refusal = a.caller(call)
		switch {
		case refusal != nil:
		case e.phase == registering:
			refusal = wire.Refuse(http.StatusForbidden, "Executor is not subscribed")
		case call.Type == executor.Call_UPDATE:
			a.executorUpdate(e.framework, call.Update.Status)
		case call.Type == executor.Call_MESSAGE:
			a.executorMessage(e, call.Message.Data)
		}
	})
	switch {
	case !asked: // as a real agent whose process has ended, but not yet its HTTP port
		wire.NotFound().Write(w)
	case refusal != nil:
		refusal.Write(w)
	default:
		wire.Accepted(w)
	}
}

// caller finds the executor that makes a call.
func (a *Agent) caller(call *executor.Call) (*execution, *wire.Refusal) {
	if a.phase == recovering && call.Type != executor.Call_SUBSCRIBE {
		return nil, notRecovered()
	}
	f := a.framework(call.FrameworkID.Value)
	if f == nil {
		return nil, wire.Refuse(http.StatusBadRequest, "Framework cannot be found")
	}
	e := f.executor(call.ExecutorID.Value)
	if e == nil {
		return nil, wire.Refuse(http.StatusBadRequest, "Executor cannot be found")
	}
	return e, nil
}

// validate says what is wrong with a call by itself.
func validate(call *executor.Call) *wire.Refusal {
	refuse := func(why string) *wire.Refusal {
		return wire.Refuse(http.StatusBadRequest, "Failed to validate Executor::Call: "+why)
	}
	who := "executor " + call.ExecutorID.Value + " of framework " + call.FrameworkID.Value
	switch call.Type {
	case executor.Call_UNKNOWN:
		return refuse("Expecting 'type' to be present")
	case executor.Call_SUBSCRIBE:
		if call.Subscribe == nil {
			return refuse("Expecting 'subscribe' to be present")
		}
	case executor.Call_MESSAGE:
		if call.Message == nil {
			return refuse("Expecting 'message' to be present")
		}
	case executor.Call_UPDATE:
		if call.Update == nil {
			return refuse("Expecting 'update' to be present")
		}
		status := call.Update.Status
		switch {
		case status.UUID == nil:
			return refuse("Expecting 'uuid' to be present")
		case !validUUID(status.UUID):
			return refuse("Not a valid UUID")
		case status.ExecutorID != nil && status.ExecutorID.Value != call.ExecutorID.Value:
			return refuse("ExecutorID in Call: " + call.ExecutorID.Value +
				" does not match ExecutorID in TaskStatus: " + status.ExecutorID.Value)
		case status.GetSource() != mesos.SOURCE_EXECUTOR:
			return refuse("Received Call from " + who + " with invalid source, expecting 'SOURCE_EXECUTOR'")
		case status.GetState() == mesos.TASK_STAGING:
			return refuse("Received TASK_STAGING from " + who + " which is not allowed")
		}
	}
	return nil
}

// validUUID wants the 16 bytes of a UUID of RFC 4122.
func validUUID(b []byte) bool {
	id, err := uuid.FromBytes(b)
	return err == nil && id.Variant() == uuid.RFC4122
}
