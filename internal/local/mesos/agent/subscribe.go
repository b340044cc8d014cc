package agent

import (
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"

	"k8s-framework/internal/local/mesos/wire"
)

// subscribe is an executor's SUBSCRIBE: the first one, or one after its stream broke or the agent was restarted. What the
// agent had sent before on a stream that was closed is not sent again.
func (a *Agent) subscribe(e *execution, call *executor.Call_Subscribe, stream *wire.Stream) {
	if a.phase == terminating || e.framework.terminating || e.phase == ending || e.phase == ended {
		a.log.Warnf("shutting down executor %s, which subscribes too late", e.id())
		e.stream = nil
		late := &execution{info: e.info, stream: stream}
		late.tell(&executor.Event{Type: executor.Event_SHUTDOWN})
		stream.End()
		return
	}
	a.closeStream(e)
	e.phase = active
	e.stream = stream
	a.beat(e, stream)
	if e.checkpoint {
		if !a.must(checkpointText(a.paths.marker(a.info.GetID().Value, e), nil)) {
			return
		}
	}
	for _, u := range call.UnacknowledgedUpdates {
		a.executorUpdate(e.framework, u.Status)
	}
	a.dropUnknown(e, call.UnacknowledgedTasks)
	if !e.everSentTask() && len(e.queued) == 0 {
		a.shutdownExecution(e)
		return
	}
	e.tell(&executor.Event{Type: executor.Event_SUBSCRIBED, Subscribed: &executor.Event_Subscribed{
		ExecutorInfo: e.info, FrameworkInfo: e.framework.info, AgentInfo: a.info,
		ContainerID: &mesos.ContainerID{Value: e.containerID},
	}})
	a.deliver(e, append([]mesos.TaskInfo(nil), e.queued...))
}

// dropUnknown ends tasks that were sent, of which the executor has said nothing and that it does not know.
func (a *Agent) dropUnknown(e *execution, known []mesos.TaskInfo) {
	names := map[string]bool{}
	for i := range known {
		names[known[i].TaskID.Value] = true
	}
	for _, t := range append([]*task(nil), e.launched...) {
		if t.GetState() == mesos.TASK_STAGING && !names[t.id()] {
			who := e.info.ExecutorID
			a.statusUpdate(e.framework, a.made(t.TaskID, e.framework.lost(mesos.TASK_DROPPED),
				mesos.REASON_AGENT_RESTARTED, "Task launched during agent restart", &who))
		}
	}
}

// beat sends the heartbeats of one stream, the first after the interval.
func (a *Agent) beat(e *execution, stream *wire.Stream) {
	var again func()
	again = func() {
		if e.stream == stream {
			e.tell(&executor.Event{Type: executor.Event_HEARTBEAT})
			e.heartbeat = a.after(executorHeartbeat, again)
		}
	}
	e.heartbeat = a.after(executorHeartbeat, again)
}

// closeStream ends an executor's stream with its last chunk.
func (a *Agent) closeStream(e *execution) {
	if e.stream != nil {
		e.stream.End()
		e.stream = nil
	}
	stop(e.heartbeat)
	e.heartbeat = nil
}

func stop(t *time.Timer) {
	if t != nil {
		t.Stop()
	}
}

// streamLost is what remains when an executor has closed its stream: it runs, and hears nothing.
func (a *Agent) streamLost(e *execution, stream *wire.Stream) {
	if e.stream == stream {
		e.stream = nil
		stop(e.heartbeat)
		e.heartbeat = nil
	}
}
