package master

import (
	"net/http"
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/mesos/link"
	"k8s-framework/internal/local/mesos/wire"
)

const small = "cpus:4;mem:4096;disk:10000;ports:[31000-31999]"

func TestOfferLaunchUpdateKill(t *testing.T) {
	addr, _ := start(t)
	a := register(t, addr, "agent1.example", small, 5051)
	s := subscribe(t, addr, "")

	offer := s.next(scheduler.Event_OFFERS).Offers.Offers[0]
	require.Equal(t, a.id, offer.AgentID.Value)
	require.Equal(t, "ports(allocated: workers):[31000-31999]; cpus(allocated: workers):4; mem(allocated: workers):4096; disk(allocated: workers):10000",
		fromProto(offer.Resources).String())

	s.accepted(launchCall(offer.ID, 0, taskInfo(a.id, "t1")))
	run := receive[*link.RunTasks](a)
	require.True(t, run.Launch)
	require.Equal(t, "t1", run.Tasks[0].TaskID.Value)
	require.Equal(t, "workers", run.Tasks[0].Resources[0].GetAllocationInfo().GetRole(), "what the scheduler left out is filled in")
	require.Equal(t, s.id.Value, run.Executor.FrameworkID.Value)

	offer = s.next(scheduler.Event_OFFERS).Offers.Offers[0]
	require.Equal(t, int64(3400), fromProto(offer.Resources).scalar("cpus"))
	require.Equal(t, "e1", offer.ExecutorIDs[0].Value)

	uuid := newUUID()
	a.update(s.id, "t1", mesos.TASK_RUNNING, uuid)
	require.Equal(t, mesos.TASK_RUNNING, s.next(scheduler.Event_UPDATE).Update.Status.GetState())
	s.accepted(&scheduler.Call{Type: scheduler.Call_ACKNOWLEDGE, Acknowledge: &scheduler.Call_Acknowledge{
		AgentID: mesos.AgentID{Value: a.id}, TaskID: mesos.TaskID{Value: "t1"}, UUID: uuid,
	}})
	require.Equal(t, uuid, receive[*link.AckUpdate](a).UUID)

	s.accepted(&scheduler.Call{Type: scheduler.Call_KILL, Kill: &scheduler.Call_Kill{TaskID: mesos.TaskID{Value: "t1"}}})
	require.Equal(t, "t1", receive[*link.KillTask](a).TaskID.Value)

	// A terminal state frees the task's resources before anybody acknowledges it, and the executor's stay.
	a.update(s.id, "t1", mesos.TASK_KILLED, newUUID())
	s.next(scheduler.Event_UPDATE)
	offer = s.next(scheduler.Event_OFFERS).Offers.Offers[0]
	require.Equal(t, "cpus(allocated: workers):0.5; mem(allocated: workers):64", fromProto(offer.Resources).String())

	require.NoError(t, a.conn.Send(&link.ExitedExecutor{FrameworkID: s.id, ExecutorID: mesos.ExecutorID{Value: "e1"}, Status: 256}))
	require.EqualValues(t, 256, *s.next(scheduler.Event_FAILURE).Failure.Status)
	offer = s.next(scheduler.Event_OFFERS).Offers.Offers[0]
	require.Equal(t, "cpus(allocated: workers):0.1; mem(allocated: workers):32", fromProto(offer.Resources).String())
}

func TestFiltersSuppressRevive(t *testing.T) {
	addr, _ := start(t)
	register(t, addr, "agent1.example", small, 5051)
	s := subscribe(t, addr, "")
	offer := s.next(scheduler.Event_OFFERS).Offers.Offers[0]
	decline := func(id mesos.OfferID, seconds float64) {
		s.accepted(&scheduler.Call{Type: scheduler.Call_DECLINE, Decline: &scheduler.Call_Decline{
			OfferIDs: []mesos.OfferID{id}, Filters: &mesos.Filters{RefuseSeconds: &seconds},
		}})
	}
	decline(offer.ID, 3600)
	s.quiet(scheduler.Event_OFFERS, 300*time.Millisecond)
	s.accepted(&scheduler.Call{Type: scheduler.Call_REVIVE})
	offer = s.next(scheduler.Event_OFFERS).Offers.Offers[0]
	s.accepted(&scheduler.Call{Type: scheduler.Call_SUPPRESS})
	decline(offer.ID, 0)
	s.quiet(scheduler.Event_OFFERS, 300*time.Millisecond)
	s.accepted(&scheduler.Call{Type: scheduler.Call_REVIVE})
	s.next(scheduler.Event_OFFERS)
}

func TestFailoverOfAFramework(t *testing.T) {
	addr, _ := start(t)
	register(t, addr, "agent1.example", small, 5051)
	first := subscribe(t, addr, "")
	old := first.next(scheduler.Event_OFFERS).Offers.Offers[0]
	second := subscribe(t, addr, first.id.Value)
	require.Equal(t, "Framework failed over", first.next(scheduler.Event_ERROR).Error.Message)
	require.Eventually(t, func() bool {
		select {
		case _, open := <-first.events:
			return !open
		default:
			return false
		}
	}, patience, time.Millisecond, "the first stream ends")

	status, text := first.call(&scheduler.Call{Type: scheduler.Call_REVIVE})
	require.Equal(t, 400, status)
	require.Equal(t, "The stream ID '"+first.streamID+"' included in this request didn't match the stream ID currently associated with framework ID "+first.id.Value, text)

	second.accepted(launchCall(old.ID, 0, taskInfo(old.AgentID.Value, "t1")))
	lost := second.next(scheduler.Event_UPDATE).Update.Status
	require.Equal(t, mesos.TASK_DROPPED, lost.GetState())
	require.Equal(t, "Task launched with invalid offers: Offer "+old.ID.Value+" is no longer valid", lost.GetMessage())
	require.Equal(t, mesos.REASON_INVALID_OFFERS, lost.GetReason())

	second.accepted(&scheduler.Call{Type: scheduler.Call_TEARDOWN})
	status, text = second.call(&scheduler.Call{Type: scheduler.Call_REVIVE})
	require.Equal(t, 400, status)
	require.Equal(t, "Framework cannot be found", text)
}

func TestUnreachableAndBack(t *testing.T) {
	addr, _ := start(t, "--agent_ping_timeout=1secs", "--max_agent_ping_timeouts=1")
	a := register(t, addr, "agent1.example", small, 5051)
	s := subscribe(t, addr, "")
	offer := s.next(scheduler.Event_OFFERS).Offers.Offers[0]
	s.accepted(launchCall(offer.ID, 0, taskInfo(a.id, "t1")))
	run := receive[*link.RunTasks](a)
	a.update(s.id, "t1", mesos.TASK_RUNNING, newUUID())
	s.next(scheduler.Event_UPDATE)

	// It does not answer any more.
	status := s.next(scheduler.Event_UPDATE).Update.Status
	require.Equal(t, mesos.TASK_UNREACHABLE, status.GetState())
	require.Equal(t, "health check timed out", status.GetMessage())
	require.NotNil(t, status.UnreachableTime)
	require.Equal(t, a.id, s.next(scheduler.Event_FAILURE).Failure.AgentID.Value)

	reconcile := func(agent *mesos.AgentID) mesos.TaskState {
		s.accepted(&scheduler.Call{Type: scheduler.Call_RECONCILE, Reconcile: &scheduler.Call_Reconcile{
			Tasks: []scheduler.Call_Reconcile_Task{{TaskID: mesos.TaskID{Value: "t1"}, AgentID: agent}},
		}})
		return s.next(scheduler.Event_UPDATE).Update.Status.GetState()
	}
	require.Equal(t, mesos.TASK_UNREACHABLE, reconcile(&mesos.AgentID{Value: a.id}))
	require.Equal(t, mesos.TASK_UNKNOWN, reconcile(nil))
	other := register(t, addr, "agent2.example", small, 5052)
	require.Equal(t, mesos.TASK_GONE, reconcile(&mesos.AgentID{Value: other.id}))

	a.dial(addr)
	task := mesos.Task{
		Name: "t1", TaskID: mesos.TaskID{Value: "t1"}, FrameworkID: s.id, AgentID: mesos.AgentID{Value: a.id}, State: mesos.TASK_RUNNING.Enum(),
		ExecutorID: &mesos.ExecutorID{Value: "e1"}, Resources: run.Tasks[0].Resources,
	}
	require.NoError(t, a.conn.Send(&link.Reregister{
		Register:   link.Register{Agent: a.info, IP: "127.0.0.1", Total: a.info.Resources},
		Frameworks: []mesos.FrameworkInfo{run.Framework}, Executors: []link.Executor{{FrameworkID: s.id, Info: *run.Executor}}, Tasks: []mesos.Task{task},
	}))
	receive[*link.Reregistered](a)
	back := s.next(scheduler.Event_UPDATE).Update.Status
	require.Equal(t, mesos.TASK_RUNNING, back.GetState())
	require.Equal(t, mesos.REASON_AGENT_REREGISTERED, back.GetReason())
	require.Nil(t, back.UUID)
	require.Equal(t, mesos.TASK_RUNNING, reconcile(nil))
}

func TestDrainAndReactivate(t *testing.T) {
	addr, _ := start(t)
	a := register(t, addr, "agent1.example", small, 5051)
	s := subscribe(t, addr, "")
	offer := s.next(scheduler.Event_OFFERS).Offers.Offers[0]
	s.accepted(launchCall(offer.ID, 0, taskInfo(a.id, "t1")))
	receive[*link.RunTasks](a)
	s.next(scheduler.Event_OFFERS)

	id := `"agent_id":{"value":"` + a.id + `"}`
	status, _ := operator(t, addr, `{"type":"DRAIN_AGENT","drain_agent":{`+id+`,"max_grace_period":{"seconds":8}}}`)
	require.Equal(t, 200, status)
	s.next(scheduler.Event_RESCIND)
	require.EqualValues(t, 8*time.Second, receive[*link.Drain](a).Config.MaxGracePeriod.Nanoseconds)
	status, answer := operator(t, addr, `{"type":"REACTIVATE_AGENT","reactivate_agent":{`+id+`}}`)
	require.Equal(t, 400, status)
	require.Equal(t, "Agent is still in the DRAINING state", answer["text"])

	uuid := newUUID()
	a.update(s.id, "t1", mesos.TASK_KILLED, uuid)
	s.next(scheduler.Event_UPDATE)
	s.accepted(&scheduler.Call{Type: scheduler.Call_ACKNOWLEDGE, Acknowledge: &scheduler.Call_Acknowledge{
		AgentID: mesos.AgentID{Value: a.id}, TaskID: mesos.TaskID{Value: "t1"}, UUID: uuid,
	}})
	_, answer = operator(t, addr, `{"type":"GET_AGENTS"}`)
	agent := answer["get_agents"].(map[string]any)["agents"].([]any)[0].(map[string]any)
	require.Equal(t, "DRAINED", agent["drain_info"].(map[string]any)["state"])
	require.Equal(t, true, agent["deactivated"])
	s.quiet(scheduler.Event_OFFERS, 200*time.Millisecond)
	status, _ = operator(t, addr, `{"type":"REACTIVATE_AGENT","reactivate_agent":{`+id+`}}`)
	require.Equal(t, 200, status)
	s.next(scheduler.Event_OFFERS)
}

// The registry is what outlives a master: an unreachable agent is still unreachable, and about one that may come back
// nothing is said.
func TestRegistryOutlivesTheMaster(t *testing.T) {
	dir := t.TempDir()
	args := []string{"--registry=replicated_log", "--work_dir=" + dir, "--agent_ping_timeout=1secs", "--max_agent_ping_timeouts=1"}
	addr, stop := start(t, args...)
	register(t, addr, "agent0.example", small, 5050)
	s := subscribe(t, addr, "")
	lost := s.next(scheduler.Event_FAILURE).Failure.AgentID.Value // never answers a ping
	kept := register(t, addr, "agent1.example", small, 5051)
	stop()

	addr, _ = start(t, args...)
	s = subscribe(t, addr, s.id.Value)
	s.accepted(&scheduler.Call{Type: scheduler.Call_RECONCILE, Reconcile: &scheduler.Call_Reconcile{Tasks: []scheduler.Call_Reconcile_Task{
		{TaskID: mesos.TaskID{Value: "a"}, AgentID: &mesos.AgentID{Value: kept.id}},
		{TaskID: mesos.TaskID{Value: "b"}},
		{TaskID: mesos.TaskID{Value: "c"}, AgentID: &mesos.AgentID{Value: lost}},
	}}})
	status := s.next(scheduler.Event_UPDATE).Update.Status
	require.Equal(t, "c", status.TaskID.Value, "the others may still register")
	require.Equal(t, mesos.TASK_UNREACHABLE, status.GetState())
	s.quiet(scheduler.Event_UPDATE, 100*time.Millisecond)
}

func TestRefusalsOfTheSchedulerAPI(t *testing.T) {
	addr, _ := start(t)
	s := subscribe(t, addr, "")
	post := func(stream, body string) (int, string) {
		r, err := http.NewRequest(http.MethodPost, "http://"+addr+"/api/v1/scheduler", strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", wire.TypeJSON)
		if stream != "" {
			r.Header.Set(streamHeader, stream)
		}
		return send(t, r)
	}
	id := `"framework_id":{"value":"` + s.id.Value + `"}`
	for _, c := range []struct {
		stream, body string
		status       int
		text         string
	}{
		{"", `{"type":"REVIVE",` + id + `}`, 400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header"},
		{s.streamID, `{"type":"REVIVE"}`, 400, "Failed to validate scheduler::Call: Expecting 'framework_id' to be present"},
		{s.streamID, `{"type":"REVIVE","framework_id":{"value":"x"}}`, 400, "Framework cannot be found"},
		{s.streamID, `{"type":"KILL",` + id + `}`, 400, "Failed to validate scheduler::Call: Expecting 'kill' to be present"},
		{s.streamID, `{"type":"FOO",` + id + `}`, 400, "Failed to validate scheduler::Call: Expecting 'type' to be present"},
		{s.streamID, `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n"}}}`, 400, "Subscribe calls should not include the 'Mesos-Stream-Id' header"},
		{s.streamID, `{"type":"ACCEPT",` + id + `,"accept":{"offer_ids":[],"operations":[{"type":"FOO"}]}}`, 202, ""},
	} {
		status, text := post(c.stream, c.body)
		require.Equal(t, c.status, status, c.body)
		require.Equal(t, c.text, text, c.body)
	}
}
