package framework

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"k8s-framework/scheduler"
)

// simWorld is everything outside of the loop, in virtual time: a store, a Mesos master with its hosts, a Kubernetes API
// server, operators, and the processes of the framework themselves, of which one leads. All that happens by chance comes
// from one seed, so that the same seed gives the same transcript. It has one goroutine: what happens at the same time
// happens one after the other, in the order in which it was arranged.
type simWorld struct {
	rand  *rand.Rand
	now   time.Time
	queue simQueue
	seq   int
	// transcript is nil unless somebody will read it.
	transcript *strings.Builder
	// faulty: calls, events and processes may get lost. faults counts what went wrong so far.
	faulty bool
	faults int
	// joins: nodes join by token.
	joins bool

	store     *simStore
	master    *simMaster
	hosts     []*simHost
	api       *simAPI
	operators *simOperators
	leaders   []*simLeader // processes that lead or believe to lead
	last      int          // numbers agents, updates and objects
	watch     *simObserver
}

// simStart is when every simulation begins.
var simStart = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// violation is a broken promise; it ends a simulation.
type violation string

func newSimWorld(seed uint64, read bool) *simWorld {
	w := &simWorld{rand: rand.New(rand.NewPCG(seed, 1)), now: simStart, faulty: true, joins: seed%3 == 0}
	if read {
		w.transcript = &strings.Builder{}
	}
	w.watch = newSimObserver(w)
	w.store = newSimStore(w)
	w.master = newSimMaster(w)
	w.api = newSimAPI(w)
	w.hosts = newSimHosts(w)
	w.operators = newSimOperators(w)
	return w
}

// logf writes a line of the transcript.
func (w *simWorld) logf(format string, args ...any) {
	if w.transcript != nil {
		fmt.Fprintf(w.transcript, "%12s  ", w.now.Sub(simStart).Truncate(time.Millisecond))
		fmt.Fprintf(w.transcript, format+"\n", args...)
	}
}

// violated reports a broken promise.
func (w *simWorld) violated(format string, args ...any) {
	panic(violation(fmt.Sprintf(format, args...)))
}

// perMille is true in so many of a thousand cases, and never when the faults have stopped.
func (w *simWorld) perMille(chance int) bool { return w.faulty && w.rand.IntN(1000) < chance }

// number is 0 to n-1; n must not be 0.
func (w *simWorld) number(n int) int { return w.rand.IntN(n) }

// between is a time from least to most.
func (w *simWorld) between(least, most time.Duration) time.Duration {
	return least + time.Duration(w.rand.Int64N(int64(most-least)+1))
}

// fresh is a name that was never used before in this world.
func (w *simWorld) fresh(prefix string) string {
	w.last++
	return fmt.Sprintf("%s%d", prefix, w.last)
}

// later lets something happen after a while.
func (w *simWorld) later(least, most time.Duration, do func()) {
	w.at(w.now.Add(w.between(least, most)), do)
}

// at lets something happen at a time.
func (w *simWorld) at(when time.Time, do func()) {
	w.seq++
	heap.Push(&w.queue, happening{when, w.seq, do})
}

// run lets time pass until the end.
func (w *simWorld) run(end time.Time) {
	for len(w.queue) > 0 && w.queue[0].at.Before(end) {
		next := heap.Pop(&w.queue).(happening)
		w.now = next.at
		next.do()
		w.watch.world()
	}
	w.now = end
}

// leader is the process that was elected last; it may have ended.
func (w *simWorld) leader() *simLeader { return w.leaders[len(w.leaders)-1] }

// record is the durable record of a node; nil: there is none.
func (w *simWorld) record(name scheduler.NodeName) *scheduler.Node {
	if n, recorded := w.store.nodes[name]; recorded {
		return &n
	}
	return nil
}

// happening is something that will happen.
type happening struct {
	at  time.Time
	seq int
	do  func()
}

// simQueue is a heap of what will happen, in the order of time.
type simQueue []happening

func (q simQueue) Len() int { return len(q) }
func (q simQueue) Less(i, j int) bool {
	if q[i].at.Equal(q[j].at) {
		return q[i].seq < q[j].seq
	}
	return q[i].at.Before(q[j].at)
}
func (q simQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *simQueue) Push(x any)   { *q = append(*q, x.(happening)) }
func (q *simQueue) Pop() any {
	last := (*q)[len(*q)-1]
	(*q)[len(*q)-1] = happening{}
	*q = (*q)[:len(*q)-1]
	return last
}
