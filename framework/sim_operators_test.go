package framework

import (
	"encoding/json"
	"fmt"
	"slices"

	"k8s-framework/scheduler"
)

// simOperators change their minds at random, and remember what they asked of whom.
type simOperators struct {
	w       *simWorld
	pending []*simRequest
	// removed are definitions of pools that were deleted, to be made again.
	removed []scheduler.Pool
}

// simRequest is a command that waits for its reply.
type simRequest struct {
	leader  *simLeader
	command scheduler.Command
	dry     bool
	reply   chan scheduler.Reply
}

func newSimOperators(w *simWorld) *simOperators {
	for _, p := range simPools() {
		w.store.pools[p.Name] = scheduler.NewPoolRecord(p)
	}
	return &simOperators{w: w}
}

// simPools are what the operators begin with: a pool of a number of nodes, one on all hosts of a kind, and one that reserves
// its resources.
func simPools() []scheduler.Pool {
	pools := make([]scheduler.Pool, 3)
	for i, name := range []scheduler.PoolName{"batch", "edge", "workers"} {
		p := scheduler.DefaultPool()
		p.Name, p.Resources = name, scheduler.Resources{CPUs: 1000, Mem: 1_024_000}
		p.Constraints = []scheduler.Constraint{{Field: "kind", Operator: scheduler.Unlike, Value: "edge"}}
		pools[i] = p
	}
	batch, edge, workers := &pools[0], &pools[1], &pools[2]
	batch.Nodes, batch.Role, batch.Reserve, batch.Ports = 2, "batch", true, scheduler.Ranges{{Begin: 31000, End: 31001}}
	edge.Nodes, edge.Constraints = scheduler.All, []scheduler.Constraint{{Field: "kind", Operator: scheduler.Is, Value: "edge"}}
	edge.Drain.Then = scheduler.Wait
	workers.KillSelection = scheduler.FewestPods
	workers.Nodes, workers.Labels = 3, map[string]string{"tier": "1"}
	return pools
}

// act lets the operators ask the leader for something.
func (o *simOperators) act() {
	w := o.w
	l := w.leader()
	if l.dead || len(w.store.pools) == 0 {
		return
	}
	if command := o.think(); command != nil {
		o.ask(l, command, w.number(10) == 0)
	}
}

// ask sends a command to a process that leads, or believes so.
func (o *simOperators) ask(l *simLeader, command scheduler.Command, dry bool) {
	o.w.logf("operator asks leader %d (dry run: %v): %T %+v", l.epoch, dry, command, command)
	r := &simRequest{leader: l, command: command, dry: dry, reply: make(chan scheduler.Reply, 1)}
	o.pending = append(o.pending, r)
	l.asked = append(l.asked, request{
		event: func(number int64) scheduler.Event {
			return scheduler.Asked{Request: number, DryRun: dry, Command: command}
		},
		reply: r.reply,
	})
	l.wake()
}

// think is a command that comes to an operator's mind; nil: none.
func (o *simOperators) think() scheduler.Command {
	w := o.w
	names := simSorted(w.store.pools)
	p := w.store.pools[names[w.number(len(names))]]
	nodes := w.store.of(p.Name)
	switch choice := w.number(20); {
	case choice < 6:
		return scheduler.Scale{Pool: p.Name, Nodes: o.size(p.Pool)}
	case choice < 11:
		return scheduler.Apply{Pools: []scheduler.Pool{o.edit(p.Pool)}}
	case choice == 11:
		return scheduler.Pause{Pool: p.Name}
	case choice == 12:
		return scheduler.Resume{Pool: p.Name}
	case choice == 13:
		return scheduler.RollBack{Pool: p.Name}
	case choice == 14:
		return scheduler.RestartPool{Pool: p.Name}
	case choice == 15 && len(nodes) > 0:
		return scheduler.RestartNode{Node: nodes[w.number(len(nodes))].Name}
	case choice < 18 && len(nodes) > 0:
		return scheduler.CallOff{Node: o.draining(nodes).Name}
	case choice == 18 && !p.Deleted:
		o.removed = append(o.removed, p.Pool)
		return scheduler.RemovePool{Pool: p.Name}
	case choice == 19 && len(o.removed) > 0:
		return o.again()
	default:
		return nil
	}
}

// draining is a node of all pools that is being drained, or else one of the given.
func (o *simOperators) draining(nodes []scheduler.Node) scheduler.Node {
	for _, n := range o.w.store.sorted() {
		if n.Phase == scheduler.Draining {
			return n
		}
	}
	return nodes[o.w.number(len(nodes))]
}

// again makes a pool that was deleted.
func (o *simOperators) again() scheduler.Command {
	p := o.removed[0]
	o.removed = o.removed[1:]
	return scheduler.Apply{Pools: []scheduler.Pool{p}}
}

// size is a number of nodes that the hosts have room for.
func (o *simOperators) size(p scheduler.Pool) scheduler.Count {
	switch p.Name {
	case "workers":
		return scheduler.Count(o.w.number(5))
	case "batch":
		return scheduler.Count(o.w.number(3))
	default:
		return p.Nodes
	}
}

// edit changes something of a pool's definition.
func (o *simOperators) edit(p scheduler.Pool) scheduler.Pool {
	n := o.w.number
	switch n(11) {
	case 0:
		p.Labels = map[string]string{"tier": fmt.Sprint(n(4))}
	case 1:
		p.Annotations = map[string]string{"owner": fmt.Sprint(n(4))}
	case 2, 8:
		p.Resources = scheduler.Resources{CPUs: scheduler.Amount(1000 + 500*n(3)), Mem: scheduler.Amount(1_024_000 * (1 + n(2)))}
	case 3:
		p.Overhead.CPUs = scheduler.Amount(100 + 50*n(3))
	case 4:
		p.Kubelet = json.RawMessage(fmt.Sprintf(`{"maxPods":%d}`, 50+10*n(4)))
	case 5:
		p.MaxUnavailable, p.MaxSurge = 1+n(2), n(2)
	case 6:
		kind := p.Constraints[0]
		p.Constraints = slices.Delete([]scheduler.Constraint{kind, {Field: "rack", Operator: scheduler.MaxPer, Value: "2"}}, 1, 1+n(2))
	case 7:
		p.KillSelection = []scheduler.KillSelection{scheduler.Youngest, scheduler.Oldest, scheduler.FewestPods}[n(3)]
	case 9:
		p.Kubelet = simBadKubelet
	case 10:
		p.Taints = slices.Delete([]string{"dedicated=" + string(p.Name) + ":PreferNoSchedule"}, 0, n(2))
	}
	return p
}

// simBadKubelet is a configuration with which no kubelet starts.
var simBadKubelet = json.RawMessage(`{"maxPods":13}`)

// goOn lets every pool go on when the faults have stopped, with a configuration that works.
func (o *simOperators) goOn() {
	l := o.w.leader()
	if l.dead {
		return
	}
	for len(o.removed) > 0 {
		o.ask(l, o.again(), false)
	}
	for _, name := range simSorted(o.w.store.pools) {
		if p := o.w.store.pools[name].Pool; string(p.Kubelet) == string(simBadKubelet) {
			p.Kubelet = nil
			o.ask(l, scheduler.Apply{Pools: []scheduler.Pool{p}}, false)
		}
		o.ask(l, scheduler.Resume{Pool: name}, false)
	}
}

// replied judges the replies that have come.
func (o *simOperators) replied(l *simLeader) {
	o.pending = slices.DeleteFunc(o.pending, func(r *simRequest) bool {
		if r.leader != l {
			return false
		}
		select {
		case reply := <-r.reply:
			o.w.logf("reply: %s %v", reply, reply.Lines)
			if reply.Problem == "" && !r.dry {
				o.w.watch.accepted(r.command)
			}
			return true
		default:
			return l.dead // nobody will ever know
		}
	})
}
