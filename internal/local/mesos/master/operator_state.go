package master

import (
	"net/http"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mastercalls "github.com/mesos/mesos-go/api/v1/lib/master"

	"k8s-framework/internal/local/mesos/wire"
)

// answer is an answer in both encodings: the JSON has empty lists and fields that mesos-go's message has not.
type answer struct {
	message *mastercalls.Response
	name    string // of the field that holds the JSON
	json    any
}

func (a *answer) write(w http.ResponseWriter, media wire.Media) {
	if media == wire.Protobuf {
		wire.WriteMessage(w, media, a.message)
		return
	}
	wire.WriteMessage(w, media, wire.Object{"type": a.message.Type.String(), a.name: a.json})
}

// isQuestion says whether a call only asks.
func isQuestion(t mastercalls.Call_Type) bool {
	name := t.String()
	return len(name) > 4 && (name[:4] == "GET_" || name == "LIST_FILES" || name == "READ_FILE")
}

// answerQuestion answers a call that only asks; nil for one that the stand-in does not know.
func (m *Master) answerQuestion(call *mastercalls.Call) *answer {
	r := &mastercalls.Response{}
	switch call.Type {
	case mastercalls.Call_GET_HEALTH:
		r.Type, r.GetHealth = mastercalls.Response_GET_HEALTH, &mastercalls.Response_GetHealth{Healthy: true}
		return &answer{r, "get_health", r.GetHealth}
	case mastercalls.Call_GET_VERSION:
		r.Type, r.GetVersion = mastercalls.Response_GET_VERSION, &mastercalls.Response_GetVersion{VersionInfo: *versionMessage()}
		return &answer{r, "get_version", wire.Object{"version_info": versionInfo()}}
	case mastercalls.Call_GET_FLAGS:
		r.Type, r.GetFlags = mastercalls.Response_GET_FLAGS, m.flagList()
		return &answer{r, "get_flags", r.GetFlags}
	case mastercalls.Call_GET_MASTER:
		r.Type, r.GetMaster = mastercalls.Response_GET_MASTER, &mastercalls.Response_GetMaster{
			MasterInfo: &m.info, StartTime: new(seconds(m.started)), ElectedTime: new(seconds(m.elected)),
		}
		return &answer{r, "get_master", r.GetMaster}
	case mastercalls.Call_GET_STATE:
		r.Type, r.GetState = mastercalls.Response_GET_STATE, &mastercalls.Response_GetState{
			GetTasks: m.taskLists(), GetExecutors: m.executorList(), GetFrameworks: m.frameworkLists(), GetAgents: m.agentLists(),
		}
		return &answer{r, "get_state", stateJSON(r.GetState)}
	case mastercalls.Call_GET_AGENTS:
		r.Type, r.GetAgents = mastercalls.Response_GET_AGENTS, m.agentLists()
		return &answer{r, "get_agents", agentsJSON(r.GetAgents)}
	case mastercalls.Call_GET_FRAMEWORKS:
		r.Type, r.GetFrameworks = mastercalls.Response_GET_FRAMEWORKS, m.frameworkLists()
		return &answer{r, "get_frameworks", frameworksJSON(r.GetFrameworks)}
	case mastercalls.Call_GET_TASKS:
		r.Type, r.GetTasks = mastercalls.Response_GET_TASKS, m.taskLists()
		return &answer{r, "get_tasks", tasksJSON(r.GetTasks)}
	case mastercalls.Call_GET_EXECUTORS:
		r.Type, r.GetExecutors = mastercalls.Response_GET_EXECUTORS, m.executorList()
		return &answer{r, "get_executors", executorsJSON(r.GetExecutors)}
	case mastercalls.Call_GET_MAINTENANCE_STATUS:
		r.Type, r.GetMaintenanceStatus = mastercalls.Response_GET_MAINTENANCE_STATUS, &mastercalls.Response_GetMaintenanceStatus{Status: m.maintenanceStatus()}
		return &answer{r, "get_maintenance_status", r.GetMaintenanceStatus}
	case mastercalls.Call_GET_MAINTENANCE_SCHEDULE:
		r.Type, r.GetMaintenanceSchedule = mastercalls.Response_GET_MAINTENANCE_SCHEDULE, &mastercalls.Response_GetMaintenanceSchedule{Schedule: m.machines.schedule}
		return &answer{r, "get_maintenance_schedule", r.GetMaintenanceSchedule}
	case mastercalls.Call_GET_METRICS:
		r.Type, r.GetMetrics = mastercalls.Response_GET_METRICS, m.metricList()
		return &answer{r, "get_metrics", r.GetMetrics}
	}
	return nil
}

func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

func timeInfo(t time.Time) *mesos.TimeInfo {
	if t.IsZero() {
		return nil
	}
	return &mesos.TimeInfo{Nanoseconds: t.UnixNano()}
}

func versionInfo() wire.Object {
	return wire.Object{"version": Version, "build_date": "…", "build_time": 0.0, "build_user": "…", "git_sha": gitSHA}
}

func versionMessage() *mesos.VersionInfo {
	return &mesos.VersionInfo{Version: Version, GitSHA: new(gitSHA)}
}

func (m *Master) flagList() *mastercalls.Response_GetFlags {
	values := m.flags.Set.Values()
	list := &mastercalls.Response_GetFlags{}
	for _, name := range sortedKeys(values) {
		list.Flags = append(list.Flags, mesos.Flag{Name: name, Value: new(values[name])})
	}
	return list
}

func (m *Master) taskLists() *mastercalls.Response_GetTasks {
	lists := &mastercalls.Response_GetTasks{}
	all := slices.Concat(m.sortedFrameworks(), m.completed)
	for _, f := range all {
		for _, t := range sortedTasks(f.tasks) {
			lists.Tasks = append(lists.Tasks, t.Task)
		}
		for _, t := range f.unreachable {
			lists.UnreachableTasks = append(lists.UnreachableTasks, t.Task)
		}
		for _, t := range f.done {
			lists.CompletedTasks = append(lists.CompletedTasks, t.Task)
		}
	}
	return lists
}

// sortedFrameworks are the frameworks, newest first.
func (m *Master) sortedFrameworks() []*framework {
	list := make([]*framework, 0, len(m.frameworks))
	for _, f := range m.frameworks {
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b *framework) int { return b.order - a.order })
	return list
}

func (m *Master) executorList() *mastercalls.Response_GetExecutors {
	list := &mastercalls.Response_GetExecutors{}
	for _, a := range m.agentList {
		if a == nil {
			continue
		}
		names := map[string]*mesos.ExecutorInfo{}
		for key, info := range a.executors {
			names[key.framework+"/"+key.executor] = info
		}
		for _, name := range sortedKeys(names) {
			list.Executors = append(list.Executors, mastercalls.Response_GetExecutors_Executor{ExecutorInfo: *names[name], AgentID: mesos.AgentID{Value: a.id}})
		}
	}
	return list
}

func (m *Master) frameworkLists() *mastercalls.Response_GetFrameworks {
	lists := &mastercalls.Response_GetFrameworks{}
	for _, f := range m.sortedFrameworks() {
		lists.Frameworks = append(lists.Frameworks, m.frameworkMessage(f))
	}
	for _, f := range m.completed {
		lists.CompletedFrameworks = append(lists.CompletedFrameworks, m.frameworkMessage(f))
	}
	return lists
}

func (m *Master) frameworkMessage(f *framework) mastercalls.Response_GetFrameworks_Framework {
	message := mastercalls.Response_GetFrameworks_Framework{
		FrameworkInfo: f.info, Active: f.active, Connected: f.connected(), Recovered: f.recovered,
		RegisteredTime: timeInfo(f.registered), ReregisteredTime: timeInfo(f.reregistered), UnregisteredTime: timeInfo(f.unregistered),
	}
	var offered, used resources
	for _, o := range sortedOffers(f.offers) {
		message.Offers = append(message.Offers, o.message)
		offered = offered.plus(o.resources)
	}
	for _, id := range sortedKeys(f.inverseOut) {
		message.InverseOffers = append(message.InverseOffers, f.inverseOut[id].message)
	}
	for _, t := range sortedTasks(f.tasks) {
		if !terminal(t.GetState()) {
			used = used.plus(t.resources)
		}
	}
	message.OfferedResources, message.AllocatedResources = withRole(offered.proto()), withRole(used.proto())
	return message
}

func (m *Master) agentLists() *mastercalls.Response_GetAgents {
	lists := &mastercalls.Response_GetAgents{}
	for _, a := range slices.Backward(m.agentList) {
		if a != nil {
			lists.Agents = append(lists.Agents, m.agentMessage(a))
		}
	}
	for _, id := range sortedKeys(m.recovered) {
		lists.RecoveredAgents = append(lists.RecoveredAgents, mesos.AgentInfo{ID: &mesos.AgentID{Value: id}})
	}
	return lists
}

func (m *Master) agentMessage(a *agent) mastercalls.Response_GetAgents_Agent {
	var offered resources
	for _, o := range sortedOffers(a.offers) {
		offered = offered.plus(o.resources)
	}
	info := a.info
	info.Resources = withRole(info.Resources)
	message := mastercalls.Response_GetAgents_Agent{
		AgentInfo: info, Active: a.offering(), Deactivated: new(a.deactivated), Version: a.version, PID: new(a.pid()),
		RegisteredTime: timeInfo(a.registered), ReregisteredTime: timeInfo(a.reregistered),
		TotalResources: withRole(a.total.proto()), AllocatedResources: withRole(a.used.proto()), OfferedResources: withRole(offered.proto()),
		DrainInfo: a.drain,
	}
	if !a.drainStarted.IsZero() {
		message.EstimatedDrainStartTime = timeInfo(a.drainStarted.Truncate(time.Second))
	}
	for _, c := range []mesos.AgentInfo_Capability_Type{
		mesos.AgentInfo_Capability_MULTI_ROLE, mesos.AgentInfo_Capability_HIERARCHICAL_ROLE, mesos.AgentInfo_Capability_RESERVATION_REFINEMENT,
		mesos.AgentInfo_Capability_AGENT_OPERATION_FEEDBACK, mesos.AgentInfo_Capability_AGENT_DRAINING, mesos.AgentInfo_Capability_TASK_RESOURCE_LIMITS,
	} {
		message.Capabilities = append(message.Capabilities, mesos.AgentInfo_Capability{Type: c})
	}
	return message
}
