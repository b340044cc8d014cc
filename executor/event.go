package executor

import (
	"time"

	"k8s-framework/internal/kubelet"
	"k8s-framework/internal/mesos/execapi"
)

// Event is something that happened outside the machine. Events are named in the past tense.
type Event interface{ event() }

type (
	// AgentSaid is an event of the executor API, or of the connection with the agent.
	AgentSaid struct{ Event execapi.Event }

	// AgentLost: the agent refuses this executor for good; there is nobody to report to.
	AgentLost struct{ Why string }

	// Interrupted: this process was asked to end by a signal.
	Interrupted struct{ Why string }

	// UpdateSent: the agent answered an update with 202.
	UpdateSent struct{ Update execapi.UpdateID }

	// UpdateFailed: an update may not have arrived.
	UpdateFailed struct {
		Update execapi.UpdateID
		Why    string
		// Refused says that the agent will refuse it again.
		Refused bool
	}

	// PreparationWaited: the host is not ours yet.
	PreparationWaited struct{ Why string }

	// Prepared: the host is ours alone, the cgroups are there, and nothing of an earlier kubelet is left.
	Prepared struct{ Host kubelet.Host }

	// PreparationFailed: the host cannot be used, or Prepare was called off.
	PreparationFailed struct{ Why string }

	// KubeletProbed is one answer of /healthz, or the lack of one.
	KubeletProbed struct {
		Run     int // of which StartKubelet
		Healthy bool
		Why     string // if not healthy
	}

	// KubeletExited: the kubelet's process is over, or could not be started.
	KubeletExited struct {
		Run int
		Why string
		// Lines are the last of its output.
		Lines []string
	}

	// NodeLooked: what the API server says of the Node of the kubelet.
	NodeLooked struct {
		Run  int // of which StartKubelet
		Node NodeView
	}

	// Cordoned: the Node takes no new pods. Fresh says that it did before.
	Cordoned struct{ Fresh bool }

	// Uncordoned: the Node takes new pods.
	Uncordoned struct{}

	// RoomProgressed: how many pods have to leave before the kubelet can get smaller.
	RoomProgressed struct {
		PodsLeft int
		Blocked  []string // a sentence for each pod that is refused
	}

	// RoomMade: what is left on the node fits the smaller slice, or cannot be evicted, which the Note says then.
	RoomMade struct{ Note string }

	// RoomFailed: Cordon, Uncordon or MakeRoom ended without being done. Unsure says of a Cordon that it may be done all the same.
	RoomFailed struct {
		Why    string
		Unsure bool
	}

	// ServerAnswered: the API server answered the last AskServer.
	ServerAnswered struct{}

	// ServerSilent: it did not.
	ServerSilent struct{ Why string }

	// Looked: what is on a node that is said to be drained, in a sentence; empty if it is.
	Looked struct{ Found string }

	// DrainProgressed: what is left on the node.
	DrainProgressed struct {
		PodsLeft int
		Blocked  []string // a sentence for each pod that is refused, and for all else that is waited for
		Away     string   // that the API server does not answer, in a sentence; empty: it does
		Why      string   // what it waits for, in one sentence, with all of the above
	}

	// Drained: no pod that a drain evicts is left.
	Drained struct{}

	// DrainFailed: the drain ended without being done.
	DrainFailed struct{ Why string }

	// PodsStopped: the container runtime has no pod of this node's kubelet any more.
	PodsStopped struct{}

	// PodsNotStopped: it still has some, or cannot be asked.
	PodsNotStopped struct{ Why string }

	// Cleaned: no process is left in the pods' cgroup, and the cgroup is gone.
	Cleaned struct{}

	// NotCleaned: processes are left, or the cgroup cannot be removed.
	NotCleaned struct{ Why string }

	// Ticked: the time that the last Plan asked for has come.
	Ticked struct{}
)

func (AgentSaid) event()         {}
func (AgentLost) event()         {}
func (Interrupted) event()       {}
func (UpdateSent) event()        {}
func (UpdateFailed) event()      {}
func (PreparationWaited) event() {}
func (Prepared) event()          {}
func (PreparationFailed) event() {}
func (KubeletProbed) event()     {}
func (KubeletExited) event()     {}
func (NodeLooked) event()        {}
func (Cordoned) event()          {}
func (Uncordoned) event()        {}
func (RoomProgressed) event()    {}
func (RoomMade) event()          {}
func (RoomFailed) event()        {}
func (ServerAnswered) event()    {}
func (ServerSilent) event()      {}
func (Looked) event()            {}
func (DrainProgressed) event()   {}
func (Drained) event()           {}
func (DrainFailed) event()       {}
func (PodsStopped) event()       {}
func (PodsNotStopped) event()    {}
func (Cleaned) event()           {}
func (NotCleaned) event()        {}
func (Ticked) event()            {}

// NodeView is what the API server says of the Node object of a launch.
type NodeView struct {
	State NodeState
	// Why says what is missing, if something is.
	Why string
}

// NodeState is how far the Kubernetes Node has come.
type NodeState string

const (
	// NodeUnknown: the API server does not answer, or was not asked.
	NodeUnknown NodeState = ""
	// NodeMissing: there is no Node of this launch, the kubelet's credentials are refused, or Kubernetes has not heard of the
	// kubelet for so long that it calls its Node Unknown.
	NodeMissing NodeState = "missing"
	// NodeNotReady: the kubelet itself says so.
	NodeNotReady NodeState = "not ready"
	NodeReady    NodeState = "ready"
)

// Settings is what the machine knows from the start.
type Settings struct {
	// Checkpoint says that the executor outlives a restart of its agent; without it, losing the agent is the end.
	Checkpoint bool
	// RecoveryTimeout is how long the agent may be away.
	RecoveryTimeout time.Duration
	// ShutdownGrace is the time from SHUTDOWN to SIGKILL where ExecutorInfo does not say.
	ShutdownGrace time.Duration
}
