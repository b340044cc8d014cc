package scheduler

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
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
	// Principal is ours in Mesos, which reservations carry; empty: there is none.
	Principal string
	// Setup is what the framework's options add to every executor; it is kept in each node's record.
	Setup json.RawMessage
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

// Core is the whole state of the scheduler. It is used by one goroutine.
type Core struct {
	config Config
	meta   Meta
	pools  map[PoolName]*pool
	nodes  map[NodeName]*node
	// order holds the nodes by number: every rule visits them oldest first.
	order  []*node
	hosts  map[Hostname]*node
	agents map[AgentID]*node
	tokens map[string]*node // by the public half of their bootstrap tokens

	connected     bool
	master        string
	announced     announcement
	suppressed    map[Role]bool
	revivals      revivals
	unanswered    []OfferID // whose answer the master did not take; answerAt is when they are declined
	answerAt      time.Time
	quiet         time.Time // until when suppressing is not tried again, after it failed
	freed         bool      // a host became free, or demand grew, since the last revival
	reconcileNext time.Time
	// peek is until when offers are looked at for what only they can tell (demand.go).
	peek        time.Time
	orphans     map[TaskID]*orphan
	maintenance map[AgentID]*window
	teardown    teardown
	// refusals says why each agent's last offers were not used while a node was missing.
	refusals map[offeredTo]refused

	kube       map[Hostname]KubeNode
	kubeSynced bool
	strays     map[Hostname]*retry // Node objects of ours without a record, being deleted
	requests   map[string]*request // for certificates, by the name of the request

	// What this Step has observed and must answer.
	acks    []Acknowledge
	offers  []Offer
	inverse []InverseOffer
	leaving []*node // that Mesos has begun to end
	plan    *Plan

	// What this Step has changed and must save.
	dirtyMeta  bool
	dirtyPools map[PoolName]bool
	dirtyNodes map[int64]NodeName // by their numbers

	// unsettled holds the nodes that rules visit (census.go); counted: the tallies of the pools are up to date.
	unsettled []*node
	unsorted  bool
	counted   bool
}

// pool is a pool and what is known about it beyond its record.
type pool struct {
	PoolRecord
	constraints []constraint // compiled
	sizes       string       // of a node, for people
	// tally counts the pool's nodes, of which settled ones are not visited (census.go).
	tally    tally
	settled  int
	failures int
	// launchAfter ends the backoff after failures.
	launchAfter time.Time
	guarded     bool // the guard of retireForRepair has been noted
	// edits counts changes of the definition in this leadership; a node that has seen the last has nothing to catch up with.
	edits int
	pods  podCount
	// awaited holds the hosts on which a pool of all agents has had a node that was to be replaced, until it is, or until
	// nobody waits for it any more.
	awaited map[Hostname]time.Time
	// returns says how far each of Returns has come.
	returns map[Return]*returning
}

// node is a record and what can be learnt again.
type node struct {
	Node
	pool   *pool
	number int64
	// unsettled: it is in the core's list of those.
	unsettled bool

	// ask is when Mesos is asked about the node next; asked counts questions without an answer.
	ask   time.Time
	asked int
	// agentLost: Mesos's last word of its task was that it cannot say.
	agentLost bool
	// executorOver: the executor has ended, and the updates of its tasks follow; a further task would start another.
	executorOver bool
	// successor is the agent that the host offers under since the node's own was lost; empty: there is none.
	successor AgentID
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
	uncordon  retry
	forget    retry
	// forgotten: the Kubernetes Node is gone.
	forgotten bool
	// identity is how far it has come in becoming a member of the Kubernetes cluster (identity.go).
	identity identity

	mark   retry
	marked int // the pool's edits that the Node object agrees with
	resize resizing
	lease  witness
}

// orphan is a task of ours without a record.
type orphan struct {
	agent AgentID
	kill  retry
}

// New makes a core of what was saved. It refuses a state that cannot be ours: the error says what to do.
func New(config Config, saved State) (*Core, error) {
	c := &Core{
		config:      config,
		meta:        saved.Meta,
		pools:       map[PoolName]*pool{},
		nodes:       map[NodeName]*node{},
		hosts:       map[Hostname]*node{},
		agents:      map[AgentID]*node{},
		tokens:      map[string]*node{},
		suppressed:  map[Role]bool{},
		orphans:     map[TaskID]*orphan{},
		maintenance: map[AgentID]*window{},
		refusals:    map[offeredTo]refused{},
		kube:        map[Hostname]KubeNode{},
		strays:      map[Hostname]*retry{},
		requests:    map[string]*request{},
		dirtyPools:  map[PoolName]bool{},
		dirtyNodes:  map[int64]NodeName{},
	}
	if saved.Meta.Teardown == TornDown && saved.Meta.FrameworkID == "" {
		return nil, fmt.Errorf("the framework was torn down by an operator's command; to begin anew, delete what is saved")
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
	c.announced = c.announcement()
	return c, nil
}

// NewPoolRecord is the record of a pool that is new: its first version.
func NewPoolRecord(p Pool) PoolRecord {
	return PoolRecord{Pool: p.normal(), Rollout: Rollout{Version: 1}}
}

func newPool(record PoolRecord) *pool {
	record.Pool = record.Pool.normal()
	record.Rollout.Version = max(record.Rollout.Version, 1)
	p := &pool{
		PoolRecord: record, constraints: compile(record.Constraints), sizes: record.sizes(), edits: 1,
		awaited: map[Hostname]time.Time{}, returns: map[Return]*returning{},
	}
	for _, r := range record.Returns {
		p.returns[r] = &returning{}
	}
	return p
}

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
	for _, task := range record.Tasks {
		_, last, _ := strings.Cut(string(task.ID), ".")
		if number, err := strconv.Atoi(last); err == nil {
			record.LastTask = max(record.LastTask, number)
		}
	}
	c.add(&node{Node: record, number: number, identity: c.recalled()})
	return nil
}

// add takes a node in, in the order of its number if it is the newest.
func (c *Core) add(n *node) {
	n.pool = c.pools[n.Pool]
	c.nodes[n.Name], c.hosts[n.Host] = n, n
	c.agents[n.Agent] = n
	if c.config.JoinByToken {
		c.tokens[c.tokenID(n.Name)] = n
	}
	c.order = append(c.order, n)
	n.unsettled, c.unsettled, c.unsorted, c.counted = true, append(c.unsettled, n), true, false
}

// poolNames lists the pools' names in order.
func (c *Core) poolNames() []PoolName { return slices.Sorted(maps.Keys(c.pools)) }

// Step folds the events, in their order, into what is known, and says what to do. Several events in one Step cost one
// Save; the result is as good as that of several Steps.
func (c *Core) Step(now time.Time, events ...Event) Plan {
	c.plan = &Plan{}
	c.counted = false
	for _, event := range events {
		c.observe(now, event)
	}
	c.decide(now)
	c.check()
	c.save()
	c.settle()
	plan := *c.plan
	plan.Wake = c.wake(now)
	c.plan, c.acks, c.offers, c.inverse = nil, nil, nil, nil
	return plan
}

// save puts the changed records into the plan, each once and in its final form, the counter before the nodes that rely
// on it.
func (c *Core) save() {
	if c.dirtyMeta {
		c.plan.Save = append(c.plan.Save, PutMeta{c.meta})
	}
	for _, name := range slices.Sorted(maps.Keys(c.dirtyPools)) {
		if p := c.pools[name]; p != nil {
			c.plan.Save = append(c.plan.Save, PutPool{p.PoolRecord})
		} else {
			c.plan.Save = append(c.plan.Save, DeletePool{name})
		}
	}
	for _, number := range slices.Sorted(maps.Keys(c.dirtyNodes)) {
		name := c.dirtyNodes[number]
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

// move changes a node's phase, by the table.
func (c *Core) move(now time.Time, n *node, to Phase, why string) {
	if !slices.Contains(transitions[n.Phase], to) {
		panic(fmt.Sprintf("node %s cannot go from %s to %s (%s)", n.Name, n.Phase, to, why))
	}
	c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Text: fmt.Sprintf("%s → %s: %s", n.Phase, to, why)})
	n.Phase, n.Since, n.Why = to, now, why
	c.changed(n)
}

// changed marks a node's record to be saved.
func (c *Core) changed(n *node) {
	c.dirtyNodes[n.number] = n.Name
	c.touch(n)
}

// explain changes the reason shown for a node without moving it.
func (c *Core) explain(n *node, why string) {
	if n.Why == why {
		return
	}
	c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Text: fmt.Sprintf("%s: %s", n.Phase, why)})
	n.Why = why
}

// bury deletes a record; the number is never used again.
func (c *Core) bury(now time.Time, n *node) {
	delete(c.nodes, n.Name)
	delete(c.hosts, n.Host)
	if c.agents[n.Agent] == n {
		delete(c.agents, n.Agent)
	}
	if c.config.JoinByToken {
		delete(c.tokens, c.tokenID(n.Name))
	}
	at, _ := slices.BinarySearchFunc(c.order, n, byNumber)
	c.order = slices.Delete(c.order, at, at+1)
	c.changed(n)
	c.unsettled = slices.DeleteFunc(c.unsettled, func(other *node) bool { return other == n })
	c.freed = true
	if w := c.maintenance[n.Agent]; w != nil {
		w.owed = n.Executor.Role
	}
	if n.pool.Nodes == All && n.Cause != CauseSurplus && n.Cause != CauseTeardown {
		n.pool.awaited[n.Host] = now.Add(time.Duration(n.pool.ReadyTimeout))
	}
	if n.Reserved {
		c.awaitReturn(n.pool, Return{n.Host, n.Executor.Role})
	}
	c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Text: fmt.Sprintf("forgotten; host %s is free", n.Host)})
}

func (c *Core) note(note Note) { c.plan.Notes = append(c.plan.Notes, note) }
func (c *Core) call(call Call) { c.plan.Calls = append(c.plan.Calls, call) }
func (c *Core) operate(op Op)  { c.plan.Ops = append(c.plan.Ops, op) }

// check panics if what this package promises about its own state does not hold: in whole numbers, and for each node that
// this Step has touched.
func (c *Core) check() {
	if len(c.hosts) != len(c.order) || len(c.nodes) != len(c.order) {
		panic(fmt.Sprintf("%d nodes in order, %d by name, %d by host: want the same", len(c.order), len(c.nodes), len(c.hosts)))
	}
	for _, name := range c.dirtyNodes {
		n := c.nodes[name]
		switch {
		case n == nil: // buried
		case c.hosts[n.Host] != n:
			panic(fmt.Sprintf("node %s is on host %s, which belongs to %v", n.Name, n.Host, c.hosts[n.Host]))
		case n.number > c.meta.Counter:
			panic(fmt.Sprintf("node %s has a number above the counter %d", n.Name, c.meta.Counter))
		case len(n.Tasks) == 0 && n.live():
			panic(fmt.Sprintf("node %s is %s and has no task", n.Name, n.Phase))
		}
	}
}
