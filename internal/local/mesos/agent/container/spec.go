package container

import mesos "github.com/mesos/mesos-go/api/v1/lib"

// Spec says what to run. It is everything that a container needs: nothing of the agent's own environment reaches it.
type Spec struct {
	ID  string
	Dir string // the sandbox: working directory, and the place of the files stdout and stderr
	// User is whom the executor runs as; empty or the agent's own user means no change.
	User    string
	Command mesos.CommandInfo
	// Env is complete but for PATH, which has a default.
	Env    map[string]string
	Limits Limits
	// PIDFile is where the init process's pid is written before anything else happens; empty for a container that need not
	// survive the agent.
	PIDFile string
}

// Event tells how a container does. Events of one container come one after another, from another goroutine than the caller's:
// one of Launched and Failed, then Ended as the last.
type Event interface{ event() }

// Launched says that everything has been fetched and the executor is being executed.
type Launched struct{}

// Failed says why the container could not be launched; its Ended follows.
type Failed struct{ Err error }

// Ended says that no process of the container is left and that its cgroups are gone.
type Ended struct{ Exit Exit }

func (Launched) event() {}
func (Failed) event()   {}
func (Ended) event()    {}

// Exit is how a container ended.
type Exit struct {
	// Status is the raw wait status of the executor (exit code 1 is 256, SIGKILL is 9); nil when there was no process.
	Status *int
	// Limitation is set when the container was destroyed because of a limit.
	Limitation *Limitation
}

// Limitation is a limit that a container has run into.
type Limitation struct {
	Message string
	Reason  mesos.TaskStatus_Reason
	// MemBytes is the most memory that was used.
	MemBytes uint64
}

// Known is a container of an agent's earlier life.
type Known struct {
	ID  string
	PID int // the init process; 0 when it was never written down
}
