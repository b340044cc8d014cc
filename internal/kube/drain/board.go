package drain

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s-framework/internal/kube/api"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
)

// board is what all drains know together: the budgets, by one watch that runs while a drain has pods, and the lines of the
// pods that wait for them. It has a lock because many drains stand in the same lines.
type board struct {
	client *api.Client

	// life guards the watch's begin and end, and is held while they happen: two watches never write at the same time.
	life    sync.Mutex
	readers int
	stop    context.CancelFunc
	ended   chan struct{} // closed when the watch has ended

	// mu guards the rest.
	mu sync.Mutex
	// live: the list is complete and no trouble was told since. False for an identity that may not watch budgets.
	live bool
	// tried: the watch has told of a complete list or of trouble.
	tried   bool
	budgets map[budgetKey]budget
	// terms counts the changes of what guards whom.
	terms int
	lines map[budgetKey]*line
	// changed is closed, and replaced, when something changed.
	changed chan struct{}
}

func newBoard(client *api.Client) *board {
	return &board{client: client, lines: map[budgetKey]*line{}, changed: make(chan struct{})}
}

// join starts the watch if this is the first reader. Every join is followed by one leave.
func (b *board) join() {
	b.life.Lock()
	defer b.life.Unlock()
	if b.readers++; b.readers > 1 {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	b.stop, b.ended = stop, make(chan struct{})
	go func() {
		defer close(b.ended)
		b.follow(ctx, stop)
	}()
}

// leave takes a drain out of all lines. With the last reader the watch ends; leave returns when it has ended.
func (b *board) leave(l *ledger) {
	b.drop(func(t ticket) bool { return t.drain == l })
	b.life.Lock()
	defer b.life.Unlock()
	if b.readers--; b.readers > 0 {
		return
	}
	b.stop()
	<-b.ended
	b.update(func() { b.live, b.tried, b.budgets = false, false, nil })
}

// follow keeps the board until ctx ends, or until the server says that this identity may not see budgets.
func (b *board) follow(ctx context.Context, stop context.CancelFunc) {
	var listed map[budgetKey]budget // not nil: a list is under way
	api.Follow(ctx, b.client, "/apis/policy/v1/poddisruptionbudgets", nil, api.Handler[wireBudget]{
		Listing: func() { listed = map[budgetKey]budget{} },
		Seen: func(w wireBudget) {
			key := budgetKey{w.Metadata.Namespace, w.Metadata.Name}
			if listed != nil {
				listed[key] = budgetOf(w)
				return
			}
			b.update(func() { b.set(key, budgetOf(w)) })
		},
		Synced: func() {
			b.update(func() { b.replace(listed) })
			listed = nil
		},
		Gone: func(w wireBudget) {
			b.update(func() { b.remove(budgetKey{w.Metadata.Namespace, w.Metadata.Name}) })
		},
		Trouble: func(err error) {
			b.update(func() { b.live, b.tried = err == nil, true; b.terms++ })
			if apierrors.IsForbidden(err) {
				stop()
			}
		},
	})
}

func (b *board) update(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
	b.tell()
}

// tell wakes the drains.
func (b *board) tell() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// replace takes a complete list.
func (b *board) replace(listed map[budgetKey]budget) {
	b.budgets = map[budgetKey]budget{}
	for key, budget := range listed {
		b.set(key, budget)
	}
	b.live, b.tried = true, true
	b.terms++
}

func (b *board) set(key budgetKey, budget budget) {
	if before, known := b.budgets[key]; !known || before.generation != budget.generation {
		b.terms++
	}
	b.budgets[key] = budget
	if line := b.lines[key]; line != nil {
		line.show(budget.disrupted)
	}
}

func (b *board) remove(key budgetKey) {
	delete(b.budgets, key)
	b.terms++
}

// news is closed at the next change.
func (b *board) news() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// ready reports whether it is known what can be known of budgets.
func (b *board) ready() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tried
}

// guarding lists the budgets that guard a pod, in order, and says as of which terms; known is false without a live watch.
func (b *board) guarding(p pod) (names []string, terms int, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.live {
		return nil, b.terms, false
	}
	for key, budget := range b.budgets {
		if key.namespace == p.namespace && budget.selector.Matches(labels.Set(p.labels)) {
			names = append(names, key.name)
		}
	}
	slices.Sort(names)
	return names, b.terms, true
}

// current reports whether guarding would say what it said as of these terms.
func (b *board) current(terms int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.live || b.terms == terms
}

// find returns a budget. Without a live watch no budget is found.
func (b *board) find(key budgetKey) *budget {
	if found, ok := b.budgets[key]; ok && b.live {
		return &found
	}
	return nil
}

// look is find for who does not hold the lock.
func (b *board) look(key budgetKey) *budget {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.find(key)
}

// sentence says why the budget does not let a pod go, or what the server said of it if that was something else.
func (b *board) sentence(key budgetKey, said string) string {
	budget := b.look(key)
	switch {
	case said != "" && (budget == nil || !budgetMessage.MatchString(said)):
		return said
	case budget == nil:
		return "The disruption budget cannot be seen at the moment, and one pod asks for all"
	case budget.allows > 0:
		return fmt.Sprintf("The disruption budget %s allows %d disruptions now, for which other pods are first", key.name, budget.allows)
	default:
		return budget.sentence
	}
}

// admit lets a pod ask its budget, or puts it into the line.
func (b *board) admit(key budgetKey, t ticket, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	budget := b.find(key)
	l := b.lines[key]
	if l == nil {
		l = &line{next: now.Add(firstWait)}
		if budget != nil {
			l.next = now.Add(watchedWait)
		}
		b.lines[key] = l
	}
	return l.admit(l.join(t), budget, now)
}

// settle accounts for the answer to a pod that admit let go.
func (b *board) settle(key budgetKey, uid string, a answerKind, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.lines[key]; l != nil {
		l.settle(uid, a, b.find(key) != nil, now)
		b.tell() // to who may be next now
	}
}

// wake is when a pod that waits may be let go although nothing happens before; zero: never.
func (b *board) wake(key budgetKey, uid string, now time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lines[key]
	if l == nil {
		return time.Time{}
	}
	at := slices.IndexFunc(l.waiting, func(t ticket) bool { return t.uid == uid })
	if at < 0 {
		return time.Time{}
	}
	return l.wake(at, b.find(key), now)
}

// stepBack lets others go first while a drain cannot ask.
func (b *board) stepBack(drain *ledger) {
	b.mu.Lock()
	defer b.mu.Unlock()
	told := false
	for _, l := range b.lines {
		before := len(l.waiting)
		l.waiting = slices.DeleteFunc(l.waiting, func(t ticket) bool { return t.drain == drain })
		told = told || len(l.waiting) < before
	}
	if told {
		b.tell()
	}
}

// drop forgets what the lines know of those of whom is is true.
func (b *board) drop(is func(ticket) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	told := false
	for key, l := range b.lines {
		told = l.drop(is) || told
		if l.empty() {
			delete(b.lines, key)
		}
	}
	if told {
		b.tell()
	}
}
