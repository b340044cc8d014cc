package drain

import (
	"cmp"
	"slices"
	"time"
)

// ledger is what one drain knows of its pods, and decides which to ask for next. It does no I/O and reads no clock, so that
// its rules are tested as tables. It is used by the goroutine of the drain only.
//
// Pods that a budget refuses wait at that budget's gate, together: a shut budget is asked by one of them at a time, and
// when it opens, as many go as it allows. Were each to try for itself, thirty pods behind one budget would ask thirty times for
// every one that may leave.
type ledger struct {
	pods  map[string]*entry // by UID
	gates map[budgetKey]*gate
	// asking holds the evictions whose answer is outstanding, by the pod's UID, with the gate that each came through (or
	// nil). The pod may be gone before the answer comes.
	asking map[string]*gate
	// listed holds the UIDs of the list that is being read; nil: none is.
	listed map[string]bool
	synced bool
	gone   int
}

// entry is one pod that is to leave.
type entry struct {
	pod
	// accepted: the server took the eviction. The watch may tell of older changes of the pod after that.
	accepted bool
	// next is the earliest time to ask, for a pod that is at no gate.
	next  time.Time
	tries int
	gate  *gate
	// tried is the version of the gate's budget at which this pod was sent through as one that is not ready.
	tried string
	// refusal is the last answer that a person should know of, and since when the pod is refused.
	refusal answer
	since   time.Time
}

func (e *entry) left() bool { return e.accepted || e.leaving }

// gate is a budget that refused.
type gate struct {
	key budgetKey
	// next is when one pod asks although nothing is known to have changed.
	next   time.Time
	tries  int
	asking int
	// version and generation of the budget that free and spare were taken from.
	version    string
	generation int64
	// free is how many pods may try now.
	free  int
	spare bool
}

// budgets is what the ledger asks of the board.
type budgets interface {
	known() bool
	find(budgetKey) (budget, bool)
	guarding(pod) []string
}

// The waits after a refusal double from the first to the longest. A budget that is watched needs asking only in case the
// watch missed something.
const (
	firstWait   = 250 * time.Millisecond
	longestWait = 5 * time.Second
	watchedWait = 30 * time.Second
)

func wait(tries int, longest time.Duration) time.Duration {
	return min(firstWait<<min(tries, 20), longest)
}

func newLedger() *ledger {
	return &ledger{pods: map[string]*entry{}, gates: map[budgetKey]*gate{}, asking: map[string]*gate{}}
}

// listing: a list of all the node's pods follows.
func (l *ledger) listing() { l.listed = map[string]bool{} }

// seen: the pod is there.
func (l *ledger) seen(p pod) {
	if p.fate == leave {
		return
	}
	if l.listed != nil {
		l.listed[p.uid] = true
	}
	e := l.pods[p.uid]
	if e == nil {
		l.pods[p.uid] = &entry{pod: p}
		return
	}
	if e.ready != p.ready && e.gate != nil {
		// Its budget may think otherwise of it now.
		e.gate, e.next = nil, time.Time{}
	}
	e.pod = p
}

// complete: the list is complete; what was not in it is gone.
func (l *ledger) complete() {
	for uid, e := range l.pods {
		if !l.listed[uid] {
			l.removed(uid)
			continue
		}
		// A list is newer than any eviction that was answered before it; only one that is not in it proves the deletion.
		if _, outstanding := l.asking[uid]; !outstanding {
			e.accepted = e.leaving
		}
	}
	l.listed, l.synced = nil, true
}

// removed: the pod is gone.
func (l *ledger) removed(uid string) {
	if l.pods[uid] != nil {
		delete(l.pods, uid)
		l.gone++
	}
}

// empty reports whether every pod that is to leave is known to be gone.
func (l *ledger) empty() bool { return l.synced && l.listed == nil && len(l.pods) == 0 }

// answered accounts for the answer to an eviction.
func (l *ledger) answered(uid string, a answer, now time.Time, known budgets) {
	through := l.asking[uid]
	delete(l.asking, uid)
	if through != nil {
		through.asking--
		if a.kind == accepted {
			through.tries = 0
			through.next = now // the next one, at once
			if known.known() {
				through.next = now.Add(watchedWait) // the watch will say how many more
			}
		}
	}
	e := l.pods[uid]
	if e == nil {
		return
	}
	if a.kind == accepted {
		e.accepted, e.gate, e.refusal, e.since = true, nil, answer{}, time.Time{}
		return
	}
	if a.tells() {
		e.refusal = a
		if e.since.IsZero() {
			e.since = now
		}
	}
	if a.kind == shut && a.budget != "" {
		l.atGate(e, through, a, now, known)
		return
	}
	e.gate = nil
	e.next = now.Add(max(wait(e.tries, longestWait), a.after))
	e.tries++
}

// atGate puts a pod to the others that the same budget refused.
func (l *ledger) atGate(e *entry, through *gate, a answer, now time.Time, known budgets) {
	key := budgetKey{e.namespace, a.budget}
	g := l.gates[key]
	if g == nil {
		g = &gate{key: key, next: now.Add(firstWait)}
		l.gates[key] = g
	} else if g == through {
		longest := longestWait
		if known.known() {
			longest = watchedWait
		}
		g.tries++
		g.next = now.Add(wait(g.tries, longest))
	}
	e.gate, e.tries = g, 0
}

// look takes the news from the board to the gates.
func (l *ledger) look(now time.Time, known budgets) {
	for key, g := range l.gates {
		b, found := known.find(key)
		switch {
		case !found && known.known(): // deleted
			for _, e := range l.pods {
				if e.gate == g {
					e.gate, e.next = nil, now
				}
			}
			delete(l.gates, key)
		case found && b.version != g.version:
			g.free = max(0, b.allows-g.asking)
			if g.generation != 0 && g.generation != b.generation {
				g.free = max(1, g.free) // its terms changed, for pods that are not ready perhaps
			}
			g.spare = b.spare
			g.version, g.generation = b.version, b.generation
			if g.free > 0 {
				g.tries = 0
			}
		}
	}
}

// freeSeveral lets those pods ask at once that several budgets guarded and one at most does now. It is for news from the
// board only: should the server still see several, asking again at once would not end.
func (l *ledger) freeSeveral(now time.Time, known budgets) {
	for _, e := range l.pods {
		if e.refusal.kind == several && !e.left() && known.known() && len(known.guarding(e.pod)) < 2 {
			e.next = now
		}
	}
}

// next takes the pods to be evicted now, at most room, and marks them as asked for. The order of a drain is here: critical
// pods wait until no other pod is left, and nobody goes before all are known.
func (l *ledger) next(now time.Time, room int) []pod {
	if !l.synced {
		return nil
	}
	var chosen []pod
	for _, e := range l.queue() {
		if len(chosen) == room {
			break
		}
		if _, asked := l.asking[e.uid]; asked || e.left() || !e.mayAsk(now) {
			continue
		}
		if e.gate != nil {
			e.gate.asking++
		}
		l.asking[e.uid] = e.gate
		chosen = append(chosen, e.pod)
	}
	return chosen
}

// queue is the pods whose turn it is, in the order in which they are asked for.
func (l *ledger) queue() []*entry {
	turn := evictLast
	for _, e := range l.pods {
		turn = min(turn, e.fate)
	}
	var queue []*entry
	for _, e := range l.pods {
		if e.fate == turn {
			queue = append(queue, e)
		}
	}
	slices.SortFunc(queue, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name), cmp.Compare(a.uid, b.uid))
	})
	return queue
}

// mayAsk reports whether the pod may be evicted now, and uses up what its gate allows.
func (e *entry) mayAsk(now time.Time) bool {
	g := e.gate
	switch {
	case g == nil:
		return !now.Before(e.next)
	case g.free > 0:
		g.free--
		return true
	case g.spare && !e.ready && e.tried != g.version:
		e.tried = g.version
		return true
	default:
		return g.asking == 0 && !now.Before(g.next)
	}
}

// wake is when next would have something to do if nothing happened before; zero: never.
func (l *ledger) wake() time.Time {
	var wake time.Time
	if !l.synced {
		return wake
	}
	for _, e := range l.queue() {
		if _, asked := l.asking[e.uid]; asked || e.left() {
			continue
		}
		at := e.next
		if e.gate != nil {
			if e.gate.asking > 0 {
				continue // its answer comes first
			}
			at = e.gate.next
		}
		if wake.IsZero() || at.Before(wake) {
			wake = at
		}
	}
	return wake
}
