package framework

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"slices"
	"time"

	"k8s-framework/scheduler"
)

// The times of an election, as those of package zk at its defaults.
const (
	simSession = 10 * time.Second
	simLease   = simSession * 2 / 3
)

// simLeader is one process from its election to its end: the real loop on the real core. It is a coroutine, so that it can
// be stopped between any two effects of a plan, for a moment, for longer than its lease, or for ever.
type simLeader struct {
	w     *simWorld
	epoch int
	loop  *loop
	asked []request // operators' requests that wait

	resume func() (struct{}, bool)
	finish func()
	yield  func(struct{}) bool
	// idle: the process waits for something to do. runs: it is the one that runs now. ticks: the loop's timer has fired.
	idle, runs, ticks bool
	timer             int // names the timer that runs
	dead              bool

	// freeze is for how long the process is to be stopped before its next effect.
	freeze time.Duration
	// cutOff is since when ZooKeeper does not hear from it; zero: it does.
	cutOff  time.Time
	refused bool // a Save failed

	framework scheduler.FrameworkID
	roles     map[scheduler.Role]bool
	stream    *simStream // the subscription; nil: there is none

	known  map[scheduler.Hostname]scheduler.KubeNode // what its watch has told
	synced bool
	// requests are those for certificates that its watch has told, and not as settled.
	requests map[string]bool
	drains   map[scheduler.NodeName]*simDrain
	offers   map[scheduler.OfferID]bool // delivered, not answered yet
}

// elect lets a standby lead: it loads what is saved, subscribes, and watches Kubernetes.
func (w *simWorld) elect() {
	epoch, state := w.store.load()
	config := scheduler.DefaultConfig()
	config.Principal, config.Setup = simPrincipal, simSetup
	config.JoinByToken = w.joins
	core, err := scheduler.New(config, state)
	if err != nil && state.Meta.Teardown == scheduler.TornDown {
		w.logf("--- no leader any more: %v", err)
		return
	}
	if err != nil {
		w.violated("the saved state is refused: %v", err)
	}
	l := &simLeader{
		w: w, epoch: epoch, framework: state.Meta.FrameworkID, roles: map[scheduler.Role]bool{},
		known: map[scheduler.Hostname]scheduler.KubeNode{}, requests: map[string]bool{}, drains: map[scheduler.NodeName]*simDrain{}, offers: map[scheduler.OfferID]bool{},
	}
	for _, role := range roles(state.Pools) {
		l.roles[scheduler.Role(role)] = true
	}
	l.loop = newLoop(&instance{Options: Options{Log: w.journal()}, metrics: simMetrics})
	l.loop.core = core
	l.loop.now = func() time.Time { return w.now }
	l.loop.store, l.loop.caller, l.loop.operator, l.loop.lease = l, l, l, l
	l.resume, l.finish = iter.Pull(l.live)
	w.logf("--- leader %d is elected", epoch)
	w.leaders = append(w.leaders, l)
	l.ticks = true
	l.wake()
	w.later(0, 2*time.Second, func() { w.master.subscribe(l) })
	w.later(0, 2*time.Second, l.look)
}

// live is the process: it waits, takes what has come, and turns the loop, until its end.
func (l *simLeader) live(yield func(struct{}) bool) {
	l.yield = yield
	defer func() {
		if reason := recover(); reason != nil {
			if _, ours := reason.(violation); !ours {
				reason = fmt.Sprintf("%v\n%s", reason, debug.Stack()) // the stack ends with the coroutine
			}
			panic(reason)
		}
	}()
	for !l.dead {
		batch := l.batch()
		if batch == nil {
			l.idle = true
			if !yield(struct{}{}) {
				return
			}
			l.idle = false
			continue
		}
		if l.lost() && l.w.number(2) == 0 { // select takes either, when several are ready
			l.end(errors.New("leadership is lost"))
			return
		}
		l.w.watch.turning(l, batch)
		next, err := l.loop.turn(context.Background(), batch)
		if err != nil {
			l.end(err)
			return
		}
		if !l.dead {
			l.w.watch.turned(l, next)
			l.setTimer(next)
		}
	}
}

// batch is what run would take next; nil: nothing is there.
func (l *simLeader) batch() []scheduler.Event {
	switch {
	case len(l.asked) > 0:
		r := l.asked[0]
		l.asked = l.asked[1:]
		return []scheduler.Event{l.loop.number(r)}
	case len(l.loop.events) > 0:
		return l.loop.waitingEvents(<-l.loop.events)
	case l.ticks:
		l.ticks = false
		return []scheduler.Event{scheduler.Ticked{}}
	default:
		return nil
	}
}

// setTimer arranges the next turn.
func (l *simLeader) setTimer(next time.Time) {
	l.timer++
	this := l.timer
	if next.IsZero() {
		return
	}
	l.w.at(slices.MaxFunc([]time.Time{next, l.w.now}, time.Time.Compare), func() {
		if this == l.timer && !l.dead {
			l.ticks = true
			l.run()
		}
	})
}

// tell delivers an event; events that come close together share a turn.
func (l *simLeader) tell(event scheduler.Event) {
	if l.dead {
		return
	}
	l.w.logf("event %T %+v", event, event)
	l.loop.events <- arrival{event, l.w.now} // there is room for thousands
	l.wake()
}

// wake lets an idle process go on in a moment.
func (l *simLeader) wake() { l.w.later(0, 5*time.Millisecond, l.run) }

// run lets the process go on if it waits for something to do; in the middle of a plan it will look by itself.
func (l *simLeader) run() {
	if l.idle || l.yield == nil {
		l.step()
	}
}

func (l *simLeader) step() {
	if l.dead {
		return
	}
	l.runs = true
	l.resume()
	l.runs = false
}
