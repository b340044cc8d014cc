package executor

import (
	"time"

	"k8s-framework/internal/kubelet"
	"k8s-framework/internal/mesos/execapi"
)

// Plan is what a Step wants done.
type Plan struct {
	// Actions are to be begun in this order. None waits for another's end: results come back as events.
	Actions []Action
	// Wake is when to Step again at the latest; zero: nothing waits.
	Wake time.Time
	// Notes say for people what was noticed or ignored.
	Notes []string
}

// Action is one thing to do.
type Action interface{ action() }

type (
	// Prepare takes the host: the lock, the cgroups, the end of what an earlier kubelet left.
	// PreparationWaited, then Prepared or PreparationFailed.
	Prepare struct {
		Spec      kubelet.Spec
		Container string
	}

	// CancelPrepare ends a Prepare that waits: PreparationFailed, unless it is just done.
	CancelPrepare struct{ Why string }

	// StartKubelet writes the configuration and starts the process. KubeletProbed again and again, KubeletExited at the end.
	StartKubelet struct {
		Run   int
		Slice kubelet.Slice
		Token string // a secret, for a kubelet that has to join by it; empty: it has not
		Why   string
	}

	// StopKubelet asks the process to end, and ends it after the grace. KubeletExited at the end.
	StopKubelet struct {
		Grace time.Duration
		Why   string
	}

	// SendUpdate: UpdateSent or UpdateFailed. One is under way at a time, so that updates arrive in order.
	SendUpdate struct{ Status execapi.Status }

	// SendReport sends a message to the framework; nothing comes back.
	SendReport struct{ Report kubelet.Report }

	// Cordon keeps new pods away from the Node: Cordoned or RoomFailed.
	Cordon struct{ Why string }

	// Uncordon lets new pods come: Uncordoned or RoomFailed.
	Uncordon struct{ Why string }

	// MakeRoom evicts pods until what is left fits the slice. RoomProgressed while it goes on; RoomMade or RoomFailed at the end.
	MakeRoom struct {
		Slice kubelet.Slice
		Why   string
	}

	// CancelRoom ends a Cordon, Uncordon or MakeRoom: RoomFailed, unless it is just done.
	CancelRoom struct{ Why string }

	// AskServer asks whether the API server is there: ServerAnswered or ServerSilent, soon.
	AskServer struct{}

	// Look looks once, and not for long, what is on the node: Looked.
	Look struct{}

	// Drain cordons the node and evicts its pods. DrainProgressed while it goes on; Drained or DrainFailed at the end.
	Drain struct{ Why string }

	// CancelDrain ends it: DrainFailed, unless it is just done.
	CancelDrain struct{ Why string }

	// StopPods stops every pod of this kubelet in the container runtime, giving containers their own grace period but no more
	// than Grace. PodsStopped or PodsNotStopped.
	StopPods struct {
		Grace time.Duration
		Why   string
	}

	// CleanUp ends what processes the runtime left in the pods' cgroup, and removes the cgroup. Cleaned or NotCleaned.
	CleanUp struct{}

	// Exit ends the executor.
	Exit struct{ Why string }
)

func (Prepare) action()       {}
func (CancelPrepare) action() {}
func (StartKubelet) action()  {}
func (StopKubelet) action()   {}
func (SendUpdate) action()    {}
func (SendReport) action()    {}
func (Cordon) action()        {}
func (Uncordon) action()      {}
func (MakeRoom) action()      {}
func (CancelRoom) action()    {}
func (AskServer) action()     {}
func (Look) action()          {}
func (Drain) action()         {}
func (CancelDrain) action()   {}
func (StopPods) action()      {}
func (CleanUp) action()       {}
func (Exit) action()          {}
