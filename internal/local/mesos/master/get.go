package master

import (
	"net/http"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mastercalls "github.com/mesos/mesos-go/api/v1/lib/master"

	"k8s-framework/internal/local/mesos/wire"
)

// serveGet answers the older endpoints that clients still read. /state is a useful part of the real one.
func (m *Master) serveGet(w http.ResponseWriter, r *http.Request, path string, state *leadership) {
	answers := map[string]func() any{
		"/state": m.stateEndpoint, "/frameworks": m.frameworksEndpoint, "/slaves": m.agentsEndpoint, "/flags": m.flagsEndpoint,
	}
	answer, known := answers[path]
	if !known {
		wire.NotFound().Write(w)
		return
	}
	_, refusal := m.authenticated(r, m.flags.AuthenticateHTTPReadonly, "mesos-master-readonly")
	if refusal == nil {
		refusal = notRecovered(state)
	}
	if refusal != nil {
		refusal.Write(w)
		return
	}
	var body any
	if !m.do(func() { body = answer() }) {
		stopping().Write(w)
		return
	}
	wire.WriteMessage(w, wire.JSON, body)
}

func (m *Master) flagsEndpoint() any { return wire.Object{"flags": m.flags.Set.Values()} }

func (m *Master) stateEndpoint() any {
	state := wire.Object{
		"version": Version, "git_sha": gitSHA, "id": m.info.ID, "pid": m.info.GetPID(), "hostname": m.info.GetHostname(),
		"start_time": seconds(m.started), "elected_time": seconds(m.elected), "leader": m.info.GetPID(),
		"leader_info": &m.info, "flags": m.flags.Set.Values(), "activated_slaves": float64(m.countAgents()),
	}
	for key, value := range m.agentsEndpoint().(wire.Object) {
		state[key] = value
	}
	for key, value := range m.frameworksEndpoint().(wire.Object) {
		state[key] = value
	}
	return state
}

func (m *Master) agentsEndpoint() any {
	agents := []any{}
	for _, a := range m.agentList {
		if a == nil {
			continue
		}
		agents = append(agents, wire.Object{
			"id": a.id, "hostname": a.info.Hostname, "port": a.info.GetPort(), "pid": a.pid(), "active": a.offering(),
			"deactivated": a.deactivated, "version": a.version, "registered_time": seconds(a.registered),
			"resources": amounts(a.total), "used_resources": amounts(a.used),
		})
	}
	return wire.Object{"slaves": agents}
}

// amounts are the sums by name, as the older endpoints show them.
func amounts(r resources) wire.Object {
	sums := wire.Object{"cpus": 0.0, "mem": 0.0, "disk": 0.0, "gpus": 0.0}
	for i := range r {
		if r[i].kind.GetType() == mesos.SCALAR {
			sums[r[i].kind.Name] = float64(r.scalar(r[i].kind.Name)) / 1000
		} else {
			sums[r[i].kind.Name] = r[i].amount()
		}
	}
	return sums
}

func (m *Master) frameworksEndpoint() any {
	show := func(list []*framework) []any {
		shown := []any{}
		for _, f := range list {
			tasks := func(list []*task) []any {
				all := []any{}
				for _, t := range list {
					all = append(all, wire.Object{
						"id": t.TaskID.Value, "name": t.Name, "framework_id": f.id, "executor_id": t.GetExecutorID().GetValue(),
						"slave_id": t.AgentID.Value, "state": t.GetState().String(), "resources": amounts(t.resources),
					})
				}
				return all
			}
			shown = append(shown, wire.Object{
				"id": f.id, "name": f.info.Name, "user": f.info.User, "hostname": f.info.GetHostname(), "active": f.active,
				"connected": f.connected(), "recovered": f.recovered, "roles": append([]string{}, f.roles()...), "checkpoint": f.info.GetCheckpoint(),
				"failover_timeout": f.info.GetFailoverTimeout(), "tasks": tasks(sortedTasks(f.tasks)),
				"unreachable_tasks": tasks(f.unreachable), "completed_tasks": tasks(f.done),
			})
		}
		return shown
	}
	return wire.Object{"frameworks": show(m.sortedFrameworks()), "completed_frameworks": show(m.completed)}
}

func (m *Master) countAgents() int {
	count := 0
	for _, a := range m.agents {
		if a.connected() {
			count++
		}
	}
	return count
}

// metrics are the few that are cheap.
func (m *Master) metrics() map[string]float64 {
	values := map[string]float64{
		"master/elected": 1, "master/frameworks_connected": 0, "master/frameworks_disconnected": 0, "master/outstanding_offers": float64(len(m.offers)),
		"master/slaves_connected": float64(m.countAgents()), "master/slaves_disconnected": float64(len(m.agents) - m.countAgents()),
		"master/slaves_unreachable": float64(len(m.registry.ledger.Unreachable)), "master/tasks_running": 0, "master/tasks_staging": 0,
	}
	for _, f := range m.frameworks {
		if f.connected() {
			values["master/frameworks_connected"]++
		} else {
			values["master/frameworks_disconnected"]++
		}
		for _, t := range f.tasks {
			switch t.GetState() {
			case mesos.TASK_RUNNING:
				values["master/tasks_running"]++
			case mesos.TASK_STAGING:
				values["master/tasks_staging"]++
			}
		}
	}
	return values
}

func (m *Master) serveMetrics(w http.ResponseWriter) {
	values := map[string]float64{"master/elected": 0}
	if m.leadership.Load().recovered {
		m.do(func() { values = m.metrics() })
	}
	wire.WriteMessage(w, wire.JSON, values)
}

func (m *Master) metricList() *mastercalls.Response_GetMetrics {
	values := m.metrics()
	list := &mastercalls.Response_GetMetrics{}
	for _, name := range sortedKeys(values) {
		list.Metrics = append(list.Metrics, mesos.Metric{Name: name, Value: new(values[name])})
	}
	return list
}
