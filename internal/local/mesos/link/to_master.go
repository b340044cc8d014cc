package link

import mesos "github.com/mesos/mesos-go/api/v1/lib"

// Register is the first message of an agent that has no id yet (its work directory is new). Answer: Registered, with the
// new id; or Shutdown when the machine is down for maintenance. As long as no answer comes the agent sends it again, with
// a backoff, on the same connection; the master answers the repetition with the same id.
type Register struct {
	// Agent is the agent as its flags describe it: hostname, port, attributes, domain, and the resources as registered,
	// with static reservations and without dynamic ones. Its ID is not set.
	Agent mesos.AgentInfo
	// IP is the address under which the agent serves HTTP, as it appears in Offer.url and in the pid "slave(1)@ip:port".
	IP string
	// Version is the agent's Mesos version.
	Version string
	// Total is what the agent has: Agent.Resources with the dynamic reservations that it has on disk.
	Total []mesos.Resource
	// BootID changes when the host boots.
	BootID string `json:",omitempty"`
}

// Reregister is the first message of an agent that has an id: after its restart, after a broken connection, and when
// another master leads. Answer: Reregistered (also when the master does not remember the id, after a failover), or
// Shutdown when the agent was marked gone or its machine is down for maintenance.
//
// The master takes the agent's word for everything in it: after a failover it knows nothing else.
type Reregister struct {
	Register // Agent.ID is set
	// Frameworks of which the agent has an executor, or an update that is not acknowledged.
	Frameworks []mesos.FrameworkInfo `json:",omitempty"`
	// Executors that run, or that are being started again.
	Executors []Executor `json:",omitempty"`
	// Tasks that are not over, or whose terminal update is not yet acknowledged: state is the latest, status_update_state
	// and status_update_uuid are those of the update that the scheduler has to acknowledge next.
	Tasks []mesos.Task `json:",omitempty"`
	// Completed are tasks and executors of the past, as far as the agent remembers them.
	Completed []mesos.Task `json:",omitempty"`
	// Draining is set while the agent drains: from the Drain message until nothing is left on the agent.
	Draining *mesos.DrainConfig `json:",omitempty"`
	// Operations that are not acknowledged.
	Operations []OperationUpdate `json:",omitempty"`
}

// Executor is an executor of one framework.
type Executor struct {
	FrameworkID mesos.FrameworkID
	Info        mesos.ExecutorInfo
}

// Unregister says that the agent goes for good (SIGUSR1, or SIGTERM when it was told to shut down): its tasks are lost and
// its id is not used again. No answer.
type Unregister struct{}

// Pong answers a Ping.
type Pong struct{}

// StatusUpdate is a status update of a task on its way to the scheduler. An update with a uuid is sent again by the agent
// (10 s, then doubling to 10 min, and after each re-registration) until AckUpdate; only the oldest of a task's updates
// that are not acknowledged is on its way at a time. An update without a uuid is sent once.
type StatusUpdate struct {
	FrameworkID mesos.FrameworkID
	ExecutorID  *mesos.ExecutorID `json:",omitempty"`
	// Status is what the scheduler gets, as it is: source, reason, agent_id, container_status, timestamp set by the agent.
	Status mesos.TaskStatus
	// Latest is the state of the newest update that the agent has of this task. It frees the task's resources when it
	// is terminal, though Status may be an older one. TASK_STAGING (the zero value is no state of an update) means: as Status.
	Latest mesos.TaskState
}

// ExitedExecutor says that an executor has ended and that its resources are free. It makes the FAILURE event, so it is
// sent when the container is gone, before the updates of the executor's tasks.
type ExitedExecutor struct {
	FrameworkID mesos.FrameworkID
	ExecutorID  mesos.ExecutorID
	// Status is the raw wait status: an exit with code 1 is 256, SIGKILL is 9.
	Status int32
}

// ExecutorMessage is an executor's MESSAGE call on its way to the scheduler. It is lost when the scheduler is not there.
type ExecutorMessage struct {
	FrameworkID mesos.FrameworkID
	ExecutorID  mesos.ExecutorID
	Data        []byte
}

// OperationUpdate is the result of an operation with an operation id; the agent sends it again, as it does with
// StatusUpdate, until AckOperation. (An operation without an id has no result: ApplyOperation is all.)
type OperationUpdate struct {
	FrameworkID mesos.FrameworkID
	// UUID is that of ApplyOperation.
	UUID []byte
	// Status is what the scheduler gets: operation_id, state, uuid (16 random bytes, made by the agent), agent_id;
	// no converted_resources.
	Status mesos.OperationStatus
}
