package agent

import (
	"encoding/json"
	"fmt"
	"net/http"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/agent"

	"k8s-framework/internal/local/mesos/wire"
)

// serveOperator is POST /api/v1: the reading calls of the agent operator API, in JSON.
func (a *Agent) serveOperator(w http.ResponseWriter, r *http.Request) {
	call := &agent.Call{}
	refusal := wire.OnlyPOST(r)
	if refusal == nil {
		refusal = wire.ReadCall(r, call)
	}
	if refusal == nil && call.Type == agent.Call_UNKNOWN {
		refusal = wire.Refuse(http.StatusBadRequest, "Failed to validate agent::Call: Expecting 'type' to be present")
	}
	if refusal == nil {
		var media wire.Media
		if media, refusal = wire.Accept(r); refusal == nil && media != wire.JSON {
			refusal = wire.Refuse(http.StatusNotAcceptable, "the stand-in agent's operator API answers in "+wire.TypeJSON+" only")
		}
	}
	if refusal != nil {
		refusal.Write(w)
		return
	}
	var body json.RawMessage
	asked := a.ask(r.Context(), func() {
		answer := wire.Object{"type": call.Type.String()}
		if refusal = a.answer(call.Type, answer); refusal == nil {
			body = wire.MarshalJSON(answer)
		}
	})
	switch {
	case !asked:
		wire.NotFound().Write(w)
	case refusal != nil:
		refusal.Write(w)
	default:
		wire.WriteMessage(w, wire.JSON, body)
	}
}

// answer fills in the answer to one call.
func (a *Agent) answer(call agent.Call_Type, to wire.Object) *wire.Refusal {
	switch call {
	case agent.Call_GET_HEALTH:
		to["get_health"] = wire.Object{"healthy": true}
	case agent.Call_GET_VERSION:
		to["get_version"] = wire.Object{"version_info": versionInfo()}
	case agent.Call_GET_FLAGS:
		list := []wire.Object{}
		for name, value := range a.opts.Flags {
			list = append(list, wire.Object{"name": name, "value": value})
		}
		to["get_flags"] = wire.Object{"flags": list}
	case agent.Call_GET_AGENT:
		to["get_agent"] = a.showAgent()
	case agent.Call_GET_FRAMEWORKS:
		to["get_frameworks"] = a.showFrameworks()
	case agent.Call_GET_EXECUTORS:
		to["get_executors"] = a.showExecutors()
	case agent.Call_GET_TASKS:
		to["get_tasks"] = a.showTasks()
	case agent.Call_GET_OPERATIONS:
		to["get_operations"] = wire.Object{"operations": []wire.Object{}}
	case agent.Call_GET_CONTAINERS:
		to["get_containers"] = wire.Object{"containers": a.showContainers()}
	case agent.Call_GET_STATE:
		to["get_state"] = wire.Object{
			"get_tasks": a.showTasks(), "get_executors": a.showExecutors(), "get_frameworks": a.showFrameworks(),
		}
	default:
		return wire.Refuse(http.StatusNotImplemented, fmt.Sprintf("the stand-in agent does not do %s", call))
	}
	return nil
}

func (a *Agent) showAgent() wire.Object {
	o := wire.Object{"agent_info": &a.info}
	if a.drain != nil {
		o["drain_config"] = a.drain
		o["estimated_drain_start_time"] = &mesos.TimeInfo{Nanoseconds: a.drainStart.UnixNano()}
	}
	return o
}

func (a *Agent) showFrameworks() wire.Object {
	live, over := []wire.Object{}, []wire.Object{}
	for _, f := range a.frameworks {
		live = append(live, wire.Object{"framework_info": &f.info})
	}
	for _, f := range a.completed {
		over = append(over, wire.Object{"framework_info": &f.info})
	}
	return wire.Object{"frameworks": live, "completed_frameworks": over}
}

func (a *Agent) showExecutors() wire.Object {
	live := []wire.Object{}
	for _, f := range a.frameworks {
		for _, e := range f.executors {
			live = append(live, wire.Object{"executor_info": &e.info})
		}
	}
	return wire.Object{"executors": live, "completed_executors": []wire.Object{}}
}

func (a *Agent) showTasks() wire.Object {
	queued, launched, terminated, completed := []*mesos.Task{}, []*mesos.Task{}, []*mesos.Task{}, []*mesos.Task{}
	for _, f := range a.frameworks {
		for _, e := range f.executors {
			for i := range e.queued {
				queued = append(queued, &a.staging(e, &e.queued[i]).Task)
			}
			for _, t := range e.launched {
				launched = append(launched, &t.Task)
			}
			for _, t := range e.terminated {
				terminated = append(terminated, &t.Task)
			}
			for _, t := range e.completed {
				completed = append(completed, &t.Task)
			}
		}
	}
	for _, f := range append(append([]*framework(nil), a.frameworks...), a.completed...) {
		for i := range f.completed {
			completed = append(completed, &f.completed[i])
		}
	}
	return wire.Object{
		"pending_tasks": []*mesos.Task{}, "queued_tasks": queued, "launched_tasks": launched,
		"terminated_tasks": terminated, "completed_tasks": completed,
	}
}

func (a *Agent) showContainers() []wire.Object {
	list := []wire.Object{}
	for _, f := range a.frameworks {
		for _, e := range f.executors {
			if e.container == nil || e.phase == ended {
				continue
			}
			status := &mesos.TaskStatus{}
			a.addContainerStatus(e, status)
			list = append(list, wire.Object{
				"framework_id": f.info.ID, "executor_id": &e.info.ExecutorID, "executor_name": e.info.GetName(),
				"container_id": &mesos.ContainerID{Value: e.containerID}, "container_status": status.ContainerStatus,
			})
		}
	}
	return list
}

// serveState is GET /state: what most clients look for in it.
func (a *Agent) serveState(w http.ResponseWriter, r *http.Request) {
	o := wire.Object{"version": Version, "git_sha": gitSHA, "hostname": a.opts.Hostname, "flags": a.opts.Flags}
	asked := a.ask(r.Context(), func() {
		o["id"] = a.info.GetID().GetValue()
		o["pid"] = "slave(1)@" + a.address()
		o["start_time"] = float64(a.startTime.UnixNano()) / 1e9
		o["master_hostname"] = a.master.leader
		frameworks := []wire.Object{}
		for _, f := range a.frameworks {
			executors := []wire.Object{}
			for _, e := range f.executors {
				tasks := []wire.Object{}
				for _, t := range e.launched {
					tasks = append(tasks, wire.Object{"id": t.id(), "name": t.Name, "state": t.GetState().String()})
				}
				executors = append(executors, wire.Object{
					"id": e.id(), "name": e.info.GetName(), "container": e.containerID, "directory": e.directory, "tasks": tasks,
				})
			}
			frameworks = append(frameworks, wire.Object{"id": f.id(), "name": f.info.Name, "executors": executors})
		}
		o["frameworks"] = frameworks
	})
	if !asked {
		wire.NotFound().Write(w)
		return
	}
	wire.WriteMessage(w, wire.JSON, o)
}
