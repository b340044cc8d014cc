package scheduler

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// world simulates Mesos, Kubernetes and a memory around a core, in virtual time. What it does follows the recordings of a
// real Mesos; its faults come from one seed.
type world struct {
	rand *rand.Rand
	now  time.Time
	// queue holds what will happen, in order of time.
	queue []happening
	seq   int
	log   strings.Builder

	// faults: while true, calls and events may get lost, doubled or late, and processes die.
	faults bool

	saved saved
	core  *Core // nil while no leader lives
	wake  time.Time
	epoch int

	subscribed bool
	agents     []*simAgent
	offers     map[OfferID]*simOffer
	lastOffer  int
	suppressed bool
	tasks      map[TaskID]*simTask
	updates    map[UpdateID]TaskUpdated
	lastUpdate int

	objects map[Hostname]*simKubeNode
	apiDown bool
	drains  map[NodeName]int // the epoch that asked

	secrets  map[NodeName]Secret // bootstrap tokens
	requests map[string]*simRequest
}

type happening struct {
	at  time.Time
	seq int
	do  func()
}

// simAgent is one host with its agent.
type simAgent struct {
	id        AgentID
	host      Hostname
	reachable bool
	capacity  Resources
	refused   time.Time // when the filter of a decline ends
}

type simOffer struct {
	agent     *simAgent
	resources []Resource
}

// simTask is one executor with its kubelet.
type simTask struct {
	id       TaskID
	node     NodeName
	agent    *simAgent
	state    TaskState
	uses     Resources
	alive    bool // its processes run
	told     bool // that the node is drained
	joined   bool // its kubelet has a certificate
	stopping bool
}

// simKubeNode is a Node object and the pods bound to it.
type simKubeNode struct {
	KubeNode
	pods int
	// cordoned: no new pods.
	cordoned bool
}

func newWorld(seed uint64, hosts int) *world {
	w := &world{
		rand: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), faults: true,
		saved:  saved{pools: map[PoolName]PoolRecord{}, nodes: map[NodeName]Node{}},
		offers: map[OfferID]*simOffer{}, tasks: map[TaskID]*simTask{}, updates: map[UpdateID]TaskUpdated{},
		objects: map[Hostname]*simKubeNode{}, drains: map[NodeName]int{}, secrets: map[NodeName]Secret{}, requests: map[string]*simRequest{},
	}
	for i := range hosts {
		capacity := Resources{CPUs: 4000, Mem: 8_192_000}
		if i%3 == 2 {
			capacity.CPUs = 1000 // too small, by the executor's share
		}
		w.agents = append(w.agents, &simAgent{
			id: AgentID(fmt.Sprintf("a%d", i+1)), host: Hostname(fmt.Sprintf("h%d", i+1)), reachable: true,
			capacity: capacity,
		})
	}
	return w
}

func (w *world) logf(format string, args ...any) {
	fmt.Fprintf(&w.log, "%8s  ", w.now.Sub(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)).Truncate(time.Millisecond))
	fmt.Fprintf(&w.log, format+"\n", args...)
}

// violated reports a broken promise with everything that led to it.
func (w *world) violated(format string, args ...any) {
	panic(violation(fmt.Sprintf(format, args...)))
}

type violation string

func (w *world) chance(percent int) bool { return w.faults && w.rand.IntN(100) < percent }

// later lets something happen after a while.
func (w *world) later(least, most time.Duration, do func()) {
	w.seq++
	wait := least + time.Duration(w.rand.Int64N(int64(most-least)+1))
	w.queue = append(w.queue, happening{w.now.Add(wait), w.seq, do})
}

// run lets time pass until the end.
func (w *world) run(end time.Time) {
	for {
		slices.SortFunc(w.queue, func(a, b happening) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.seq, b.seq)) })
		next := end
		if len(w.queue) > 0 && w.queue[0].at.Before(next) {
			next = w.queue[0].at
		}
		if w.core != nil && !w.wake.IsZero() && w.wake.Before(next) {
			w.now = w.wake
			w.tell(Ticked{})
			continue
		}
		w.now = next
		if len(w.queue) == 0 || w.queue[0].at.After(next) || !next.Before(end) {
			return
		}
		do := w.queue[0].do
		w.queue = w.queue[1:]
		do()
	}
}

// elect starts a new leader from what is saved.
func (w *world) elect() {
	config := DefaultConfig()
	config.JoinByToken = true
	core, err := New(config, w.saved.state())
	if err != nil {
		w.violated("the saved state is refused: %v", err)
	}
	w.epoch++
	w.core, w.wake, w.subscribed = core, w.now, false
	w.logf("--- leader %d is elected", w.epoch)
	epoch := w.epoch
	w.later(0, 2*time.Second, func() { w.subscribe(epoch) })
	w.later(0, 2*time.Second, func() { w.relist(epoch) })
}

// crash ends the leader; a standby is elected later.
func (w *world) crash(why string) {
	if w.core == nil {
		return
	}
	w.logf("!!! leader %d dies: %s", w.epoch, why)
	w.core, w.subscribed = nil, false
	clear(w.offers)
	w.later(time.Second, 20*time.Second, w.elect)
}

// tell lets the core take a step and performs its plan; with faults, the leader may die between any two parts of it.
func (w *world) tell(event Event) {
	if w.core == nil {
		return
	}
	if _, tick := event.(Ticked); !tick {
		w.logf("event %T %+v", event, event)
	}
	plan := w.core.Step(w.now, event)
	w.wake = plan.Wake
	if !plan.Wake.IsZero() && !plan.Wake.After(w.now) {
		w.violated("the core asks to be woken at %s, now is %s", plan.Wake, w.now)
	}
	for _, note := range plan.Notes {
		w.logf("  note %s", note)
	}
	if plan.Fatal != "" {
		w.violated("fatal: %s", plan.Fatal)
	}
	crashAt := -1
	if w.chance(1) {
		crashAt = w.rand.IntN(2 + len(plan.Calls) + len(plan.Ops))
	}
	step := 0
	dies := func() bool {
		step++
		if step-1 == crashAt {
			w.crash("between two parts of a plan")
			return true
		}
		return false
	}
	if dies() {
		return
	}
	for _, change := range plan.Save { // one multi: all or none
		w.logf("  save %s", change)
		w.saved.apply(change)
	}
	if dies() {
		return
	}
	for _, call := range plan.Calls {
		w.logf("  call %s", call)
		w.perform(call)
		if dies() {
			return
		}
	}
	for _, op := range plan.Ops {
		w.logf("  op   %s", op)
		w.operate(op)
		if dies() {
			return
		}
	}
}

// check asserts what must hold at any time.
func (w *world) check() {
	live := map[Hostname]TaskID{}
	for _, id := range slices.Sorted(maps.Keys(w.tasks)) {
		t := w.tasks[id]
		if !t.alive {
			continue
		}
		if other, taken := live[t.agent.host]; taken {
			w.violated("two kubelets on host %s: %s and %s", t.agent.host, other, id)
		}
		live[t.agent.host] = id
		if _, recorded := w.saved.nodes[t.node]; !recorded {
			w.violated("task %s runs without a record", id)
		}
	}
}

// settled asserts what must hold when the faults have stopped long ago.
func (w *world) settled() {
	running := map[PoolName]int{}
	for _, t := range w.tasks {
		if t.alive {
			running[w.saved.nodes[t.node].Pool]++
		}
	}
	for name, p := range w.saved.pools {
		if running[name] != int(p.Nodes) {
			w.violated("pool %s has %d nodes running, wants %d", name, running[name], p.Nodes)
		}
	}
	for name, n := range w.saved.nodes {
		if n.Phase != Ready {
			w.violated("node %s is %s: %s", name, n.Phase, n.Why)
		}
		if t := w.tasks[n.Tasks[0].ID]; t == nil || !t.alive {
			w.violated("node %s has a record but no task", name)
		}
	}
	for host, object := range w.objects {
		name := w.core.ownNode(object.ProviderID)
		if _, recorded := w.saved.nodes[name]; !recorded {
			w.violated("Kubernetes Node %s (%s) has no record", host, object.ProviderID)
		}
	}
	w.admitted()
	if len(w.updates) > 0 {
		w.violated("%d updates were never acknowledged", len(w.updates))
	}
}
