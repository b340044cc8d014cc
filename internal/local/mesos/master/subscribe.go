package master

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"k8s-framework/internal/local/mesos/link"
	"k8s-framework/internal/local/mesos/wire"
)

// subscribe takes a framework in, or says on its stream why not and ends it. A framework id that nobody remembers is
// accepted: it may be from before a failover.
func (m *Master) subscribe(call *scheduler.Call_Subscribe, constraints offerConstraints, stream *wire.Stream, streamID string) *framework {
	info := *call.FrameworkInfo
	id := info.GetID().GetValue()
	f := m.frameworks[id]
	if text := m.refuseFramework(f, &info, call.SuppressedRoles); text != "" {
		m.log.info("Refusing subscription of framework '%s': %s", info.Name, text)
		stream.Send(&scheduler.Event{Type: scheduler.Event_ERROR, Error: &scheduler.Event_Error{Message: text}})
		stream.End()
		return nil
	}
	if f == nil {
		f = m.addFramework(&info, id)
	}
	now := time.Now()
	wasActive := f.active
	m.takeOver(f, &info, now)
	f.suppressed = setOf(call.SuppressedRoles)
	f.constraints = constraints
	f.stream, f.streamID, f.active, f.recovered, f.counts = stream, streamID, true, false, m.counts
	m.counts.begin()
	f.reregistered = now
	f.send(&scheduler.Event{Type: scheduler.Event_SUBSCRIBED, Subscribed: &scheduler.Event_Subscribed{
		FrameworkID:              &mesos.FrameworkID{Value: f.id},
		HeartbeatIntervalSeconds: new(m.beat.Seconds()),
		MasterInfo:               &m.info,
	}})
	m.heartbeat(f)
	m.log.info("Subscribed framework %s (%s)", f.id, f.info.Name)
	if !wasActive {
		m.askAllocation()
	}
	return f
}

// addFramework makes a framework that subscribes for the first time.
func (m *Master) addFramework(info *mesos.FrameworkInfo, id string) *framework {
	if id == "" {
		id = fmt.Sprintf("%s-%04d", m.info.ID, m.nextFramework)
		m.nextFramework++
	}
	info.ID = &mesos.FrameworkID{Value: id}
	f := newFramework(*info, len(m.frameworks)+len(m.completed))
	f.registered = time.Now()
	m.frameworks[id] = f
	m.tellFramework(operatorFrameworkAdded, f)
	return f
}

func newFramework(info mesos.FrameworkInfo, order int) *framework {
	f := &framework{
		id: info.ID.Value, order: order, suppressed: map[string]bool{}, filters: map[filterKey][]filter{},
		inverse: map[string]time.Time{}, responses: map[string]*inverseResponse{}, tasks: map[string]*task{}, offers: map[string]*offer{},
		inverseOut: map[string]*inverseOffer{}, operations: map[string]*operation{},
	}
	f.setInfo(info)
	return f
}

func (f *framework) setInfo(info mesos.FrameworkInfo) {
	f.info = info
	f.capabilities = map[mesos.FrameworkInfo_Capability_Type]bool{}
	for _, c := range info.Capabilities {
		f.capabilities[c.Type] = true
	}
}

// takeOver ends the framework's former stream and takes the new FrameworkInfo; user and checkpoint stay as they were.
func (m *Master) takeOver(f *framework, info *mesos.FrameworkInfo, now time.Time) {
	m.timers.stop(f.failover)
	m.timers.stop(f.heartbeat)
	if f.stream != nil {
		f.send(&scheduler.Event{Type: scheduler.Event_ERROR, Error: &scheduler.Event_Error{Message: "Framework failed over"}})
		f.stream.End()
		m.log.info("Framework %s failed over", f.id)
	}
	for _, o := range sortedOffers(f.offers) {
		m.removeOffer(o, nil)
	}
	for _, o := range f.inverseOut {
		m.removeInverse(o)
	}
	if f.registered.IsZero() {
		f.registered = now
	}
	info.User, info.Checkpoint = f.info.User, f.info.Checkpoint
	info.ID = &mesos.FrameworkID{Value: f.id}
	f.setInfo(*info)
	m.dropRolelessOffers(f)
	m.tellAgents(f)
	m.tellFramework(operatorFrameworkUpdated, f)
}

// tellAgents sends the framework's info to the agents on which it has something.
func (m *Master) tellAgents(f *framework) {
	for _, a := range m.agentList {
		if a != nil && a.connected() && a.has(f.id) {
			a.send(&link.UpdateFramework{Framework: f.info})
		}
	}
}

// has says whether the agent has a task or an executor of a framework.
func (a *agent) has(framework string) bool {
	for k := range a.executors {
		if k.framework == framework {
			return true
		}
	}
	for k := range a.tasks {
		if k.framework == framework {
			return true
		}
	}
	return false
}

func (a *agent) send(message link.Message) {
	if a.conn != nil {
		a.conn.Send(message) // the reader of the connection notices
	}
}

func (f *framework) send(event *scheduler.Event) {
	if f.stream != nil {
		f.stream.Send(event)
		f.counts.Events(event.Type).add(1)
	}
}

// heartbeat sends a HEARTBEAT now and then regularly.
func (m *Master) heartbeat(f *framework) {
	f.send(&scheduler.Event{Type: scheduler.Event_HEARTBEAT})
	f.heartbeat = m.after(m.beat, func() { m.heartbeat(f) })
}

// refuseFramework says why a framework may not subscribe, "" if it may.
func (m *Master) refuseFramework(f *framework, info *mesos.FrameworkInfo, suppressed []string) string {
	if text := m.refuseInfo(info, suppressed); text != "" {
		return text
	}
	if m.completedIDs[info.GetID().GetValue()] {
		return "Framework has been removed"
	}
	if f != nil && !f.recovered && f.info.GetPrincipal() != info.GetPrincipal() {
		return "Changing framework's principal is not allowed."
	}
	return ""
}

// refuseInfo checks a FrameworkInfo by itself.
func (m *Master) refuseInfo(info *mesos.FrameworkInfo, suppressed []string) string {
	multi := slices.ContainsFunc(info.Capabilities, func(c mesos.FrameworkInfo_Capability) bool {
		return c.Type == mesos.FrameworkInfo_Capability_MULTI_ROLE
	})
	switch {
	case multi && info.Role != nil:
		return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"
	case !multi && len(info.Roles) > 0:
		return "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
	}
	if twice := duplicates(info.Roles); len(twice) > 0 {
		return "'FrameworkInfo.roles' contains duplicate items: { " + strings.Join(twice, ", ") + " }"
	}
	roles := rolesOf(info)
	for _, role := range roles {
		if text := refuseRole(role); text != "" && multi {
			return "'FrameworkInfo.roles' contains invalid role: " + text
		} else if text != "" {
			return "'FrameworkInfo.role' is not a valid role: " + text
		}
		if m.flags.Roles != "" && role != "*" && !slices.Contains(strings.Split(m.flags.Roles, ","), role) {
			return fmt.Sprintf("Role '%s' is not present in the master's --roles", role)
		}
	}
	if t := info.GetFailoverTimeout(); math.Abs(t)*1e9 > math.MaxInt64 || math.IsNaN(t) {
		return fmt.Sprintf("The framework failover_timeout (%s) is invalid", formatG(t))
	}
	if strange := without(suppressed, roles); len(strange) > 0 {
		return "Suppressed roles { " + strings.Join(strange, ", ") + " } are not contained in the set of roles"
	}
	return ""
}

// formatG writes a number as C++ streams do by default.
func formatG(f float64) string { return fmt.Sprintf("%.6g", f) }

// refuseRole says why a name cannot be a role.
func refuseRole(role string) string {
	switch {
	case role == "":
		return "Empty role name is invalid"
	case role == "*":
		return ""
	case strings.HasPrefix(role, "/"):
		return "Role '" + role + "' cannot start with a slash"
	case strings.HasSuffix(role, "/"):
		return "Role '" + role + "' cannot end with a slash"
	}
	for part := range strings.SplitSeq(role, "/") {
		switch {
		case part == "":
			return "Role '" + role + "' cannot contain two adjacent slashes"
		case part == "." || part == ".." || part == "*":
			return "Role '" + role + "' cannot include '" + part + "' as a component"
		case strings.HasPrefix(part, "-"):
			return "Role component '" + part + "' is invalid because it begins with a dash"
		case strings.ContainsAny(part, "\t\n\v\f\r \b\x7f"):
			return "Role component '" + part + "' is invalid because it contains backspace or whitespace"
		}
	}
	return ""
}

// streamClosed is called when a stream has ended, by the client or by us.
func (m *Master) streamClosed(f *framework, stream *wire.Stream) {
	if f.stream != stream {
		return // another one took its place
	}
	m.log.info("Framework %s (%s) disconnected", f.id, f.info.Name)
	m.timers.stop(f.heartbeat)
	f.stream, f.streamID, f.active = nil, "", false
	clear(f.filters)
	clear(f.inverse)
	for _, o := range sortedOffers(f.offers) {
		m.removeOffer(o, nil)
	}
	for _, o := range f.inverseOut {
		m.removeInverse(o)
	}
	timeout := time.Duration(f.info.GetFailoverTimeout() * float64(time.Second))
	if timeout <= 0 {
		m.removeFramework(f)
		return
	}
	f.failover = m.after(timeout, func() {
		m.log.info("Framework failover timeout, removing framework %s", f.id)
		m.removeFramework(f)
	})
}

// removeFramework ends a framework for good: its stream, its tasks, its executors. Its reservations stay.
func (m *Master) removeFramework(f *framework) {
	m.log.info("Removing framework %s (%s)", f.id, f.info.Name)
	m.timers.stop(f.heartbeat)
	m.timers.stop(f.failover)
	if f.stream != nil {
		f.stream.End()
		f.stream, f.streamID = nil, ""
	}
	f.active = false
	for _, o := range sortedOffers(f.offers) {
		m.removeOffer(o, nil)
	}
	for _, o := range f.inverseOut {
		m.removeInverse(o)
	}
	for _, a := range m.agentList {
		if a == nil {
			continue
		}
		a.send(&link.ShutdownFramework{FrameworkID: mesos.FrameworkID{Value: f.id}})
		m.forgetOnAgent(a, f)
	}
	f.unregistered = time.Now()
	delete(m.frameworks, f.id)
	m.completedIDs[f.id] = true
	m.completed = append(m.completed, f)
	if extra := len(m.completed) - m.flags.MaxCompletedFrameworks; extra > 0 {
		for _, old := range m.completed[:extra] {
			delete(m.completedIDs, old.id)
		}
		m.completed = m.completed[extra:]
	}
	m.tellFramework(operatorFrameworkRemoved, f)
}

// forgetOnAgent removes a framework's tasks and executors from the master's view of an agent.
func (m *Master) forgetOnAgent(a *agent, f *framework) {
	for key, t := range a.tasks {
		if key.framework == f.id {
			if !terminal(t.GetState()) {
				m.setTaskState(t, mesos.TASK_KILLED)
			}
			m.removeTask(t)
		}
	}
	for key := range a.executors {
		if key.framework == f.id {
			m.removeExecutor(a, key)
		}
	}
}

func setOf(list []string) map[string]bool {
	set := map[string]bool{}
	for _, s := range list {
		set[s] = true
	}
	return set
}

func duplicates(list []string) []string {
	var twice []string
	seen := map[string]int{}
	for _, s := range list {
		if seen[s]++; seen[s] == 2 {
			twice = append(twice, s)
		}
	}
	return twice
}

// without is what is in list and not in others, sorted.
func without(list, others []string) []string {
	var rest []string
	for _, s := range list {
		if !slices.Contains(others, s) {
			rest = append(rest, s)
		}
	}
	sort.Strings(rest)
	return rest
}
