package master

import (
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"k8s-framework/internal/local/mesos/wire"
)

// state is everything that the leading master knows. Only the loop touches it.
type state struct {
	agents     map[string]*agent // registered, connected or not
	agentList  []*agent          // the same in the order of their registration; holes are nil until compacted
	byAddress  map[string]*agent // the same by pid
	recovered  map[string]bool   // known to the registry, not heard of since the failover
	frameworks map[string]*framework
	// completed frameworks, oldest first; their ids are refused.
	completed    []*framework
	completedIDs map[string]bool
	offers       map[string]*offer
	inverse      map[string]*inverseOffer
	machines     machines
	subscribers  map[*operatorStream]bool

	nextFramework, nextAgent, nextOffer int
	total                               weights // of the agents, for shares
}

// weights is what dominant shares are made of, in thousandths.
type weights struct{ cpus, mem int64 }

func (s *weights) add(r resources, sign int64) {
	for i := range r {
		switch r[i].kind.Name {
		case "cpus":
			s.cpus += sign * r[i].milli
		case "mem":
			s.mem += sign * r[i].milli
		}
	}
}

// agent is a registered agent.
type agent struct {
	id      string
	info    mesos.AgentInfo
	ip      string
	version string
	conn    Peer // nil while the agent is disconnected
	index   int  // in agentList

	registered, reregistered time.Time

	total resources // with dynamic reservations, allocated to nobody
	used  resources // by executors and tasks, allocated to roles
	free  resources // neither used nor offered, allocated to nobody

	tasks     map[taskKey]*task
	executors map[executorKey]*mesos.ExecutorInfo
	offers    map[string]*offer
	inverse   map[string]*inverseOffer
	killed    map[taskKey]bool // KILLs that the agent may not have got

	deactivated  bool
	drain        *mesos.DrainInfo
	drainStarted time.Time

	pinger      *timer
	pinged      bool // a ping has not been answered
	missedPings int
}

type taskKey struct{ framework, task string }

type executorKey struct{ framework, executor string }

func (a *agent) connected() bool { return a.conn != nil }

// offering says whether the agent's resources may be offered.
func (a *agent) offering() bool { return a.conn != nil && !a.deactivated }

// pid is the agent's libprocess name.
func (a *agent) pid() string { return agentPID(a.ip, a.info.GetPort()) }

// framework is a framework that is subscribed, or was and may come back.
type framework struct {
	id    string
	info  mesos.FrameworkInfo
	order int // of its first subscription; ties of shares go by it

	stream   *wire.Stream // nil while it is not connected
	streamID string
	counts   *Counts // nil before the first stream

	active    bool
	recovered bool // named by an agent after a failover, not subscribed since

	registered, reregistered, unregistered time.Time

	failover  *timer
	heartbeat *timer

	suppressed  map[string]bool
	constraints offerConstraints
	filters     map[filterKey][]filter
	inverse     map[string]time.Time // agent id → until when no inverse offer is made
	responses   map[string]*inverseResponse

	tasks        map[string]*task
	unreachable  []*task
	done         []*task
	offers       map[string]*offer
	inverseOut   map[string]*inverseOffer
	operations   map[string]*operation // by operation id
	allocated    weights
	allocations  int
	capabilities map[mesos.FrameworkInfo_Capability_Type]bool
}

func (f *framework) connected() bool { return f.stream != nil }

func (f *framework) can(c mesos.FrameworkInfo_Capability_Type) bool { return f.capabilities[c] }

func (f *framework) partitionAware() bool {
	return f.can(mesos.FrameworkInfo_Capability_PARTITION_AWARE)
}

// roles are the roles to which the framework subscribes.
func (f *framework) roles() []string { return rolesOf(&f.info) }

func rolesOf(info *mesos.FrameworkInfo) []string {
	for _, c := range info.Capabilities {
		if c.Type == mesos.FrameworkInfo_Capability_MULTI_ROLE {
			return info.Roles
		}
	}
	if info.Role != nil {
		return []string{*info.Role}
	}
	return []string{"*"}
}

// task is a task of a framework on an agent, until its terminal update is acknowledged; then it is history.
type task struct {
	mesos.Task           // State is the latest that the agent knows; StatusUpdateState what was last forwarded
	resources  resources // allocated to a role; free again as soon as State is terminal
}

func (t *task) key() taskKey { return taskKey{t.FrameworkID.Value, t.TaskID.Value} }

type offer struct {
	id        string
	framework *framework
	agent     *agent
	role      string
	resources resources // allocated to the role
	message   mesos.Offer
	timeout   *timer
}

type inverseOffer struct {
	id        string
	framework *framework
	agent     *agent
	message   mesos.InverseOffer
}

type inverseResponse struct {
	accepted bool
	at       time.Time
}

// operation is an operation with an operation id, until its result is acknowledged.
type operation struct {
	id     string
	uuid   []byte
	agent  string
	status mesos.OperationStatus
}

func terminal(s mesos.TaskState) bool {
	switch s {
	case mesos.TASK_FINISHED, mesos.TASK_FAILED, mesos.TASK_KILLED, mesos.TASK_ERROR, mesos.TASK_LOST, mesos.TASK_DROPPED,
		mesos.TASK_GONE, mesos.TASK_GONE_BY_OPERATOR:
		return true
	}
	return false
}
