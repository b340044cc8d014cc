package agent

import (
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"

	"k8s-framework/internal/local/mesos/agent/container"
	"k8s-framework/internal/local/mesos/wire"
)

// phase is what the agent is doing.
type phase int

const (
	starting     phase = iota // the port is open, nothing is known: 404
	recovering                // reading from disk, waiting for executors to come back: 503
	disconnected              // no master knows us
	running                   // registered
	terminating               // told to shut down; ends with its last framework
)

func (p phase) String() string {
	return [...]string{"STARTING", "RECOVERING", "DISCONNECTED", "RUNNING", "TERMINATING"}[p]
}

// framework is a framework that has executors here.
type framework struct {
	info        mesos.FrameworkInfo
	terminating bool
	executors   []*execution // in the order of their start
	// completed are tasks of executors that are gone.
	completed []mesos.Task
}

func (f *framework) id() string { return f.info.GetID().Value }

func (f *framework) partitionAware() bool {
	for _, c := range f.info.Capabilities {
		if c.Type == mesos.FrameworkInfo_Capability_PARTITION_AWARE {
			return true
		}
	}
	return false
}

// lost is the state of a task that was dropped.
func (f *framework) lost(aware mesos.TaskState) *mesos.TaskState {
	if f.partitionAware() {
		return aware.Enum()
	}
	return mesos.TASK_LOST.Enum()
}

func (f *framework) executor(id string) *execution {
	for _, e := range f.executors {
		if e.id() == id {
			return e
		}
	}
	return nil
}

// executorOf finds the executor that has a task in any state but completed.
func (f *framework) executorOf(task string) *execution {
	for _, e := range f.executors {
		if e.has(task) {
			return e
		}
	}
	return nil
}

// executorPhase is what an executor is doing.
type executorPhase int

const (
	registering executorPhase = iota // launched (or found again), not subscribed
	active                           // subscribed; its stream may be closed meanwhile
	ending                           // told to shut down, or being destroyed
	ended                            // its container is gone; updates are not all acknowledged yet
)

// execution is one run of an executor, in one container.
type execution struct {
	info        mesos.ExecutorInfo
	framework   *framework
	containerID string
	directory   string
	user        string
	checkpoint  bool
	generated   bool // made by the agent for a task with a command
	phase       executorPhase

	container Container    // nil for a container that was never started
	stream    *wire.Stream // nil while the executor is not connected
	heartbeat *time.Timer  // for the stream
	grace     *time.Timer  // ends an executor that was told to shut down, or did not subscribe
	pending   *termination // why the agent destroys the container

	queued     []mesos.TaskInfo // not yet sent
	launched   []*task          // sent, not terminal
	terminated []*task          // terminal, not acknowledged
	completed  []*task          // acknowledged
}

// termination is what the updates of an executor's tasks will say.
type termination struct {
	state   *mesos.TaskState
	reason  mesos.TaskStatus_Reason
	message string
}

// task is a task that the executor was sent, or that ended before that.
type task struct {
	mesos.Task
	limits map[string]mesos.Value_Scalar
}

func (t *task) id() string { return t.TaskID.Value }

func (e *execution) id() string { return e.info.ExecutorID.Value }

func (e *execution) has(task string) bool {
	return e.queuedAt(task) >= 0 || find(e.launched, task) != nil || find(e.terminated, task) != nil
}

func (e *execution) queuedAt(task string) int {
	for i := range e.queued {
		if e.queued[i].TaskID.Value == task {
			return i
		}
	}
	return -1
}

func find(tasks []*task, id string) *task {
	for _, t := range tasks {
		if t.id() == id {
			return t
		}
	}
	return nil
}

func without(tasks []*task, id string) []*task {
	for i, t := range tasks {
		if t.id() == id {
			return append(tasks[:i:i], tasks[i+1:]...)
		}
	}
	return tasks
}

func (e *execution) incomplete() bool {
	return len(e.queued)+len(e.launched)+len(e.terminated) > 0
}

// everSentTask says whether the executor has been given anything to do.
func (e *execution) everSentTask() bool {
	if len(e.launched) > 0 {
		return true
	}
	for _, tasks := range [][]*task{e.terminated, e.completed} {
		for _, t := range tasks {
			for _, s := range t.Statuses {
				if s.GetSource() == mesos.SOURCE_EXECUTOR {
					return true
				}
			}
		}
	}
	return false
}

// tell gives an event to the executor; it is lost while the executor is not connected.
func (e *execution) tell(event *executor.Event) {
	if e.stream != nil {
		e.stream.Send(event)
	}
}

// limits is what the executor and its tasks may use now.
func (e *execution) limits(cfs bool) container.Limits {
	var tasks []demand
	for i := range e.queued {
		tasks = append(tasks, demand{e.queued[i].Resources, e.queued[i].Limits})
	}
	for _, t := range e.launched {
		tasks = append(tasks, demand{t.Resources, t.limits})
	}
	return limitsOf(e.info.Resources, tasks, cfs)
}
