package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestProperties plays against the core whatever Mesos, Kubernetes and operators could say, in any order, likely or not, and
// with a new leader in between, and holds every plan against what is promised. It knows the core by Step, View and the saved
// state alone. What a world makes of the plans is the matter of TestSimulation in package framework.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newProperties(t)
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			p.turn()
		}
	})
}

// properties is a core between a drawn world and a judge.
type properties struct {
	t     *rapid.T
	now   time.Time
	saved saved
	core  *Core
	last  int // numbers offers and updates
	// tasks holds every task that was launched, with its agent; used every task ID ever seen in a launch.
	tasks []TaskAt
	used  map[TaskID]bool
	ops   []Op
	// open are the offers of this Step.
	open map[OfferID]Offer
}

func newProperties(t *rapid.T) *properties {
	p := &properties{t: t, now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), used: map[TaskID]bool{}}
	p.saved = saved{pools: map[PoolName]PoolRecord{}, nodes: map[NodeName]Node{}}
	for i, name := range []PoolName{"alpha", "beta"} {
		pool := DefaultPool()
		pool.Name, pool.Nodes = name, Count(rapid.IntRange(0, 3).Draw(t, "nodes"))
		pool.Resources = Resources{CPUs: 1000, Mem: 1_024_000}
		pool.MaxUnavailable, pool.MaxSurge = rapid.IntRange(1, 2).Draw(t, "maxUnavailable"), rapid.IntRange(0, 1).Draw(t, "maxSurge")
		if i == 1 {
			pool.Role, pool.Reserve = "beta", rapid.Bool().Draw(t, "reserve")
		}
		p.saved.pools[name] = NewPoolRecord(pool)
	}
	p.elect()
	return p
}

// elect makes a core of what is saved, which is never refused.
func (p *properties) elect() {
	core, err := New(DefaultConfig(), p.saved.state())
	if err != nil {
		p.t.Fatalf("the saved state is refused: %v", err)
	}
	p.core, p.ops = core, nil
	p.step(Subscribed{Framework: "fw-1", Master: "m1:5050"}, KubeSynced{})
}

// turn lets something happen.
func (p *properties) turn() {
	p.now = p.now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 10, 60, 700, 4000}).Draw(p.t, "seconds")) * time.Second)
	switch rapid.SampledFrom([]string{"offers", "offers", "update", "update", "node", "node", "op", "op", "ready", "ready", "ready", "tick", "command", "command", "leader", "inverse"}).Draw(p.t, "turn") {
	case "offers":
		p.step(p.offers())
	case "update":
		p.step(p.update())
	case "node":
		p.step(p.node())
	case "op":
		p.step(p.result())
	case "ready":
		p.ready()
	case "tick":
		p.step(Ticked{})
	case "command":
		p.step(Asked{Request: 1, DryRun: rapid.Bool().Draw(p.t, "dry"), Command: p.command()})
	case "leader":
		p.elect()
	case "inverse":
		p.last++
		offer := InverseOffer{ID: OfferID(fmt.Sprintf("i%d", p.last)), Agent: p.agent(), UnavailableFrom: p.now.Add(time.Hour).UnixNano()}
		p.step(InverseOffered{Offers: []InverseOffer{offer}})
	}
}

func (p *properties) agent() AgentID {
	return AgentID(fmt.Sprintf("a%d", rapid.IntRange(1, 4).Draw(p.t, "agent")))
}

func hostOf(agent AgentID) Hostname { return Hostname("h" + agent[1:]) }

// offers are up to four, of few agents, to two roles, of any size.
func (p *properties) offers() Event {
	var event Offered
	for range rapid.IntRange(1, 4).Draw(p.t, "offers") {
		p.last++
		agent, role := p.agent(), rapid.SampledFrom([]Role{"*", "beta"}).Draw(p.t, "role")
		amount := Amount(rapid.SampledFrom([]int{500, 1000, 1100, 1200, 3000}).Draw(p.t, "size"))
		event.Offers = append(event.Offers, Offer{
			ID: OfferID(fmt.Sprintf("o%d", p.last)), Agent: agent, Host: hostOf(agent), Role: role,
			Resources: []Resource{{Name: "cpus", Amount: amount, Role: role}, {Name: "mem", Amount: amount * 1024, Role: role}},
		})
	}
	return event
}

// update says anything of any task that was launched, or of one that never was.
func (p *properties) update() Event {
	at := TaskAt{"alpha-1.1", "a1"}
	if len(p.tasks) > 0 {
		at = rapid.SampledFrom(p.tasks).Draw(p.t, "task")
	}
	update := TaskUpdated{Task: at.Task, Agent: at.Agent, State: rapid.SampledFrom(TaskStates()).Draw(p.t, "state")}
	if rapid.Bool().Draw(p.t, "uuid") {
		p.last++
		update.Update = UpdateID(fmt.Sprint(p.last))
	}
	return update
}

// ready is what follows a launch when all goes well: every task runs, and the Node object is Ready.
func (p *properties) ready() {
	names := slices.Sorted(maps.Keys(p.saved.nodes))
	if len(names) == 0 {
		return
	}
	n := p.saved.nodes[rapid.SampledFrom(names).Draw(p.t, "node")]
	for _, task := range n.Tasks {
		p.step(TaskUpdated{Task: task.ID, Agent: n.Agent, State: TaskRunning})
	}
	p.step(KubeNodeSeen{Node: KubeNode{Host: n.Host, UID: UID(n.Name), ProviderID: n.Name.ProviderID("fw-1"), Ready: true}})
}

// node says anything of a Node object.
func (p *properties) node() Event {
	host := hostOf(p.agent())
	provider := "foreign"
	for _, name := range slices.Sorted(maps.Keys(p.saved.nodes)) {
		if n := p.saved.nodes[name]; n.Host == host && rapid.Bool().Draw(p.t, "ours") {
			provider = name.ProviderID("fw-1")
		}
	}
	if provider == "foreign" {
		return KubeNodeDeleted{Host: host}
	}
	return KubeNodeSeen{Node: KubeNode{Host: host, UID: UID(provider), ProviderID: provider, Ready: rapid.Bool().Draw(p.t, "ready")}}
}

// result is what comes of an operation that was asked for.
func (p *properties) result() Event {
	if len(p.ops) == 0 {
		return Ticked{}
	}
	op := rapid.SampledFrom(p.ops).Draw(p.t, "op")
	if rapid.IntRange(0, 4).Draw(p.t, "fails") == 0 {
		return OpFailed{Op: op, Why: "the API server does not answer"}
	}
	switch o := op.(type) {
	case Drain:
		return NodeDrained{Node: o.Node}
	case ForgetKubeNode:
		return KubeNodeForgotten{Node: o.Node}
	case Uncordon:
		return Uncordoned{Node: o.Node}
	case MarkKubeNode:
		return KubeNodeMarked{Node: o.Node, Marks: o.Marks}
	case ReadLease:
		return LeaseSeen{Node: o.Node, Renewed: p.now}
	default:
		return Ticked{}
	}
}

// command is anything that an operator may ask for.
func (p *properties) command() Command {
	pool := p.saved.pools[rapid.SampledFrom([]PoolName{"alpha", "beta"}).Draw(p.t, "pool")].Pool
	switch rapid.IntRange(0, 5).Draw(p.t, "command") {
	case 0, 1:
		return Scale{Pool: pool.Name, Nodes: Count(rapid.IntRange(0, 4).Draw(p.t, "nodes"))}
	case 2:
		pool.Resources.CPUs = Amount(rapid.IntRange(1, 4).Draw(p.t, "cpus")) * 500
		return Apply{Pools: []Pool{pool}}
	case 3:
		pool.Overhead.CPUs = Amount(rapid.IntRange(1, 3).Draw(p.t, "overhead")) * 100
		return Apply{Pools: []Pool{pool}}
	case 4:
		return RestartPool{Pool: pool.Name}
	default:
		return RollBack{Pool: pool.Name}
	}
}
