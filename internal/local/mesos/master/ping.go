package master

import (
	"net"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"k8s-framework/internal/local/mesos/link"
)

// ping pings an agent and looks, --agent_ping_timeout later, whether it has answered; after --max_agent_ping_timeouts it
// is unreachable.
func (m *Master) ping(a *agent) {
	a.pinged = true
	if a.connected() {
		a.send(&link.Ping{Connected: true})
	} else {
		m.pingAddress(a)
	}
	a.pinger = m.after(m.flags.AgentPingTimeout, func() { m.pingDue(a) })
}

// pingAddress pings an agent that has no link: a process that has been started again answers at its address while it still
// recovers, as a real one does.
func (m *Master) pingAddress(a *agent) {
	url := "http://" + net.JoinHostPort(a.ip, strconv.Itoa(int(a.info.GetPort()))) + link.PingPath
	client := http.Client{Timeout: m.flags.AgentPingTimeout}
	go func() { // ends with the timeout
		resp, err := client.Get(url)
		if err != nil {
			return
		}
		resp.Body.Close() // nothing was expected of it
		if resp.StatusCode == http.StatusOK {
			m.post(func() {
				if m.agents[a.id] == a {
					a.pinged, a.missedPings = false, 0
				}
			})
		}
	}()
}

func (m *Master) pingDue(a *agent) {
	if a.pinged {
		a.missedPings++
		if a.missedPings >= m.flags.MaxAgentPingTimeouts {
			m.markUnreachable(a)
			return
		}
	}
	m.ping(a)
}

// markUnreachable takes an agent out that does not answer. Its tasks may go on; their frameworks are told so.
func (m *Master) markUnreachable(a *agent) {
	m.log.info("Agent %s (%s) is unreachable: health check timed out", a.id, a.info.Hostname)
	now := time.Now()
	m.registry.markUnreachable(a.id, now.UnixNano(), func() {
		if m.agents[a.id] == a {
			m.becomeUnreachable(a, now)
		}
	})
}

func (m *Master) becomeUnreachable(a *agent, now time.Time) {
	for _, t := range sortedAgentTasks(a) {
		f := m.frameworks[t.FrameworkID.Value]
		if f == nil {
			continue
		}
		if terminal(t.GetState()) {
			m.removeTask(t)
			continue
		}
		state := mesos.TASK_LOST
		if f.partitionAware() {
			state = mesos.TASK_UNREACHABLE
		}
		m.setTaskState(t, state)
		status := t.fromMaster(state, "health check timed out", mesos.REASON_AGENT_REMOVED)
		status.UnreachableTime = &mesos.TimeInfo{Nanoseconds: now.UnixNano()}
		m.tellTaskUpdated(t, status)
		m.sendStatus(f, status)
		m.hideTask(f, t)
	}
	if a.conn != nil {
		a.conn.Send(&link.Ping{Connected: false}) // it does not read
	}
	m.finishAgent(a)
}

// hideTask moves a task to the framework's unreachable ones.
func (m *Master) hideTask(f *framework, t *task) {
	if a := m.agents[t.AgentID.Value]; a != nil {
		delete(a.tasks, t.key())
	}
	if f.tasks[t.TaskID.Value] == t {
		delete(f.tasks, t.TaskID.Value)
	}
	f.unreachable = append(f.unreachable, t)
}

func sortedAgentTasks(a *agent) []*task {
	list := make([]*task, 0, len(a.tasks))
	for _, t := range a.tasks {
		list = append(list, t)
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].FrameworkID.Value != list[j].FrameworkID.Value {
			return list[i].FrameworkID.Value < list[j].FrameworkID.Value
		}
		return list[i].TaskID.Value < list[j].TaskID.Value
	})
	return list
}

// unhide takes a task out of the framework's unreachable ones.
func (f *framework) unhide(id string) {
	f.unreachable = slices.DeleteFunc(f.unreachable, func(t *task) bool { return t.TaskID.Value == id })
}
