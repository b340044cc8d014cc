package drain

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/labels"
)

// table is a ledger, and its board, with a clock that the test moves. Budgets are in namespace n.
type table struct {
	*ledger
	t   *testing.T
	now time.Time
}

func newTable(t *testing.T, pods ...pod) *table {
	return (&table{t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), ledger: newLedger(newBoard(nil))}).list(pods...)
}

// beside makes the ledger of another drain that looks at the same board.
func (t *table) beside(pods ...pod) *table {
	return (&table{t: t.t, now: t.now, ledger: newLedger(t.board)}).list(pods...)
}

func (t *table) list(pods ...pod) *table {
	t.listing()
	for _, p := range pods {
		t.seen(p)
	}
	t.complete()
	return t
}

// everything is a budget that guards all pods.
func everything(version string, allows int) budget {
	return budget{selector: labels.Everything(), version: version, generation: 1, allows: allows, sentence: "s"}
}

// watch makes the board live, with these budgets and no others.
func (t *table) watch(budgets map[string]budget) {
	listed := map[budgetKey]budget{}
	for name, b := range budgets {
		listed[budgetKey{"n", name}] = b
	}
	t.board.update(func() { t.board.replace(listed) })
}

// status is a change of a budget that the watch tells of; disrupted names the pods that it has accounted for.
func (t *table) status(name string, b budget, disrupted ...string) {
	b.disrupted = disrupted
	t.board.update(func() { t.board.set(budgetKey{"n", name}, b) })
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
	var got []string
	for _, p := range t.next(t.now, 100) {
		got = append(got, p.name)
	}
	require.Equal(t.t, want, got)
}

func (t *table) pass(d time.Duration) { t.now = t.now.Add(d) }

func (t *table) answer(a answer, names ...string) {
	for _, name := range names {
		t.answered(name, a, t.now)
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
	l := newLedger(newBoard(nil))
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
	p.leaving, p.due = true, time.Date(2026, 1, 2, 3, 5, 0, 0, time.UTC)
	l := newTable(t, p)
	l.asks()
	assert.True(t, l.wake(l.now).IsZero())
	assert.Equal(t, Progress{PodsLeft: 1, Leaving: 1}, l.progress(l.now, time.Time{}))
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
	assert.Empty(t, l.progress(l.now, time.Time{}).Blocked)
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
	assert.Equal(t, l.now.Add(9*time.Second), l.wake(l.now))
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
		waits = append(waits, l.wake(l.now).Sub(l.now))
		l.pass(waits[len(waits)-1])
	}
	ms := time.Millisecond
	assert.Equal(t, []time.Duration{250 * ms, 500 * ms, 1000 * ms, 2000 * ms, 4000 * ms, 5000 * ms, 5000 * ms}, waits)
}

func TestOnePodAsksForAllWhereABudgetCannotBeSeen(t *testing.T) {
	l := newTable(t, ordinary("a", "b", "c", "free")...)
	l.asks("a", "b", "c", "free")
	l.answer(by("web"), "a", "b", "c")
	l.answer(answer{}, "free")
	l.asks()
	l.pass(firstWait)
	l.asks("a")
	l.answer(by("web"), "a")
	l.asks()
	l.pass(firstWait)
	l.asks("b") // in turn: it may be the pod
	l.answer(answer{}, "b")
	l.asks("c") // nobody sees the budget: go on until it refuses
	l.answer(by("web"), "c")
	l.asks()
}

func TestABudgetThatCannotBeSeenIsAskedOftenAtFirst(t *testing.T) {
	l := newTable(t, ordinary("a")...)
	l.asks("a")
	l.answer(by("web"), "a")
	for range blindTries + 2 {
		l.asks()
		l.pass(firstWait)
		l.asks("a")
		l.answer(by("web"), "a")
	}
	l.asks()
	assert.Equal(t, l.now.Add(2*firstWait), l.wake(l.now))
	for range 10 {
		l.pass(blindWait)
		l.asks("a")
		l.answer(by("web"), "a")
	}
	l.asks()
	assert.Equal(t, l.now.Add(blindWait), l.wake(l.now))
}

func TestDrainsAskABudgetThatTheyCannotSeeForEachOther(t *testing.T) {
	one := newTable(t, ordinary("a")...)
	two := one.beside(ordinary("b")...)
	one.asks("a")
	one.answer(by("web"), "a")
	one.asks()
	two.asks("b") // it does not know yet which budget guards it
	two.answer(by("web"), "b")
	two.asks()
	one.pass(firstWait)
	two.pass(firstWait)
	two.asks()
	one.asks("a")
	two.asks()
}

func TestAsManyPodsAskAsTheBudgetAllows(t *testing.T) {
	l := newTable(t, ordinary("a", "b", "c", "d")...)
	l.watch(map[string]budget{"web": everything("1", 0)})
	l.asks()
	l.status("web", everything("2", 2))
	l.asks("a", "b")
	l.answer(answer{}, "a")
	l.status("web", everything("3", 1), "a")
	l.asks() // b has that place
	l.status("web", everything("4", 0), "a", "b")
	l.answer(answer{}, "b")
	l.removed("a")
	l.status("web", everything("5", 1), "b")
	l.asks("c")
	l.answer(answer{}, "c")
	l.status("web", everything("6", 0), "b", "c")
	l.asks()
	l.pass(watchedWait)
	l.asks("d") // in case the watch missed something
}

func TestDrainsShareThePlacesOfABudgetInTheOrderInWhichTheyCame(t *testing.T) {
	one := newTable(t, ordinary("c", "d")...)
	two := one.beside(ordinary("a", "b")...)
	one.watch(map[string]budget{"web": everything("1", 0)})
	one.asks()
	two.asks()
	one.status("web", everything("2", 3))
	two.asks("a") // it is the third; b is the fourth
	one.asks("c", "d")
	two.asks()
	one.answer(by("web"), "c") // somebody else was quicker
	one.answer(answer{}, "d")
	two.answer(answer{}, "a")
	one.asks()
	two.status("web", everything("3", 1), "a", "d")
	one.asks() // c is behind b now
	two.asks("b")
}

func TestFewAskABudgetAtTheSameTime(t *testing.T) {
	l := newTable(t, ordinary("a", "b", "c", "d", "e", "f")...)
	l.watch(map[string]budget{"web": everything("1", 6)})
	l.asks("a", "b", "c", "d")
	l.asks()
	l.answer(answer{}, "b")
	l.asks("e")
	assert.Equal(t, l.now.Add(slowAnswer), l.wake(l.now))
	l.pass(slowAnswer)
	l.asks("f") // who is slow does not hold the others up
}

func TestADrainThatCannotAskIsNotWaitedFor(t *testing.T) {
	one := newTable(t, ordinary("a")...)
	two := one.beside(ordinary("b")...)
	one.watch(map[string]budget{"web": everything("1", 0)})
	one.asks()
	two.asks()
	one.board.stepBack(one.ledger)
	one.status("web", everything("2", 1))
	two.asks("b")
	one.asks()
	two.board.drop(func(t ticket) bool { return t.drain == two.ledger }) // it ended
	one.asks("a")
}

func TestAPlaceIsFreeAgainWhenNothingCameOfIt(t *testing.T) {
	for name, end := range map[string]func(*table){
		"no answer":        func(l *table) { l.answer(answer{kind: unanswered}, "a") },
		"the pod is gone":  func(l *table) { l.removed("a") },
		"it never counted": func(l *table) { l.answer(answer{}, "a"); l.pass(shownWithin) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newTable(t, ordinary("a", "b")...)
			l.watch(map[string]budget{"web": everything("1", 1)})
			l.asks("a")
			l.asks()
			end(l)
			l.asks("b")
		})
	}
}

func TestABudgetThatRefusesIsFullUntilItChanges(t *testing.T) {
	l := newTable(t, ordinary("a")...)
	l.watch(map[string]budget{"web": everything("1", 1)})
	l.asks("a")
	l.answer(by("web"), "a")
	l.asks()
	l.status("web", everything("2", 1))
	l.asks("a")
}

func TestABudgetThatIsDeletedHoldsNobody(t *testing.T) {
	l := newTable(t, ordinary("a", "b")...)
	l.watch(map[string]budget{"web": everything("1", 0)})
	l.asks()
	l.board.update(func() { l.board.remove(budgetKey{"n", "web"}) })
	l.asks("a", "b")
}

func TestABudgetThatTheBoardDoesNotHaveYetIsAskedLikeOneThatCannotBeSeen(t *testing.T) {
	l := newTable(t, ordinary("a", "b")...)
	l.watch(nil)
	l.asks("a", "b")
	l.answer(by("new"), "a", "b")
	l.asks()
	l.pass(firstWait)
	l.asks("a")
	l.answer(by("new"), "a")
	l.status("new", everything("1", 1))
	l.asks("b")
}

func TestPodsThatAreNotReadyLeaveASatisfiedBudget(t *testing.T) {
	pods := ordinary("a", "b")
	pods[1].ready = false
	l := newTable(t, pods...)
	l.watch(map[string]budget{"web": everything("1", 0)})
	l.asks("b") // its terms may let pods go always that are not ready
	l.answer(by("web"), "b")
	l.asks()
	satisfied := everything("2", 0)
	satisfied.spare = true
	l.status("web", satisfied)
	l.asks("b")
	l.answer(by("web"), "b")
	l.asks() // once for each change of the budget
	changed := everything("3", 0)
	changed.generation = 2
	l.status("web", changed)
	l.asks("b")
}

func TestPodsThatABudgetDoesNotCountDoNotWaitForIt(t *testing.T) {
	p := ordinary("a")[0]
	p.unguarded = true
	l := newTable(t, p)
	l.watch(map[string]budget{"web": everything("1", 0)})
	l.asks("a")
}

func TestAPodThatBecomesUnreadyIsAskedForAtOnce(t *testing.T) {
	for name, see := range map[string]func(*table){
		"a budget that is watched":     func(l *table) { l.watch(map[string]budget{"web": everything("1", 0)}) },
		"a budget that cannot be seen": func(*table) {},
	} {
		t.Run(name, func(t *testing.T) {
			p := ordinary("a")[0]
			l := newTable(t, p)
			see(l)
			for range l.next(l.now, 1) {
				l.answer(by("web"), "a")
			}
			l.asks()
			p.ready = false
			l.seen(p)
			l.asks("a")
		})
	}
}

func TestSeveralBudgetsAreNamedAndWaitForOneToGo(t *testing.T) {
	l := newTable(t, ordinary("a")...)
	l.watch(map[string]budget{"web": everything("1", 1), "zone": everything("2", 1)})
	l.asks("a")
	l.answer(answer{kind: several, message: twoBudgets}, "a")
	since := l.now
	l.pass(firstWait)
	l.asks("a")
	l.answer(answer{kind: several, message: twoBudgets}, "a")
	l.asks()
	assert.Equal(t, []Blocked{{Namespace: "n", Pod: "a", Cause: ByBudget, Budgets: []string{"web", "zone"}, Message: twoBudgets, Since: since}},
		l.progress(l.now, time.Time{}).Blocked)
	l.board.update(func() { l.board.remove(budgetKey{"n", "zone"}) })
	l.asks("a")
	l.answer(answer{kind: several, message: twoBudgets}, "a")
	l.asks() // should the server still see several, asking again at once would not end
}

func TestAPodThatWaitsForItsBudgetIsBlockedBeforeItHasAsked(t *testing.T) {
	l := newTable(t, ordinary("a")...)
	l.watch(map[string]budget{"web": everything("1", 0)})
	l.asks()
	assert.Empty(t, l.progress(l.now, time.Time{}).Blocked, "it may be its turn in a moment")
	want := Blocked{Namespace: "n", Pod: "a", Cause: ByBudget, Budgets: []string{"web"}, Message: "s", Since: l.now}
	l.pass(patience)
	assert.Equal(t, []Blocked{want}, l.progress(l.now, time.Time{}).Blocked)
}

func TestWhatHoldsAPodThatIsBeingDeleted(t *testing.T) {
	due := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	leaving := pod{namespace: "n", name: "a", uid: "a", leaving: true, due: due}
	held := leaving
	held.finalizers = []string{"example.org/hold"}
	for _, test := range []struct {
		name   string
		pod    pod
		after  time.Duration
		silent time.Time
		want   string
	}{
		{"in its grace period", held, -time.Second, time.Time{}, ""},
		{"just after", held, overdue - 1, time.Time{}, ""},
		{"a finalizer", held, overdue, time.Time{}, "finalizer: pod n/a since 03:04:05Z: its grace period is over, and it has the finalizer example.org/hold"},
		{"the kubelet takes long", leaving, overdue, time.Time{}, "pod: pod n/a since 03:04:05Z: its grace period is over, and its kubelet has not ended it yet"},
		{"the kubelet is dead", held, -time.Second, due.Add(-time.Minute), "kubelet: pod n/a since 03:03:05Z: its kubelet does not answer, and only that can confirm its end"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newTable(t, test.pod)
			var got string
			for _, b := range l.progress(due.Add(test.after), test.silent).Blocked {
				got = string(b.Cause) + ": " + b.String()
			}
			assert.Equal(t, test.want, got)
		})
	}
}

func TestProgressSaysWhy(t *testing.T) {
	l := newTable(t, ordinary("a", "b", "c", "d", "e")...)
	l.asks("a", "b", "c", "d", "e")
	l.answer(answer{}, "a")
	l.answer(answer{kind: shut, budget: "web", message: "The disruption budget web needs 2 healthy pods and has 2 currently"}, "b")
	l.answer(answer{kind: ending, message: "the namespace is being terminated."}, "c")
	l.answer(answer{kind: unanswered, message: "x"}, "d")
	p := l.progress(l.now, time.Time{})
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
	assert.Equal(t, []Blocked{{Namespace: "n", Pod: "a", Cause: ByServer, Message: "2", Since: first}}, l.progress(l.now, time.Time{}).Blocked)
}

// BenchmarkLedger plans the drain of a node with 110 pods that one budget guards, ten of which it lets go at a time.
func BenchmarkLedger(b *testing.B) {
	const pods, room = 110, 10
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var all []pod
	for i := range pods {
		all = append(all, pod{namespace: "n", name: fmt.Sprintf("web-%d", i), uid: fmt.Sprintf("u%d", i), ready: true})
	}
	b.ReportAllocs()
	for b.Loop() {
		l := newLedger(newBoard(nil))
		status := func(version int, disrupted ...string) {
			l.board.update(func() {
				budget := everything(strconv.Itoa(version), room)
				budget.disrupted = disrupted
				l.board.set(budgetKey{"n", "web"}, budget)
			})
		}
		l.board.update(func() { l.board.replace(nil) })
		status(0)
		l.listing()
		for _, p := range all {
			l.seen(p)
		}
		l.complete()
		for turn := 1; !l.empty(); turn++ {
			var gone []string
			for _, p := range l.next(now, room) {
				l.answered(p.uid, answer{}, now)
				l.removed(p.uid)
				gone = append(gone, p.name)
			}
			if len(gone) == 0 {
				b.Fatalf("nobody goes in turn %d", turn)
			}
			status(turn, gone...)
		}
	}
}
