package drain

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// view is what a board shows, as data.
type view struct {
	live    bool
	budgets map[string]budget   // by name, in namespace n
	guards  map[string][]string // by pod
}

func (v view) known() bool { return v.live }
func (v view) find(key budgetKey) (budget, bool) {
	b, ok := v.budgets[key.name]
	return b, ok && v.live
}
func (v view) guarding(p pod) []string { return v.guards[p.name] }

// table is a ledger with a clock that the test moves.
type table struct {
	*ledger
	t     *testing.T
	now   time.Time
	known view
}

func newTable(t *testing.T, pods ...pod) *table {
	l := newLedger()
	l.listing()
	for _, p := range pods {
		l.seen(p)
	}
	l.complete()
	return &table{ledger: l, t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

// ordinary makes pods of the first kind; a pod's UID is its name.
func ordinary(names ...string) []pod {
	var pods []pod
	for _, name := range names {
		pods = append(pods, pod{namespace: "n", name: name, uid: name, ready: true})
	}
	return pods
}

// asks checks who is asked for now.
func (t *table) asks(want ...string) {
	t.t.Helper()
	t.look(t.now, t.known)
	var got []string
	for _, p := range t.next(t.now, 100) {
		got = append(got, p.name)
	}
	require.Equal(t.t, want, got)
}

func (t *table) pass(d time.Duration) { t.now = t.now.Add(d) }

func (t *table) answer(a answer, names ...string) {
	for _, name := range names {
		t.answered(name, a, t.now, t.known)
	}
}

func by(budget string) answer { return answer{kind: shut, budget: budget, message: "m"} }

func TestOrdinaryPodsLeaveBeforeCriticalOnes(t *testing.T) {
	critical := pod{namespace: "a", name: "dns", uid: "dns", fate: evictLast}
	daemon := pod{namespace: "a", name: "proxy", uid: "proxy", fate: leave}
	l := newTable(t, append(ordinary("b", "a"), critical, daemon)...)
	l.asks("a", "b")
	l.answer(answer{}, "a", "b")
	l.asks() // both are leaving
	l.removed("a")
	l.asks()
	l.removed("b")
	l.asks("dns")
	assert.False(t, l.empty())
	l.removed("dns")
	assert.True(t, l.empty(), "the DaemonSet's pod does not count")
	assert.Equal(t, 3, l.gone)
}

func TestNobodyGoesBeforeAllAreKnown(t *testing.T) {
	l := newLedger()
	l.listing()
	l.seen(pod{namespace: "a", name: "dns", uid: "dns", fate: evictLast})
	assert.Empty(t, l.next(time.Time{}, 9))
	assert.False(t, l.empty())
	l.seen(ordinary("a")[0])
	l.complete()
	assert.Equal(t, ordinary("a"), l.next(time.Time{}, 9))
}

func TestNoMoreThanTheRoom(t *testing.T) {
	l := newTable(t, ordinary("a", "b", "c")...)
	assert.Len(t, l.next(l.now, 2), 2)
	assert.Empty(t, l.next(l.now, 0))
	assert.Len(t, l.next(l.now, 2), 1)
}

func TestAPodThatIsLeavingIsNotAskedFor(t *testing.T) {
	p := ordinary("a")[0]
	p.leaving = true
	l := newTable(t, p)
	l.asks()
	assert.True(t, l.wake().IsZero())
	assert.Equal(t, Progress{PodsLeft: 1, Leaving: 1}, l.progress(l.known))
}

func TestAChangeOfBeforeTheEvictionDoesNotUndoIt(t *testing.T) {
	l := newTable(t, ordinary("a")...)
	l.asks("a")
	l.answer(answer{}, "a")
	l.seen(ordinary("a")[0]) // the condition DisruptionTarget, written just before the deletion
	l.pass(time.Hour)
	l.asks()
}

func TestAListProvesThatAnEvictionWasLost(t *testing.T) {
	l := newTable(t, ordinary("a", "b")...)
	l.asks("a", "b")
	l.answer(answer{}, "a")
	l.listing()
	l.seen(ordinary("a")[0])
	assert.False(t, l.empty(), "a list is under way")
	l.complete()
	l.asks("a")
	l.answer(answer{}, "b") // of the pod that the list did not have any more
	assert.Equal(t, 1, l.gone)
}

func TestOnlyTheWatchSaysThatAPodIsGone(t *testing.T) {
	l := newTable(t, ordinary("a")...)
	l.asks("a")
	l.answer(answer{kind: vanished}, "a")
	assert.False(t, l.empty())
	assert.Empty(t, l.progress(l.known).Blocked)
	l.asks()
	l.pass(firstWait)
	l.asks("a")
	l.removed("a")
	assert.True(t, l.empty())
}

func TestTheServersOwnWaitIsKept(t *testing.T) {
	l := newTable(t, ordinary("a")...)
	l.asks("a")
	l.answer(answer{kind: busy, after: 9 * time.Second}, "a")
	assert.Equal(t, l.now.Add(9*time.Second), l.wake())
	l.pass(8 * time.Second)
	l.asks()
	l.pass(time.Second)
	l.asks("a")
}

func TestRefusalsAreAskedAgainMoreAndMoreRarely(t *testing.T) {
	l := newTable(t, ordinary("a")...)
	var waits []time.Duration
	for range 7 {
		l.asks("a")
		l.answer(answer{kind: denied, message: "no"}, "a")
		waits = append(waits, l.wake().Sub(l.now))
		l.pass(waits[len(waits)-1])
	}
	ms := time.Millisecond
	assert.Equal(t, []time.Duration{250 * ms, 500 * ms, 1000 * ms, 2000 * ms, 4000 * ms, 5000 * ms, 5000 * ms}, waits)
}

func TestOnePodAsksAShutBudgetForAll(t *testing.T) {
	l := newTable(t, ordinary("a", "b", "c", "free")...)
	l.asks("a", "b", "c", "free")
	l.answer(by("web"), "a", "b", "c")
	l.answer(answer{}, "free")
	l.asks()
	l.pass(firstWait)
	l.asks("a")
	l.answer(by("web"), "a")
	l.pass(firstWait)
	l.asks() // twice as long
	l.pass(firstWait)
	l.asks("a")
	l.answer(answer{}, "a")
	l.asks("b") // nobody watches the budget: go on until it refuses
	l.answer(by("web"), "b")
	l.asks()
}

func TestAsManyPodsAskAsAWatchedBudgetAllows(t *testing.T) {
	l := newTable(t, ordinary("a", "b", "c", "d")...)
	l.asks("a", "b", "c", "d")
	l.answer(by("web"), "a", "b", "c", "d")
	l.known = view{live: true, budgets: map[string]budget{"web": {version: "1", generation: 1}}}
	l.asks()
	l.known.budgets["web"] = budget{version: "2", generation: 1, allows: 2}
	l.asks("a", "b")
	l.known.budgets["web"] = budget{version: "3", generation: 1, allows: 1} // one of the two went through
	l.asks()
	l.answer(answer{}, "a", "b")
	l.known.budgets["web"] = budget{version: "4", generation: 1, allows: 0}
	l.asks()
	l.pass(watchedWait)
	l.asks("c") // in case the watch missed something
}

func TestABudgetThatIsDeletedHoldsNobody(t *testing.T) {
	l := newTable(t, ordinary("a", "b")...)
	l.known = view{live: true, budgets: map[string]budget{"web": {version: "1"}}}
	l.asks("a", "b")
	l.answer(by("web"), "a", "b")
	l.asks()
	l.known.budgets = nil
	l.asks("a", "b")
}

func TestPodsThatAreNotReadyLeaveASatisfiedBudget(t *testing.T) {
	pods := ordinary("a", "b")
	pods[1].ready = false
	l := newTable(t, pods...)
	l.known = view{live: true, budgets: map[string]budget{"web": {version: "1", generation: 1}}}
	l.asks("a", "b")
	l.answer(by("web"), "a", "b")
	l.asks()
	l.known.budgets["web"] = budget{version: "2", generation: 1, spare: true}
	l.asks("b")
	l.answer(by("web"), "b")
	l.asks() // once for each change of the budget
}

func TestABudgetWithNewTermsIsAskedAtOnce(t *testing.T) {
	l := newTable(t, ordinary("a")...)
	l.known = view{live: true, budgets: map[string]budget{"web": {version: "1", generation: 1}}}
	l.asks("a")
	l.answer(by("web"), "a")
	l.asks()
	l.known.budgets["web"] = budget{version: "2", generation: 2} // unhealthyPodEvictionPolicy, perhaps
	l.asks("a")
}

func TestAPodThatBecomesUnreadyIsAskedForAtOnce(t *testing.T) {
	l := newTable(t, ordinary("a")...)
	l.asks("a")
	l.answer(by("web"), "a")
	l.asks()
	p := ordinary("a")[0]
	p.ready = false
	l.seen(p)
	l.asks("a")
}

func TestSeveralBudgetsAreNamedAndWaitForOneToGo(t *testing.T) {
	l := newTable(t, ordinary("a")...)
	l.known = view{live: true, guards: map[string][]string{"a": {"web", "zone"}}}
	l.asks("a")
	l.answer(answer{kind: several, message: twoBudgets}, "a")
	since := l.now
	l.pass(firstWait)
	l.asks("a")
	l.answer(answer{kind: several, message: twoBudgets}, "a")
	l.freeSeveral(l.now, l.known)
	l.asks()
	assert.Equal(t, []Blocked{{Namespace: "n", Pod: "a", Budgets: []string{"web", "zone"}, Message: twoBudgets, Since: since}}, l.progress(l.known).Blocked)
	l.known.guards["a"] = []string{"web"}
	l.freeSeveral(l.now, l.known)
	l.asks("a")
}

func TestProgressSaysWhy(t *testing.T) {
	l := newTable(t, ordinary("a", "b", "c", "d", "e")...)
	l.asks("a", "b", "c", "d", "e")
	l.answer(answer{}, "a")
	l.answer(answer{kind: shut, budget: "web", message: "The disruption budget web needs 2 healthy pods and has 2 currently"}, "b")
	l.answer(answer{kind: ending, message: "the namespace is being terminated."}, "c")
	l.answer(answer{kind: unanswered, message: "x"}, "d")
	p := l.progress(l.known)
	assert.Equal(t, "5 pods left, 1 of them leaving"+
		"; blocked: pod n/b by budget web since 03:04:05Z: The disruption budget web needs 2 healthy pods and has 2 currently"+
		"; blocked: pod n/c since 03:04:05Z: the namespace is being terminated", p.Why())

	p.Trouble = &Trouble{Since: l.now, Message: "connection refused"}
	assert.Contains(t, p.Why(), "; no good answer from the API server since 03:04:05Z: connection refused")
	many := Progress{PodsLeft: 9, Blocked: slices.Repeat([]Blocked{p.Blocked[0]}, 9)}
	assert.Contains(t, many.Why(), "; 6 more blocked")
}

func TestSinceIsTheFirstRefusal(t *testing.T) {
	l := newTable(t, ordinary("a")...)
	first := l.now
	for i := range 3 {
		l.asks("a")
		l.answer(answer{kind: denied, message: fmt.Sprint(i)}, "a")
		l.pass(longestWait)
	}
	assert.Equal(t, []Blocked{{Namespace: "n", Pod: "a", Message: "2", Since: first}}, l.progress(l.known).Blocked)
}
