package execapi

import "time"

// Event is something that the agent said, or that happened to the connection with it.
type Event interface{ event() }

type (
	// Subscribed: the agent accepted our subscription, the first or a later one.
	Subscribed struct {
		Agent Agent
		// Container is the id of the Mesos container that this executor runs in; empty if the agent does not say.
		Container string
		// Data is ExecutorInfo.data, as the framework sent it.
		Data []byte
		// Resources is the executor's own share, without its tasks.
		Resources Resources
		// Name is ExecutorInfo.name.
		Name string
		// ShutdownGrace is ExecutorInfo.shutdown_grace_period; 0 if the framework did not set one (then the agent's default,
		// which stands in the environment, applies).
		ShutdownGrace time.Duration
	}

	// Disconnected: the stream ended, or could not be set up when Run began. It comes once; failed attempts that follow it are
	// told to Options.Failed only. Who must act after the recovery timeout watches the clock from here to the next Subscribed.
	Disconnected struct{ Why string }

	// Launched: run one more task. The container has been resized already.
	Launched struct{ Task Task }

	// Killed: end a task. It may come more than once for the same task, and for a task that is not known.
	Killed struct {
		Task string
		// Grace is the kill policy of this very KILL, and valid only if GraceSet. It is set only when the scheduler's call or an
		// operator's drain set one that is shorter than the task's own; else Task.KillGrace applies. It can be negative (an
		// operator's input that Mesos does not check): treat it as 0.
		Grace    time.Duration
		GraceSet bool
	}

	// Acknowledged: the agent has the update on its disk. It need not be named or sent again.
	Acknowledged struct {
		Task   string
		Update UpdateID
	}

	// Messaged: the framework sent this data to the executor. Messages can be lost without a sign.
	Messaged struct{ Data []byte }

	// ShutdownRequested: end every task, then exit. The agent kills the container after the grace period at the latest. It can
	// be the first event, with no Subscribed before it.
	ShutdownRequested struct{}

	// Errored: the agent said ERROR. It ends the subscription; Run tries again.
	Errored struct{ Message string }
)

func (Subscribed) event()        {}
func (Disconnected) event()      {}
func (Launched) event()          {}
func (Killed) event()            {}
func (Acknowledged) event()      {}
func (Messaged) event()          {}
func (ShutdownRequested) event() {}
func (Errored) event()           {}

// Agent is what the executor learns of its agent.
type Agent struct {
	ID string
	// Hostname is the agent's own name for its host: the one of its offers.
	Hostname string
	Port     int
	// Region and Zone are of the agent's fault domain; empty if it has none.
	Region string
	Zone   string
}

// Task is one task that the agent told us to run.
type Task struct {
	ID   string
	Name string
	// Agent is the id of the agent that the task was launched on.
	Agent string
	// Resources is the task's own share of the container.
	Resources Resources
	// Data is TaskInfo.data, as the framework sent it.
	Data []byte
	// KillGrace is the grace period of the task's own kill policy; 0 if it has none.
	KillGrace time.Duration
	// Labels are the task's labels, in its order.
	Labels []Label
	// info is the TaskInfo as it came: SUBSCRIBE must carry it back while the task is unacknowledged.
	info []byte
}

// Label is a key and value that the framework attached to a task.
type Label struct{ Key, Value string }

// Resources is an amount of each scalar resource in thousandths of its unit, the precision in which Mesos compares them:
// CPUs and GPUs in thousandths of one, Mem and Disk in thousandths of a mebibyte.
type Resources struct{ CPUs, Mem, Disk, GPUs int64 }

// Plus is the sum of both.
func (r Resources) Plus(other Resources) Resources {
	return Resources{r.CPUs + other.CPUs, r.Mem + other.Mem, r.Disk + other.Disk, r.GPUs + other.GPUs}
}

// MemBytes is the memory in bytes, rounded down.
func (r Resources) MemBytes() int64 { return mebibytes(r.Mem) }

// DiskBytes is the disk space in bytes, rounded down.
func (r Resources) DiskBytes() int64 { return mebibytes(r.Disk) }

func mebibytes(thousandths int64) int64 { return thousandths/1000<<20 + thousandths%1000<<20/1000 }
