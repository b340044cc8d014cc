package scheduler

import "time"

// Plan is what a Step wants done. Its fields are in the order in which they must be performed; if Save fails, nothing
// else may be performed and the process ends.
type Plan struct {
	// Save holds the changes of the memory, to be made all or none.
	Save []Change
	// Replies answer operators; what they asked for is durable by now.
	Replies []Reply
	// Calls go to the Mesos master in this order, each at most once.
	Calls []Call
	// Ops go to Kubernetes; their results come back as events.
	Ops []Op
	// Wake is when to Step again at the latest; zero: nothing waits.
	Wake time.Time
	// Notes say what was decided or ignored, for people. They have no effect.
	Notes []Note
	// Fatal, if not empty, says why this process must end after the Save, with an instruction for the operator.
	Fatal string
}

// Change is one change of the memory.
type Change interface{ change() }

type (
	// PutMeta saves the framework ID and the counter.
	PutMeta struct{ Meta Meta }
	// PutPool saves a pool.
	PutPool struct{ Pool PoolRecord }
	// DeletePool forgets a pool's record.
	DeletePool struct{ Name PoolName }
	// PutNode saves a node's record.
	PutNode struct{ Node Node }
	// DeleteNode forgets a node's record.
	DeleteNode struct{ Name NodeName }
)

func (PutMeta) change()    {}
func (PutPool) change()    {}
func (DeletePool) change() {}
func (PutNode) change()    {}
func (DeleteNode) change() {}

// Reply answers one request of an operator; Problem is empty if it was accepted.
type Reply struct {
	Request int64
	Problem string
	// Lines say what was done, or, for a dry run, what would be.
	Lines []string
}

// Call is one call to the Mesos master. A call can be lost without a word.
type Call interface{ call() }

type (
	// Accept takes all the offers of one agent, does the following on them in this order, and declines what is left for
	// Refuse. Resources of Reserve and Unreserve carry the reservation that is made or given back as their last one.
	Accept struct {
		Agent     AgentID
		Offers    []OfferID
		Unreserve []Resource
		Reserve   []Resource
		Launches  []Launch
		Refuse    time.Duration
		Why       string
	}

	// Decline refuses offers, not to see their resources again before Refuse has passed.
	Decline struct {
		Offers []OfferID
		Refuse time.Duration
		Why    string
	}

	// Acknowledge tells Mesos that an update is accounted for and durable.
	Acknowledge struct {
		Task   TaskID
		Agent  AgentID
		Update UpdateID
	}

	// Kill ends a task. Grace bounds the executor's own drain.
	Kill struct {
		Task  TaskID
		Agent AgentID
		Grace time.Duration
		Why   string
	}

	// TellDrained tells an executor that the drain of its node is over, because it is empty or because the deadline has
	// passed: a kill that follows need not drain again. It can be lost; the executor then drains within the kill's grace.
	TellDrained struct {
		Node     NodeName
		Agent    AgentID
		Executor ExecutorID
	}

	// Reconcile asks for the state of the tasks; of all that the master knows, if none is named.
	Reconcile struct {
		Tasks []TaskAt
		Why   string
	}

	// AcceptInverse says that we are gone from the agents of inverse offers; DeclineInverse that we are not. Either comes
	// again after Refuse.
	AcceptInverse struct {
		Offers []OfferID
		Refuse time.Duration
		Why    string
	}
	// DeclineInverse: see AcceptInverse.
	DeclineInverse struct {
		Offers []OfferID
		Refuse time.Duration
		Why    string
	}

	// UpdateFramework changes what Mesos knows of us: the roles, and whether we want agents with GPUs. It holds for
	// later subscriptions too.
	UpdateFramework struct {
		Roles []Role
		GPUs  bool
		Why   string
	}

	// TearDown ends the framework in Mesos for good.
	TearDown struct{ Why string }

	// Revive asks for offers again and clears our filters.
	Revive struct {
		Roles []Role
		Why   string
	}

	// Suppress asks for no further offers.
	Suppress struct {
		Roles []Role
		Why   string
	}
)

func (Accept) call()          {}
func (Decline) call()         {}
func (Acknowledge) call()     {}
func (Kill) call()            {}
func (TellDrained) call()     {}
func (Reconcile) call()       {}
func (AcceptInverse) call()   {}
func (DeclineInverse) call()  {}
func (UpdateFramework) call() {}
func (TearDown) call()        {}
func (Revive) call()          {}
func (Suppress) call()        {}

// TaskAt is a task and the agent that it was launched on. Without the right agent, Mesos's answer about an unreachable
// task is wrong.
type TaskAt struct {
	Task  TaskID
	Agent AgentID
}

// Launch is one task of a node, with the node's executor, which must be equal for all its tasks.
type Launch struct {
	Node Node
	Task TaskID
	// ProviderID is what the Kubernetes Node of this launch will carry.
	ProviderID string
	// TaskResources are taken from the accepted offers, entry by entry; the executor's are in Node.Executor.Resources, and
	// are taken too if this is the executor's first task.
	TaskResources []Resource
}

// Op is one operation on Kubernetes. Its result comes back as an event.
type Op interface {
	op()
	// For is the node that the operation is about; empty: it is about several.
	For() NodeName
}

type (
	// Drain cordons the Kubernetes Node and evicts its pods until none is left that a drain evicts: DrainProgressed while
	// it goes on, NodeDrained at the end. Asking again for a drain under way changes nothing.
	Drain struct {
		Node       NodeName
		Host       Hostname
		ProviderID string
		// Grace is given to pods instead of their own; 0: their own.
		Grace time.Duration
		Why   string
	}

	// CancelDrain ends our drain of a node, without uncordoning it: its deadline passed, or the node is over.
	CancelDrain struct {
		Node NodeName
		Why  string
	}

	// Uncordon takes the cordon of a drain that was called off away: Uncordoned at the end.
	Uncordon struct {
		Node       NodeName
		Host       Hostname
		ProviderID string
		Why        string
	}

	// ForgetKubeNode deletes the Kubernetes Node, if it is the one of this launch: KubeNodeForgotten at the end.
	ForgetKubeNode struct {
		Node       NodeName
		Host       Hostname
		ProviderID string
		// OutOfService: the host is proven dead. The taint node.kubernetes.io/out-of-service is set first, so that
		// Kubernetes lets go of its pods and volumes at once.
		OutOfService bool
		Why          string
	}

	// MarkKubeNode gives the Node object the pool's labels, annotations and taints, and takes away those of Before that are
	// no more: KubeNodeMarked at the end.
	MarkKubeNode struct {
		Node       NodeName
		Host       Hostname
		ProviderID string
		Before     Marks
		Marks      Marks
		Why        string
	}

	// ReadLease asks when a kubelet last renewed its lease: LeaseSeen at the end.
	ReadLease struct {
		Node NodeName
		Host Hostname
		Why  string
	}

	// CountPods asks how many pods that a drain evicts run on each host: PodsCounted at the end.
	CountPods struct {
		Pool  PoolName
		Hosts []Hostname
		Why   string
	}
)

func (Drain) op()          {}
func (CancelDrain) op()    {}
func (Uncordon) op()       {}
func (ForgetKubeNode) op() {}
func (MarkKubeNode) op()   {}
func (ReadLease) op()      {}
func (CountPods) op()      {}

// For implements Op.
func (o Drain) For() NodeName { return o.Node }

// For implements Op.
func (o CancelDrain) For() NodeName { return o.Node }

// For implements Op.
func (o Uncordon) For() NodeName { return o.Node }

// For implements Op.
func (o ForgetKubeNode) For() NodeName { return o.Node }

// For implements Op.
func (o MarkKubeNode) For() NodeName { return o.Node }

// For implements Op.
func (o ReadLease) For() NodeName { return o.Node }

// For implements Op.
func (o CountPods) For() NodeName { return "" }

// Note is one sentence for people, with what it is about. Alarm marks what an operator should look at.
type Note struct {
	Node  NodeName
	Pool  PoolName
	Agent AgentID
	Task  TaskID
	Alarm bool
	Text  string
}
