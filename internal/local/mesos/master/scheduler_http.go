package master

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"k8s-framework/internal/local/mesos/wire"
)

const streamHeader = "Mesos-Stream-Id"

// serveScheduler is POST /api/v1/scheduler. What is refused is refused in the order of Mesos's own checks.
func (m *Master) serveScheduler(w http.ResponseWriter, r *http.Request, state *leadership) {
	principal, refusal := m.authenticated(r, m.flags.AuthenticateHTTPFrameworks, "mesos-master-scheduler")
	if refusal == nil {
		refusal = notRecovered(state)
	}
	if refusal == nil {
		refusal = wire.OnlyPOST(r)
	}
	call := &scheduler.Call{}
	var body []byte
	if refusal == nil {
		body, refusal = wire.ReadCallRaw(r, call)
		m.counts.Read.add(len(body))
	}
	if refusal == nil && aborts(r, call, body) && m.knows(call) {
		logger{m.log.w, "metrics.cpp:865"}.line('F', "%v", ErrAborted)
		m.die(ErrAborted)
		<-r.Context().Done()
		return
	}
	if refusal == nil {
		refusal = validateCall(call, principal)
	}
	if refusal != nil {
		m.refuseCall(w, refusal)
		return
	}
	if call.Type == scheduler.Call_SUBSCRIBE {
		m.serveSubscribe(w, r, call, body)
		return
	}
	m.serveCall(w, r, call, body, principal)
}

func (m *Master) refuseCall(w http.ResponseWriter, refusal *wire.Refusal) {
	m.counts.Refused.add(1)
	refusal.Write(w)
}

// aborts says whether a body names the type UNKNOWN, which a real master does not survive.
func aborts(r *http.Request, call *scheduler.Call, body []byte) bool {
	return call.Type == scheduler.Call_UNKNOWN && r.Header.Get("Content-Type") == wire.TypeJSON &&
		bytes.Contains(body, []byte("UNKNOWN")) && regexp.MustCompile(`^\s*\{[^{]*"type"\s*:\s*"UNKNOWN"`).Match(body)
}

// knows says whether the call's framework is subscribed.
func (m *Master) knows(call *scheduler.Call) (known bool) {
	m.do(func() {
		f := m.frameworks[call.GetFrameworkID().GetValue()]
		known = f != nil && f.connected()
	})
	return known
}

// validateCall checks what can be checked without knowing anything.
func validateCall(call *scheduler.Call, principal string) *wire.Refusal {
	invalid := func(text string) *wire.Refusal {
		return wire.Refuse(http.StatusBadRequest, "Failed to validate scheduler::Call: "+text)
	}
	if call.Type == scheduler.Call_UNKNOWN {
		return invalid("Expecting 'type' to be present")
	}
	if call.Type == scheduler.Call_SUBSCRIBE {
		if call.Subscribe == nil {
			return invalid("Expecting 'subscribe' to be present")
		}
		info := call.Subscribe.FrameworkInfo
		if info.GetID().GetValue() != call.GetFrameworkID().GetValue() {
			return invalid("'framework_id' differs from 'subscribe.framework_info.id'")
		}
		if principal != "" && info.Principal != nil && *info.Principal != principal {
			return invalid(fmt.Sprintf("Authenticated principal '%s' does not match principal '%s' set in `FrameworkInfo`", principal, *info.Principal))
		}
		return nil
	}
	if call.FrameworkID == nil {
		return invalid("Expecting 'framework_id' to be present")
	}
	if name := missingPart(call); name != "" {
		return invalid("Expecting '" + name + "' to be present")
	}
	if call.Type == scheduler.Call_ACKNOWLEDGE && !validUUID(call.Acknowledge.UUID) {
		return invalid("Not a valid UUID")
	}
	if call.Type == scheduler.Call_ACKNOWLEDGE_OPERATION_STATUS && !validUUID(call.AcknowledgeOperationStatus.UUID) {
		return invalid("Not a valid UUID")
	}
	return nil
}

// missingPart names the part that a call of its type must have and has not.
func missingPart(call *scheduler.Call) string {
	there := true
	switch call.Type {
	case scheduler.Call_ACCEPT:
		there = call.Accept != nil
	case scheduler.Call_DECLINE:
		there = call.Decline != nil
	case scheduler.Call_ACCEPT_INVERSE_OFFERS:
		there = call.AcceptInverseOffers != nil
	case scheduler.Call_DECLINE_INVERSE_OFFERS:
		there = call.DeclineInverseOffers != nil
	case scheduler.Call_KILL:
		there = call.Kill != nil
	case scheduler.Call_SHUTDOWN:
		there = call.Shutdown != nil
	case scheduler.Call_ACKNOWLEDGE:
		there = call.Acknowledge != nil
	case scheduler.Call_ACKNOWLEDGE_OPERATION_STATUS:
		there = call.AcknowledgeOperationStatus != nil
	case scheduler.Call_RECONCILE:
		there = call.Reconcile != nil
	case scheduler.Call_RECONCILE_OPERATIONS:
		there = call.ReconcileOperations != nil
	case scheduler.Call_MESSAGE:
		there = call.Message != nil
	case scheduler.Call_REQUEST:
		there = call.Request != nil
	case scheduler.Call_UPDATE_FRAMEWORK:
		there = call.UpdateFramework != nil
	}
	if there {
		return ""
	}
	return strings.ToLower(call.Type.String())
}

// serveSubscribe opens the stream.
func (m *Master) serveSubscribe(w http.ResponseWriter, r *http.Request, call *scheduler.Call, body []byte) {
	media, refusal := wire.Accept(r)
	if refusal == nil && r.Header.Get(streamHeader) != "" {
		refusal = wire.Refuse(http.StatusBadRequest, "Subscribe calls should not include the 'Mesos-Stream-Id' header")
	}
	var constraints offerConstraints
	if refusal == nil {
		constraints, refusal = readConstraints(r, body, "subscribe")
	}
	if refusal != nil {
		m.refuseCall(w, refusal)
		return
	}
	stream := wire.NewStream(media)
	stream.Written = func(bytes int) { m.counts.Written.add(bytes) }
	streamID := formatUUID(newUUID())
	var f *framework
	if !m.do(func() { f = m.subscribe(call.Subscribe, constraints, stream, streamID) }) {
		stopping().Write(w)
		return
	}
	w.Header()[streamHeader] = []string{streamID}
	stream.Serve(r.Context(), w)
	if f != nil {
		m.post(func() { m.streamClosed(f, stream) })
	}
}

// serveCall answers every call but SUBSCRIBE.
func (m *Master) serveCall(w http.ResponseWriter, r *http.Request, call *scheduler.Call, body []byte, principal string) {
	constraints, refusal := readConstraints(r, body, "update_framework")
	if refusal != nil {
		m.refuseCall(w, refusal)
		return
	}
	status := http.StatusAccepted
	alive := m.do(func() {
		var f *framework
		if f, refusal = m.callerOf(call, r.Header.Get(streamHeader), principal); refusal != nil {
			return
		}
		m.counts.Calls(call.Type).add(1)
		if call.Type == scheduler.Call_UPDATE_FRAMEWORK {
			status, refusal = http.StatusOK, m.updateFramework(f, call.UpdateFramework, constraints)
			return
		}
		m.perform(f, call)
	})
	switch {
	case !alive:
		stopping().Write(w)
	case refusal != nil:
		m.refuseCall(w, refusal)
	default:
		wire.WriteStatus(w, status)
	}
}

// takeCalls does calls that came at once, in their order, up to the first that is not a plain one. What is refused is refused
// elsewhere.
func (m *Master) takeCalls(requests []wire.Plain) (taken int) {
	if !m.Leads() || m.flags.AuthenticateHTTPFrameworks {
		return 0
	}
	calls := make([]scheduler.Call, 0, len(requests))
	for _, r := range requests {
		var call scheduler.Call
		if call.Unmarshal(r.Body) != nil || validateCall(&call, "") != nil ||
			call.Type == scheduler.Call_SUBSCRIBE || call.Type == scheduler.Call_UPDATE_FRAMEWORK {
			break
		}
		calls = append(calls, call)
	}
	m.do(func() {
		for i := range calls {
			f, refusal := m.callerOf(&calls[i], requests[i].StreamID, "")
			if refusal != nil {
				return
			}
			m.counts.Read.add(len(requests[i].Body))
			m.counts.Calls(calls[i].Type).add(1)
			m.perform(f, &calls[i])
			taken++
		}
	})
	return taken
}

// callerOf finds the framework that a call comes from, and refuses calls that do not come from its present stream.
func (m *Master) callerOf(call *scheduler.Call, streamID, principal string) (*framework, *wire.Refusal) {
	bad := func(text string) *wire.Refusal { return wire.Refuse(http.StatusBadRequest, text) }
	f := m.frameworks[call.FrameworkID.Value]
	switch {
	case f == nil || f.recovered:
		return nil, bad("Framework cannot be found")
	case principal != "" && f.info.Principal != nil && *f.info.Principal != principal:
		return nil, bad(fmt.Sprintf("Authenticated principal '%s' does not match principal '%s' set in `FrameworkInfo`", principal, *f.info.Principal))
	case !f.connected():
		return nil, wire.Refuse(http.StatusForbidden, "Framework is not subscribed")
	case streamID == "":
		return nil, bad("All non-subscribe calls should include the 'Mesos-Stream-Id' header")
	case streamID != f.streamID:
		return nil, bad(fmt.Sprintf("The stream ID '%s' included in this request didn't match the stream ID currently associated with framework ID %s", streamID, f.id))
	}
	return f, nil
}

// perform does a call that has been accepted. What it leads to comes as events.
func (m *Master) perform(f *framework, call *scheduler.Call) {
	switch call.Type {
	case scheduler.Call_TEARDOWN:
		m.removeFramework(f)
	case scheduler.Call_ACCEPT:
		m.accept(f, call.Accept)
	case scheduler.Call_DECLINE:
		m.decline(f, call.Decline)
	case scheduler.Call_ACCEPT_INVERSE_OFFERS:
		m.answerInverse(f, call.AcceptInverseOffers.InverseOfferIDs, call.AcceptInverseOffers.Filters, true)
	case scheduler.Call_DECLINE_INVERSE_OFFERS:
		m.answerInverse(f, call.DeclineInverseOffers.InverseOfferIDs, call.DeclineInverseOffers.Filters, false)
	case scheduler.Call_REVIVE:
		m.revive(f, call.GetRevive().GetRoles())
	case scheduler.Call_SUPPRESS:
		m.suppress(f, call.GetSuppress().GetRoles())
	case scheduler.Call_KILL:
		m.kill(f, call.Kill)
	case scheduler.Call_SHUTDOWN:
		m.shutdownExecutor(f, call.Shutdown)
	case scheduler.Call_ACKNOWLEDGE:
		m.acknowledge(f, call.Acknowledge)
	case scheduler.Call_ACKNOWLEDGE_OPERATION_STATUS:
		m.acknowledgeOperation(f, call.AcknowledgeOperationStatus)
	case scheduler.Call_RECONCILE:
		m.reconcile(f, call.Reconcile)
	case scheduler.Call_RECONCILE_OPERATIONS:
		m.reconcileOperations(f, call.ReconcileOperations)
	case scheduler.Call_MESSAGE:
		m.message(f, call.Message)
	case scheduler.Call_REQUEST: // taken, without effect, as in Mesos
	}
}
