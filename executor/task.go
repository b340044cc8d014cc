package executor

import (
	"time"

	"k8s-framework/internal/kubelet"
	"k8s-framework/internal/mesos/execapi"
)

// task is one task that the agent launched, until its terminal update is acknowledged.
type task struct {
	execapi.Task
	state   execapi.State
	healthy bool // as last reported
	killed  bool // a KILL came
	// released: the task was killed, others stay, and there is room on the node for them alone: the kubelet that is started next
	// does not count this one.
	released bool
	late     bool // it was launched when the end had begun
	// acknowledged: the agent has had at least one update. Until then SUBSCRIBE must name the task.
	acknowledged bool
	// included: the kubelet that runs, or is being started, counts the task's resources.
	included bool
}

func (t *task) live() bool { return !t.state.Terminal() }

// sliceOf is the sum of the tasks' resources. It is summed in Mesos's thousandths and converted once, so that no rounding of
// single tasks adds up.
func sliceOf(tasks []*task) kubelet.Slice {
	var sum execapi.Resources
	for _, t := range tasks {
		sum = sum.Plus(t.Resources)
	}
	return kubelet.Slice{MilliCPU: sum.CPUs, MemoryBytes: sum.MemBytes(), DiskBytes: sum.DiskBytes(), MilliGPU: sum.GPUs}
}

// end is why and how the node ends.
type end struct {
	why string
	// state and message are the terminal update of every task.
	state   execapi.State
	message string
	// skip says why the node is not drained first; empty: it is. by is when that is over at the latest, zero: never.
	skip string
	by   time.Time
	// limit is when all has to be over, because someone ends us then; zero: nobody does.
	limit time.Time
}
