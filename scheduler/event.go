package scheduler

import "time"

// Event is something that happened outside. Events are named in the past tense.
type Event interface{ event() }

type (
	// Subscribed: the Mesos master accepted our subscription. Offers of before are void.
	Subscribed struct {
		Framework FrameworkID
		Master    string // host:port, for people
	}

	// Removed: the Mesos master refuses our framework ID for good: it was torn down, or its failover timeout passed.
	Removed struct{ Why string }

	// Disconnected: the subscription ended; calls would go nowhere until the next Subscribed.
	Disconnected struct{ Why string }

	// Offered holds all the offers of one OFFERS event. They are answered in the Step that receives them.
	Offered struct{ Offers []Offer }

	// TaskUpdated is a status update, or the answer to a reconciliation (which has no UpdateID).
	TaskUpdated struct {
		Task     TaskID
		Agent    AgentID // empty if the update does not say
		State    TaskState
		Reason   string // Mesos's REASON_…, may be empty
		Message  string
		Update   UpdateID
		Healthy  Health
		Executor ExecutorID
	}

	// ExecutorEnded: Mesos says that an executor is over. This is no failure by itself and proves nothing about the
	// tasks, whose updates follow.
	ExecutorEnded struct {
		Agent    AgentID
		Executor ExecutorID
		Status   int // the raw wait status
	}

	// ExecutorDraining: an executor drains its node by itself, because it was told to end by somebody else than us.
	ExecutorDraining struct {
		Node NodeName
		Why  string
	}

	// ExecutorWaits: an executor makes room before its node gets smaller, and says what it waits for.
	ExecutorWaits struct {
		Node NodeName
		For  string
	}

	// AgentRemoved: Mesos removed the agent; updates of its tasks tell what that means.
	AgentRemoved struct{ Agent AgentID }

	// KubeNodeSeen: a Node object is there, or changed.
	KubeNodeSeen struct{ Node KubeNode }

	// KubeNodeDeleted: the Node object is gone.
	KubeNodeDeleted struct{ Host Hostname }

	// KubeSynced: all Node objects that exist were seen at least once since the watch began.
	KubeSynced struct{}

	// DrainProgressed: what is left on a node that is being drained.
	DrainProgressed struct {
		Node     NodeName
		PodsLeft int
		// Blocked says what blocks, a sentence for each pod, with the pod and the budget; empty while nothing does.
		Blocked []string
	}

	// NodeDrained: every pod that a drain evicts is gone from the node, or there is no such Node object any more.
	NodeDrained struct{ Node NodeName }

	// OpFailed: an operation on Kubernetes failed for good or for now; it is tried again when its backoff says so.
	OpFailed struct {
		Op  Op
		Why string
	}

	// KubeNodeForgotten: the Node object of a node is deleted, or was not there, or belongs to another launch.
	KubeNodeForgotten struct{ Node NodeName }

	// Uncordoned: the cordon of a drain that was called off is taken away, or the Node object is not there any more.
	Uncordoned struct{ Node NodeName }

	// KubeNodeMarked: the Node object carries these labels, annotations and taints of its pool.
	KubeNodeMarked struct {
		Node  NodeName
		Marks Marks
	}

	// LeaseSeen: when the kubelet last renewed its lease in Kubernetes; zero: there is none.
	LeaseSeen struct {
		Node    NodeName
		Renewed time.Time
	}

	// PodsCounted: how many pods that a drain evicts run on each of the hosts that CountPods asked about.
	PodsCounted struct {
		Pool PoolName
		Pods map[Hostname]int
	}

	// InverseOffered: Mesos asks us to leave agents before their maintenance. Each is answered in the Step that receives it.
	InverseOffered struct{ Offers []InverseOffer }

	// InverseRescinded: an inverse offer is void; the schedule of the maintenance has changed.
	InverseRescinded struct{ Offer OfferID }

	// Asked: an operator wants something.
	Asked struct {
		Request int64 // names the Reply
		// DryRun: only say what would be done.
		DryRun  bool
		Command Command
	}

	// CallFailed: the master did not take a call that nothing else repeats: an answer to offers, Revive, Suppress or
	// UpdateFramework. It may have arrived all the same.
	CallFailed struct {
		Call Call
		Why  string
	}

	// Ticked: the time that the last Plan asked for has come.
	Ticked struct{}
)

func (Subscribed) event()        {}
func (Removed) event()           {}
func (Disconnected) event()      {}
func (Offered) event()           {}
func (TaskUpdated) event()       {}
func (ExecutorEnded) event()     {}
func (ExecutorDraining) event()  {}
func (ExecutorWaits) event()     {}
func (AgentRemoved) event()      {}
func (KubeNodeSeen) event()      {}
func (KubeNodeDeleted) event()   {}
func (KubeSynced) event()        {}
func (DrainProgressed) event()   {}
func (NodeDrained) event()       {}
func (OpFailed) event()          {}
func (KubeNodeForgotten) event() {}
func (Uncordoned) event()        {}
func (KubeNodeMarked) event()    {}
func (LeaseSeen) event()         {}
func (PodsCounted) event()       {}
func (InverseOffered) event()    {}
func (InverseRescinded) event()  {}
func (Asked) event()             {}
func (CallFailed) event()        {}
func (Ticked) event()            {}

// Health is what a status update says of the kubelet's health.
type Health string

// The three things that an update can say of health.
const (
	HealthUnknown Health = ""
	Healthy       Health = "healthy"
	Unhealthy     Health = "unhealthy"
)

// KubeNode is what the core needs of a Kubernetes Node object.
type KubeNode struct {
	Host       Hostname
	UID        UID
	ProviderID string
	Ready      bool
	// ReadyWhy is the message of the Ready condition.
	ReadyWhy      string
	Unschedulable bool
	// Starting: it has the starting taint.
	Starting bool
	// AllocatableCPU counts thousandths of a CPU, AllocatableMem bytes.
	AllocatableCPU int64
	AllocatableMem int64
	Created        time.Time
}

// TaskState is a Mesos task state without its TASK_ prefix.
type TaskState string

// The states of the Mesos v1 API.
const (
	TaskStaging        TaskState = "STAGING"
	TaskStarting       TaskState = "STARTING"
	TaskRunning        TaskState = "RUNNING"
	TaskKilling        TaskState = "KILLING"
	TaskFinished       TaskState = "FINISHED"
	TaskFailed         TaskState = "FAILED"
	TaskKilled         TaskState = "KILLED"
	TaskError          TaskState = "ERROR"
	TaskLost           TaskState = "LOST"
	TaskDropped        TaskState = "DROPPED"
	TaskUnreachable    TaskState = "UNREACHABLE"
	TaskGone           TaskState = "GONE"
	TaskGoneByOperator TaskState = "GONE_BY_OPERATOR"
	TaskUnknown        TaskState = "UNKNOWN"
)

// TaskStates lists every state, in the order of mesos.proto's documentation.
func TaskStates() []TaskState {
	return []TaskState{
		TaskStaging, TaskStarting, TaskRunning, TaskKilling, TaskFinished, TaskFailed, TaskKilled, TaskError, TaskLost,
		TaskDropped, TaskUnreachable, TaskGone, TaskGoneByOperator, TaskUnknown,
	}
}

// Over reports whether no process of the task runs any more. LOST, UNREACHABLE, UNKNOWN and GONE_BY_OPERATOR prove
// nothing about the processes (docs/architecture.md, "What a task state proves").
func (s TaskState) Over() bool {
	switch s {
	case TaskFinished, TaskFailed, TaskKilled, TaskError, TaskDropped, TaskGone:
		return true
	default:
		return false
	}
}

// lost reports whether Mesos cannot say what became of the task.
func (s TaskState) lost() bool { return s == TaskUnreachable || s == TaskLost || s == TaskUnknown }
