package drain

import (
	"context"
	"slices"
	"sync"

	"k8s-framework/internal/kube/api"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
)

// board shows the state of all budgets to all drains that are blocked by one: one watch, which runs while at least one
// drain looks at it. It has a lock because many drains look at what one goroutine writes.
type board struct {
	client *api.Client

	// life guards the watch's begin and end, and is held while they happen: two watches never write at the same time.
	life    sync.Mutex
	readers int
	stop    context.CancelFunc
	ended   chan struct{} // closed when the watch has ended

	// mu guards what the watch writes and the drains read.
	mu sync.Mutex
	// live: the list is complete and no trouble was told since. False for an identity that may not watch budgets.
	live    bool
	budgets map[budgetKey]budget
	// changed is closed, and replaced, when something changed.
	changed chan struct{}
}

func newBoard(client *api.Client) *board {
	return &board{client: client, changed: make(chan struct{})}
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

// leave ends the watch with its last reader, and returns when it has ended.
func (b *board) leave() {
	b.life.Lock()
	defer b.life.Unlock()
	if b.readers--; b.readers > 0 {
		return
	}
	b.stop()
	<-b.ended
	b.update(func() { b.live, b.budgets = false, nil })
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
			b.update(func() { b.budgets[key] = budgetOf(w) })
		},
		Synced: func() {
			b.update(func() { b.budgets, b.live = listed, true })
			listed = nil
		},
		Gone: func(w wireBudget) {
			b.update(func() { delete(b.budgets, budgetKey{w.Metadata.Namespace, w.Metadata.Name}) })
		},
		Trouble: func(err error) {
			b.update(func() { b.live = err == nil })
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
	close(b.changed)
	b.changed = make(chan struct{})
}

// news is closed at the next change.
func (b *board) news() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// known reports whether the board shows the present.
func (b *board) known() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.live
}

// find returns a budget. Without a live watch no budget is found.
func (b *board) find(key budgetKey) (budget, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	found, ok := b.budgets[key]
	return found, ok && b.live
}

// guarding lists the budgets that guard a pod, in order.
func (b *board) guarding(p pod) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.live {
		return nil
	}
	var names []string
	for key, budget := range b.budgets {
		if key.namespace == p.namespace && budget.selector.Matches(labels.Set(p.labels)) {
			names = append(names, key.name)
		}
	}
	slices.Sort(names)
	return names
}
