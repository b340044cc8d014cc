package drain

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// ledger is what one drain knows of its pods, and decides which to ask for next. It does no I/O and reads no clock, so that
// its rules are tested as tables. It is used by the goroutine of the drain only; what it shares with other drains is on the
// board.
//
// A pod that a budget guards waits in that budget's line and asks when there is a place for it (line.go). It goes there before
// it has asked once if the budgets can be seen, and after the first refusal if not.
type ledger struct {
	board *board
	pods  map[string]*entry // by UID
	// asking holds the evictions whose answer is outstanding, by the pod's UID, with the line that each came through (or
	// none). The pod may be gone before the answer comes.
	asking map[string]budgetKey
	// listed holds the UIDs of the list that is being read; nil: none is.
	listed map[string]bool
	synced bool
	gone   int
	// claims: a pod that leaves has or had a volume that is attached to the node. staying holds the claims of pods that do
	// not leave, by the pod's UID: their volumes stay in use.
	claims  bool
	staying map[string][]string
}

// entry is one pod that is to leave.
type entry struct {
	pod
	// accepted: the server took the eviction. The watch may tell of older changes of the pod after that.
	accepted bool
	// next is the earliest time to ask.
	next  time.Time
	tries int
	// line is the budget that it waits for, as of these terms of the board.
	line  budgetKey
	terms int
	// tried is the version, and triedTerms the generation, of the budget at which this pod asked as one that is not ready.
	tried      string
	triedTerms int64
	// refusal is the last answer that a person should know of, and since when the pod is refused or waits.
	refusal answer
	since   time.Time
}

func (e *entry) left() bool { return e.accepted || e.leaving }

// noTerms are those of no board: what follows from them is found out anew.
const noTerms = -1

func newLedger(b *board) *ledger {
	return &ledger{board: b, pods: map[string]*entry{}, asking: map[string]budgetKey{}, staying: map[string][]string{}}
}

// listing: a list of all the node's pods follows.
func (l *ledger) listing() { l.listed = map[string]bool{} }

// seen: the pod is there.
func (l *ledger) seen(p pod) {
	if l.listed != nil {
		l.listed[p.uid] = true
	}
	if p.fate == leave {
		l.staying[p.uid] = p.claims
		return
	}
	l.claims = l.claims || len(p.claims) > 0
	e := l.pods[p.uid]
	if e == nil {
		l.pods[p.uid] = &entry{pod: p, terms: noTerms}
		return
	}
	if e.ready != p.ready || e.unguarded != p.unguarded || !maps.Equal(e.labels, p.labels) {
		// Its budget may think otherwise of it now.
		l.unline(e)
		e.terms, e.next, e.tried, e.triedTerms = noTerms, time.Time{}, "", 0
	}
	e.pod = p
}

// complete: the list is complete; what was not in it is gone.
func (l *ledger) complete() {
	for uid := range l.staying {
		if !l.listed[uid] {
			l.removed(uid)
		}
	}
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
	delete(l.staying, uid)
	if e := l.pods[uid]; e != nil {
		l.unline(e)
		delete(l.pods, uid)
		l.gone++
	}
}

// unline takes a pod out of its line, with the place that it may have booked there.
func (l *ledger) unline(e *entry) {
	if e.line != (budgetKey{}) {
		l.board.drop(func(t ticket) bool { return t.uid == e.uid })
		e.line = budgetKey{}
	}
}

// empty reports whether every pod that is to leave is known to be gone.
func (l *ledger) empty() bool { return l.synced && l.listed == nil && len(l.pods) == 0 }

// answered accounts for the answer to an eviction.
func (l *ledger) answered(uid string, a answer, now time.Time) {
	if through := l.asking[uid]; through != (budgetKey{}) {
		l.board.settle(through, uid, a.kind, now)
	}
	delete(l.asking, uid)
	e := l.pods[uid]
	if e == nil {
		return
	}
	if a.kind == accepted {
		e.accepted, e.refusal, e.since = true, answer{}, time.Time{}
		return
	}
	if a.tells() {
		e.refusal = a
		if e.since.IsZero() {
			e.since = now
		}
	}
	if a.kind == shut && a.budget != "" {
		if key := (budgetKey{e.namespace, a.budget}); key != e.line {
			l.unline(e)
			e.line = key
		}
		e.next, e.tries = now, 0
		return
	}
	longest := longestWait
	if a.kind == several && l.board.current(e.terms) {
		longest = watchedWait // the board tells when it is one
	}
	e.next = now.Add(max(wait(e.tries, longest), a.after))
	e.tries++
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
		if _, asked := l.asking[e.uid]; asked || e.left() {
			continue
		}
		through, may := l.mayAsk(e, now)
		if may {
			l.asking[e.uid] = through
			chosen = append(chosen, e.pod)
		}
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

// mayAsk reports whether the pod may be evicted now, and through which line.
func (l *ledger) mayAsk(e *entry, now time.Time) (through budgetKey, may bool) {
	l.findLine(e)
	switch {
	case now.Before(e.next):
		return budgetKey{}, false
	case e.line == (budgetKey{}), !e.ready && l.worthATry(e):
		return budgetKey{}, true
	case l.board.admit(e.line, ticket{drain: l, uid: e.uid, name: e.name}, now):
		return e.line, true
	}
	if e.since.IsZero() {
		e.since = now
	}
	return budgetKey{}, false
}

// findLine finds out which budget the pod waits for, if budgets came, went or changed their terms. Where they cannot be seen,
// it is the one that has refused.
func (l *ledger) findLine(e *entry) {
	if l.board.current(e.terms) {
		return
	}
	names, terms, known := l.board.guarding(e.pod)
	if !known {
		return
	}
	e.terms = terms
	var key budgetKey
	if len(names) == 1 && !e.unguarded {
		key = budgetKey{e.namespace, names[0]}
	}
	if key != e.line {
		l.unline(e)
		e.line = key
	}
	if len(names) < 2 && (e.refusal.kind == several || e.refusal.kind == shut) {
		e.next = time.Time{} // what refused is gone, or is another one
	}
}

// worthATry reports whether a pod that is not ready may ask without a place: a budget that is satisfied lets such pods go
// without counting, and one whose terms are new may let them go always. Once for each change of the budget.
func (l *ledger) worthATry(e *entry) bool {
	b := l.board.look(e.line)
	if b == nil || (!b.spare || e.tried == b.version) && e.triedTerms == b.generation {
		return false
	}
	e.tried, e.triedTerms = b.version, b.generation
	return true
}

// wake is when next would have something to do if nothing happened before; zero: never.
func (l *ledger) wake(now time.Time) time.Time {
	var wake time.Time
	if !l.synced {
		return wake
	}
	for _, e := range l.queue() {
		if _, asked := l.asking[e.uid]; asked || e.left() {
			continue
		}
		at := e.next
		if e.line != (budgetKey{}) && !now.Before(e.next) {
			if at = l.board.wake(e.line, e.uid, now); at.IsZero() {
				continue // another one's answer, or a change of the budget, comes first
			}
		}
		if wake.IsZero() || at.Before(wake) {
			wake = at
		}
	}
	return wake
}
