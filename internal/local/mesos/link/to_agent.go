package link

import mesos "github.com/mesos/mesos-go/api/v1/lib"

// Registered answers Register. The agent writes the id down before it does anything else, and uses it from then on.
type Registered struct {
	AgentID mesos.AgentID
	// PingTimeout is how long the agent waits for a Ping before it takes the connection for dead: agent_ping_timeout ×
	// max_agent_ping_timeouts of the master, in nanoseconds.
	PingTimeout int64
}

// Reregistered answers Reregister.
type Reregistered struct {
	AgentID     mesos.AgentID
	PingTimeout int64
	// Reconcile names the tasks that the master believes to be on the agent and that Reregister did not name. For each of
	// them that the agent still does not know it sends a StatusUpdate: TASK_DROPPED (TASK_LOST for a framework that is not
	// PARTITION_AWARE), SOURCE_AGENT, REASON_RECONCILIATION.
	Reconcile []ReconcileTask `json:",omitempty"`
}

// ReconcileTask names a task about which master and agent differ.
type ReconcileTask struct {
	FrameworkID    mesos.FrameworkID
	TaskID         mesos.TaskID
	PartitionAware bool
}

// Ping asks whether the agent is there; it answers with Pong, at once.
type Ping struct {
	// Connected tells what the master believes. An agent that believes to be registered and reads false registers again.
	Connected bool
}

// RunTasks starts tasks on one executor. The master has validated them and accounted for them; what the agent
// refuses comes back as a StatusUpdate for each task.
type RunTasks struct {
	Framework mesos.FrameworkInfo // with its id
	// Executor is the same in each task's Executor field; for a task with a command (no executor of its own) it is not
	// set, and the agent makes the command executor.
	Executor *mesos.ExecutorInfo `json:",omitempty"`
	Tasks    []mesos.TaskInfo
	// Group: the tasks are a task group of a DEFAULT executor, started and killed as one.
	Group bool `json:",omitempty"`
	// Launch says that the master knows of no such executor on the agent, so that it has to be started.
	Launch bool
}

// KillTask is a scheduler's KILL. The agent knows what to do with a task in every phase; for a task that it does not know
// it sends TASK_DROPPED (TASK_LOST).
type KillTask struct {
	FrameworkID mesos.FrameworkID
	TaskID      mesos.TaskID
	KillPolicy  *mesos.KillPolicy `json:",omitempty"`
}

// ShutdownExecutor is a scheduler's SHUTDOWN: the executor gets a SHUTDOWN event and its grace period.
type ShutdownExecutor struct {
	FrameworkID mesos.FrameworkID
	ExecutorID  mesos.ExecutorID
}

// ShutdownFramework ends everything of a framework that was torn down or whose failover timeout has passed: its executors
// get SHUTDOWN and their grace period; updates of its tasks are not sent any more.
type ShutdownFramework struct {
	FrameworkID mesos.FrameworkID
}

// UpdateFramework brings a framework's FrameworkInfo after it has subscribed again (changed or not) and after
// UPDATE_FRAMEWORK. The agent takes it over and sends the framework's updates that wait for an acknowledgement again at once
// (03: a scheduler that comes back after a second gets the update that it did not acknowledge with its SUBSCRIBED).
type UpdateFramework struct {
	Framework mesos.FrameworkInfo
}

// AckUpdate is a scheduler's ACKNOWLEDGE: the update of that uuid need not be sent again, the task's next one may go.
type AckUpdate struct {
	FrameworkID mesos.FrameworkID
	TaskID      mesos.TaskID
	UUID        []byte
}

// FrameworkMessage is a scheduler's MESSAGE on its way to an executor; lost when the executor is not there.
type FrameworkMessage struct {
	FrameworkID mesos.FrameworkID
	ExecutorID  mesos.ExecutorID
	Data        []byte
}

// ApplyOperation changes the agent's reservations. The agent makes Total durable (it is what Register.Total says from now
// on) and, when OperationID is set, answers with OperationUpdate, OPERATION_FINISHED. It is
// sent in front of the RunTasks that uses the result.
type ApplyOperation struct {
	// Total is everything that the agent has, after the operation.
	Total []mesos.Resource
	// FrameworkID, UUID and OperationID are set when a framework gave the operation an id.
	FrameworkID *mesos.FrameworkID         `json:",omitempty"`
	OperationID *mesos.OperationID         `json:",omitempty"`
	UUID        []byte                     `json:",omitempty"`
	Type        mesos.Offer_Operation_Type `json:",omitempty"`
}

// AckOperation is a scheduler's ACKNOWLEDGE_OPERATION_STATUS.
type AckOperation struct {
	FrameworkID *mesos.FrameworkID `json:",omitempty"`
	// OperationUUID is ApplyOperation.UUID, StatusUUID is OperationUpdate.Status.uuid.
	OperationUUID []byte
	StatusUUID    []byte
}

// Drain is DRAIN_AGENT: the agent makes it durable, kills every task with the given bound for its grace period, refuses
// launches (TASK_DROPPED, REASON_AGENT_DRAINING) and goes on draining over its own restart, until no executor is left.
// A second Drain replaces the first one and kills again. The master sends it again when a draining agent re-registers.
type Drain struct {
	Config mesos.DrainConfig
}

// Shutdown tells the agent to end: marked gone, drained with mark_gone, or its machine is down for maintenance. The agent
// shuts down its executors (SHUTDOWN event, grace period, SIGKILL), forgets its id and exits.
type Shutdown struct {
	// Reason is a sentence for the agent's log.
	Reason string
}
