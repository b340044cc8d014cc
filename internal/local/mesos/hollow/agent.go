package hollow

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"k8s-framework/internal/local/mesos/link"
	"k8s-framework/internal/local/mesos/master"
)

// agent is one hollow agent.
type agent struct {
	number     int
	id         string // "" before it was admitted
	line       *line  // nil while there is none
	registered bool   // on that line
	over       bool   // it was told to shut down
	total      []mesos.Resource
	executors  []*executor
	unknown    []*task // of which the agent knows nothing but an update that is not acknowledged
	drain      *mesos.DrainConfig
}

// executor is a container that is not there.
type executor struct {
	agent     *agent
	framework mesos.FrameworkID
	info      mesos.ExecutorInfo
	generated bool // for a task with a command
	ended     bool
	container *mesos.ContainerStatus
	tasks     []*task // those that are not over, or whose end is not acknowledged
}

// port is every agent's. Agents differ by their addresses, which are this machine's own: a master that asks there meets nobody.
var port = int32(5051)

func (g *agent) ip() string {
	return fmt.Sprintf("127.%d.%d.%d", 1+g.number>>16, g.number>>8&255, g.number&255)
}

// register says who the agent is, to a master that leads, and again while it does not answer.
func (a *Agents) register(g *agent, leader *master.Master) {
	l := &line{agent: g, master: leader, of: a}
	l.end = leader.Attach(l)
	g.line = l
	a.say(g, a.registration(g))
	a.awaitAnswer(g, l, registerAgain)
}

func (a *Agents) awaitAnswer(g *agent, l *line, wait time.Duration) {
	a.after(wait, func() {
		if g.line == l && !g.registered {
			a.say(g, a.registration(g))
			a.awaitAnswer(g, l, min(2*wait, time.Minute))
		}
	})
}

// registration is what the agent says first.
func (a *Agents) registration(g *agent) link.Message {
	first := link.Register{
		Agent: mesos.AgentInfo{
			Hostname: fmt.Sprintf("%s%05d.example.com", a.o.Hostname, g.number), Port: &port, Resources: a.o.Resources,
		},
		IP: g.ip(), Version: master.Version, Total: g.total,
	}
	if a.o.Attributes != nil {
		first.Agent.Attributes = a.o.Attributes(g.number)
	}
	if a.o.Domain != nil {
		first.Agent.Domain = a.o.Domain(g.number)
	}
	if g.id == "" {
		return &first
	}
	first.Agent.ID = &mesos.AgentID{Value: g.id}
	m := &link.Reregister{Register: first, Draining: g.drain}
	named := map[string]bool{}
	for _, e := range g.executors {
		if !named[e.framework.Value] {
			named[e.framework.Value] = true
			m.Frameworks = append(m.Frameworks, *a.frameworks[e.framework.Value])
		}
		if !e.generated && !e.ended {
			m.Executors = append(m.Executors, link.Executor{FrameworkID: e.framework, Info: e.info})
		}
		for _, t := range e.tasks {
			m.Tasks = append(m.Tasks, t.Task)
		}
	}
	return m
}

// receive does what the master asks for. What comes on a line that was broken or replaced is not heard.
func (a *Agents) receive(h heard) {
	g := h.line.agent
	if g.line != h.line {
		return
	}
	switch m := h.message.(type) {
	case nil:
		a.lost(g)
	case *link.Registered:
		a.registered(g, m.AgentID, nil)
	case *link.Reregistered:
		a.registered(g, m.AgentID, m.Reconcile)
	case *link.Ping:
		a.pinged(g, m)
	case *link.RunTasks:
		a.runTasks(g, m)
	case *link.KillTask:
		a.killTask(g, m)
	case *link.ShutdownExecutor:
		if e := g.executor(m.FrameworkID.Value, m.ExecutorID.Value); e != nil {
			a.end(e)
		}
	case *link.ShutdownFramework:
		a.shutdownFramework(g, m.FrameworkID.Value)
	case *link.UpdateFramework:
		a.updateFramework(g, m)
	case *link.AckUpdate:
		a.acknowledged(g, m)
	case *link.ApplyOperation:
		a.applyOperation(g, m)
	case *link.Drain:
		g.drain = &m.Config
		for _, e := range slices.Clone(g.executors) {
			a.end(e)
		}
		g.forget()
	case *link.Shutdown:
		g.over = true
		g.executors, g.unknown = nil, nil
	}
}

// registered is the master's answer.
func (a *Agents) registered(g *agent, id mesos.AgentID, reconcile []link.ReconcileTask) {
	g.id = id.Value
	if !g.registered {
		g.registered = true
		a.counts.registered.Add(1)
	}
	for _, t := range g.all() {
		a.forward(t, retryMin)
	}
	for _, r := range reconcile {
		if g.task(r.FrameworkID.Value, r.TaskID.Value) == nil {
			state := mesos.TASK_LOST
			if r.PartitionAware {
				state = mesos.TASK_DROPPED
			}
			a.unknownTask(g, r.FrameworkID, r.TaskID, state, mesos.REASON_RECONCILIATION, "Reconciliation: task unknown to the agent")
		}
	}
}

// pinged answers. An agent that the master does not count as connected registers again.
func (a *Agents) pinged(g *agent, m *link.Ping) {
	a.say(g, &link.Pong{})
	if !m.Connected && g.registered {
		a.say(g, nil)
		a.lost(g)
	}
}

func (a *Agents) runTasks(g *agent, m *link.RunTasks) {
	id := *m.Framework.ID
	a.frameworks[id.Value] = &m.Framework
	for i := range m.Tasks {
		info := &m.Tasks[i]
		if info.AgentID.Value != g.id {
			continue // meant for what the agent was before
		}
		t := a.accept(g, id, info)
		a.after(a.o.Delay, func() { a.start(t) })
	}
}

// accept takes a task in, and makes its executor where there is none.
func (a *Agents) accept(g *agent, framework mesos.FrameworkID, info *mesos.TaskInfo) *task {
	name := info.TaskID.Value // of the executor that an agent makes for a command
	if info.Executor != nil {
		name = info.Executor.ExecutorID.Value
	}
	e := g.executor(framework.Value, name)
	if e == nil {
		e = &executor{agent: g, framework: framework, generated: info.Executor == nil, container: newContainer(g)}
		e.info.ExecutorID.Value = name
		if info.Executor != nil {
			e.info = *info.Executor
		}
		g.executors = append(g.executors, e)
	}
	t := newTask(e, info)
	e.tasks = append(e.tasks, t)
	return t
}

func newContainer(g *agent) *mesos.ContainerStatus {
	ip, pid := g.ip(), uint32(1000+g.number)
	id := newUUID()
	return &mesos.ContainerStatus{
		ContainerID:  &mesos.ContainerID{Value: fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])},
		ExecutorPID:  &pid,
		NetworkInfos: []mesos.NetworkInfo{{IPAddresses: []mesos.NetworkInfo_IPAddress{{IPAddress: &ip}}}},
	}
}

// newUUID is 16 bytes with the variant and the version of a random UUID.
func newUUID() []byte {
	b := make([]byte, 16)
	for i, r := range [2]uint64{rand.Uint64(), rand.Uint64()} {
		for j := range 8 {
			b[8*i+j] = byte(r >> (8 * j))
		}
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return b
}

// killTask ends a task, and with its last one the executor.
func (a *Agents) killTask(g *agent, m *link.KillTask) {
	t := g.task(m.FrameworkID.Value, m.TaskID.Value)
	switch {
	case t != nil && t.executor == nil:
	case t != nil:
		a.kill(t)
		a.endIfIdle(t.executor)
	case slices.ContainsFunc(g.executors, func(e *executor) bool { return e.framework == m.FrameworkID }):
		a.unknownTask(g, m.FrameworkID, m.TaskID, a.dropped(m.FrameworkID), mesos.REASON_EXECUTOR_TERMINATED, "Cannot find executor")
	}
}

// dropped is the state of a task that never ran, as its framework knows it.
func (a *Agents) dropped(framework mesos.FrameworkID) mesos.TaskState {
	if a.partitionAware(framework) {
		return mesos.TASK_DROPPED
	}
	return mesos.TASK_LOST
}

func (a *Agents) partitionAware(framework mesos.FrameworkID) bool {
	f := a.frameworks[framework.Value]
	return f != nil && slices.ContainsFunc(f.Capabilities, func(c mesos.FrameworkInfo_Capability) bool {
		return c.Type == mesos.FrameworkInfo_Capability_PARTITION_AWARE
	})
}

// end kills an executor's tasks, and then the executor ends.
func (a *Agents) end(e *executor) {
	for _, t := range e.tasks {
		a.kill(t)
	}
	a.endIfIdle(e)
}

// endIfIdle ends an executor without a task to run.
func (a *Agents) endIfIdle(e *executor) {
	if e.ended || slices.ContainsFunc(e.tasks, func(t *task) bool { return !t.over() }) {
		return
	}
	e.ended = true
	a.exited(e)
}

func (a *Agents) exited(e *executor) {
	if !e.generated && e.agent.registered {
		a.say(e.agent, &link.ExitedExecutor{FrameworkID: e.framework, ExecutorID: e.info.ExecutorID})
	}
}

// shutdownFramework ends everything of a framework, without a word about its tasks.
func (a *Agents) shutdownFramework(g *agent, framework string) {
	of := func(e *executor) bool { return e.framework.Value == framework }
	for _, e := range g.executors {
		if !of(e) {
			continue
		}
		for _, t := range e.tasks {
			a.setState(t, mesos.TASK_KILLED)
			t.updates = nil
		}
		if !e.ended {
			a.exited(e)
		}
	}
	g.executors = slices.DeleteFunc(g.executors, of)
	g.unknown = slices.DeleteFunc(g.unknown, func(t *task) bool { return t.FrameworkID.Value == framework })
	g.forget()
}

// updateFramework makes what is not acknowledged go again, for the scheduler has changed.
func (a *Agents) updateFramework(g *agent, m *link.UpdateFramework) {
	a.frameworks[m.Framework.ID.Value] = &m.Framework
	for _, t := range g.all() {
		if t.FrameworkID.Value == m.Framework.ID.Value {
			a.forward(t, retryMin)
		}
	}
}

// applyOperation takes the new total, and says so if somebody wants to know.
func (a *Agents) applyOperation(g *agent, m *link.ApplyOperation) {
	g.total = m.Total
	if m.OperationID == nil || m.FrameworkID == nil {
		return
	}
	a.say(g, &link.OperationUpdate{FrameworkID: *m.FrameworkID, UUID: m.UUID, Status: mesos.OperationStatus{
		OperationID: m.OperationID, State: mesos.OPERATION_FINISHED, UUID: &mesos.UUID{Value: newUUID()}, AgentID: &mesos.AgentID{Value: g.id},
	}})
}

func (g *agent) executor(framework, id string) *executor {
	for _, e := range g.executors {
		if !e.ended && e.info.ExecutorID.Value == id && e.framework.Value == framework {
			return e
		}
	}
	return nil
}

// task finds a task, also one of which there is but an update.
func (g *agent) task(framework, id string) *task {
	for _, e := range g.executors {
		for _, t := range e.tasks {
			if t.TaskID.Value == id && e.framework.Value == framework {
				return t
			}
		}
	}
	for _, t := range g.unknown {
		if t.TaskID.Value == id && t.FrameworkID.Value == framework {
			return t
		}
	}
	return nil
}

// all are the agent's tasks.
func (g *agent) all() []*task {
	var all []*task
	for _, e := range g.executors {
		all = append(all, e.tasks...)
	}
	return append(all, g.unknown...)
}

// forget drops executors of which nothing is left, and with the last one the drain is over.
func (g *agent) forget() {
	g.executors = slices.DeleteFunc(g.executors, func(e *executor) bool { return e.ended && len(e.tasks) == 0 })
	if len(g.executors) == 0 {
		g.executors, g.drain = nil, nil
	}
}
