package scheduler

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Config holds the core's own settings; pools hold everything that an operator decides per pool.
type Config struct {
	// ReconcileEvery is how often Mesos is asked about everything even without any doubt.
	ReconcileEvery time.Duration
	// RefuseIdle is how long offers are refused when no pool wants one; RefuseUnfit when one is wanted but not this.
	RefuseIdle  time.Duration
	RefuseUnfit time.Duration
	// StopGrace is the grace of the kill that ends a drained node: for its kubelet, DaemonSet and static pods.
	StopGrace time.Duration
	// JoinByToken lets executors ask for bootstrap tokens.
	JoinByToken bool
}

// DefaultConfig follows Mesos's recommendations for highly available frameworks.
func DefaultConfig() Config {
	return Config{
		ReconcileEvery: 15 * time.Minute,
		RefuseIdle:     time.Hour,
		RefuseUnfit:    30 * time.Second,
		StopGrace:      30 * time.Second,
	}
}

// The waits of questions and orders that got no answer: the first, doubled each time, up to the last.
const (
	firstRetry = 10 * time.Second
	lastRetry  = 5 * time.Minute
	// reviveEvery is the least time between two revivals; each one makes the master visit all its agents.
	reviveEvery = 5 * time.Second
	// strayPatience is how long a Node object without a record is left alone: a task of it would be known by then.
	strayPatience = time.Minute
	// reconcileBatch bounds the tasks named in one Reconcile.
	reconcileBatch = 1000
)

// Core is the whole state of the scheduler. It is used by one goroutine.
type Core struct {
	config Config
	meta   Meta
	pools  map[PoolName]*pool
	nodes  map[NodeName]*node
	// order holds the nodes by number: every rule visits them oldest first.
	order []*node
	hosts map[Hostname]*node

	connected     bool
	master        string
	suppressed    map[Role]bool
	revived       time.Time
	freed         bool // a host became free, or demand grew, since the last revival
	reconcileNext time.Time
	orphans       map[TaskID]*orphan

	kube       map[Hostname]KubeNode
	kubeSynced bool
	strays     map[Hostname]*retry // Node objects of ours without a record, being deleted
	requests   map[string]*request // for certificates, by the name of the request

	// What this Step has observed and must answer.
	acks   []Acknowledge
	offers []Offer
	plan   *Plan

	// What this Step has changed and must save.
	dirtyMeta  bool
	dirtyPools map[PoolName]bool
	dirtyNodes map[NodeName]bool
}

// pool is a pool and what is known about it beyond its record.
type pool struct {
	Pool
	failures int
	// launchAfter ends the backoff after failures.
	launchAfter time.Time
	// refusals says why each agent's last offer was not used while a node was missing.
	refusals map[AgentID]Refusal
	guarded  bool // the guard of retireForRepair has been noted
}

// node is a record and what can be learnt again.
type node struct {
	Node
	number int64

	// ask is when Mesos is asked about the node next; asked counts questions without an answer.
	ask   time.Time
	asked int
	// leaving says why the agent or the executor ends the node without us; empty: it does not.
	leaving string
	// health is the kubelet's, as its executor sees it.
	health Health
	// drift is how Allocatable last differed from what was granted.
	drift string

	kill    retry
	drain   retry
	drained bool
	// drainOver: the executor need not drain any more when it is told to stop.
	drainOver bool
	progress  DrainProgressed
	overdue   bool // that the deadline passed and the drain goes on has been noted
	forget    retry
	// forgotten: the Kubernetes Node is gone.
	forgotten bool
	// identity is how far it has come in becoming a member of the Kubernetes cluster (identity.go).
	identity identity
}

// orphan is a task of ours without a record.
type orphan struct {
	agent AgentID
	kill  retry
}

// retry spaces the attempts at one thing.
type retry struct {
	attempts int
	next     time.Time
	// waiting: an operation was asked for and its result has not come.
	waiting bool
}

// due reports whether the next attempt's time has come.
func (r *retry) due(now time.Time) bool { return !r.waiting && !now.Before(r.next) }

// tried counts an attempt and sets the time of the next.
func (r *retry) tried(now time.Time) {
	r.next = now.Add(backoff(r.attempts))
	r.attempts++
}

// backoff is the wait after the given number of earlier attempts.
func backoff(attempts int) time.Duration {
	wait := firstRetry
	for range attempts {
		if wait *= 2; wait >= lastRetry {
			return lastRetry
		}
	}
	return wait
}

// New makes a core of what was saved. It refuses a state that cannot be ours: the error says what to do.
func New(config Config, saved State) (*Core, error) {
	c := &Core{
		config:     config,
		meta:       saved.Meta,
		pools:      map[PoolName]*pool{},
		nodes:      map[NodeName]*node{},
		hosts:      map[Hostname]*node{},
		suppressed: map[Role]bool{},
		orphans:    map[TaskID]*orphan{},
		kube:       map[Hostname]KubeNode{},
		strays:     map[Hostname]*retry{},
		requests:   map[string]*request{},
		dirtyPools: map[PoolName]bool{},
		dirtyNodes: map[NodeName]bool{},
	}
	for _, saved := range saved.Pools {
		if err := saved.Validate(); err != nil {
			return nil, fmt.Errorf("saved pool: %w", err)
		}
		c.pools[saved.Name] = newPool(saved)
	}
	if saved.Meta.FrameworkID == "" && len(saved.Nodes) > 0 {
		return nil, fmt.Errorf("%d nodes are recorded but no framework ID: a new one would lose them; "+
			"restore the saved framework ID, or delete the records once nothing of them runs", len(saved.Nodes))
	}
	for _, record := range saved.Nodes {
		if err := c.restore(record); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(c.order, byNumber)
	return c, nil
}

func newPool(record Pool) *pool {
	return &pool{Pool: record, refusals: map[AgentID]Refusal{}}
}

func byNumber(a, b *node) int { return cmp.Compare(a.number, b.number) }

// restore takes a saved record over.
func (c *Core) restore(record Node) error {
	if err := record.Validate(); err != nil {
		return fmt.Errorf("saved node %s: %w", record.Name, err)
	}
	if c.pools[record.Pool] == nil {
		return fmt.Errorf("saved node %s: pool is %q, want a saved pool (%v)", record.Name, record.Pool, c.poolNames())
	}
	number, _ := record.Name.Number()
	if number > c.meta.Counter {
		return fmt.Errorf("saved node %s: its number is above the saved counter %d: meta is older than the node", record.Name, c.meta.Counter)
	}
	if other := c.hosts[record.Host]; other != nil {
		return fmt.Errorf("saved nodes %s and %s are both on host %s, want one", other.Name, record.Name, record.Host)
	}
	n := &node{Node: record, number: number, identity: c.recalled(record)}
	c.nodes[n.Name], c.hosts[n.Host] = n, n
	c.order = append(c.order, n)
	return nil
}

// poolNames lists the pools' names in order.
func (c *Core) poolNames() []PoolName { return slices.Sorted(maps.Keys(c.pools)) }

// Step folds the events, in their order, into what is known, and says what to do. Several events in one Step cost one
// Save; the result is as good as that of several Steps.
func (c *Core) Step(now time.Time, events ...Event) Plan {
	c.plan = &Plan{}
	for _, event := range events {
		c.observe(now, event)
	}
	c.decide(now)
	c.save()
	c.check()
	plan := *c.plan
	plan.Wake = c.wake(now)
	c.plan, c.acks, c.offers = nil, nil, nil
	return plan
}

// save puts the changed records into the plan, each once and in its final form, the counter before the nodes that rely
// on it.
func (c *Core) save() {
	if c.dirtyMeta {
		c.plan.Save = append(c.plan.Save, PutMeta{c.meta})
	}
	for _, name := range slices.Sorted(maps.Keys(c.dirtyPools)) {
		c.plan.Save = append(c.plan.Save, PutPool{c.pools[name].Pool})
	}
	for _, name := range slices.SortedFunc(maps.Keys(c.dirtyNodes), compareNumbers) {
		if n := c.nodes[name]; n != nil {
			c.plan.Save = append(c.plan.Save, PutNode{n.Node})
		} else {
			c.plan.Save = append(c.plan.Save, DeleteNode{name})
		}
	}
	c.dirtyMeta = false
	clear(c.dirtyPools)
	clear(c.dirtyNodes)
}

func compareNumbers(a, b NodeName) int {
	x, _ := a.Number()
	y, _ := b.Number()
	return cmp.Compare(x, y)
}

// move changes a node's phase, by the table.
func (c *Core) move(now time.Time, n *node, to Phase, why string) {
	if !slices.Contains(transitions[n.Phase], to) {
		panic(fmt.Sprintf("node %s cannot go from %s to %s (%s)", n.Name, n.Phase, to, why))
	}
	c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Text: fmt.Sprintf("%s → %s: %s", n.Phase, to, why)})
	n.Phase, n.Since, n.Why = to, now, why
	c.dirtyNodes[n.Name] = true
}

// explain changes the reason shown for a node without moving it.
func (c *Core) explain(n *node, why string) {
	if n.Why == why {
		return
	}
	c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Text: fmt.Sprintf("%s: %s", n.Phase, why)})
	n.Why = why
}

func (c *Core) note(note Note) { c.plan.Notes = append(c.plan.Notes, note) }
func (c *Core) call(call Call) { c.plan.Calls = append(c.plan.Calls, call) }
func (c *Core) operate(op Op)  { c.plan.Ops = append(c.plan.Ops, op) }

// check panics if what this package promises about its own state does not hold.
func (c *Core) check() {
	if len(c.hosts) != len(c.order) || len(c.nodes) != len(c.order) {
		panic(fmt.Sprintf("%d nodes in order, %d by name, %d by host: want the same", len(c.order), len(c.nodes), len(c.hosts)))
	}
	for _, n := range c.order {
		if c.hosts[n.Host] != n {
			panic(fmt.Sprintf("node %s is on host %s, which belongs to %v", n.Name, n.Host, c.hosts[n.Host]))
		}
		if n.number > c.meta.Counter {
			panic(fmt.Sprintf("node %s has a number above the counter %d", n.Name, c.meta.Counter))
		}
	}
}
