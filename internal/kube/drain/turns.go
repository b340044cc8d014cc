package drain

import (
	"context"
	"slices"
	"sync"
)

// turns shares the places for eviction calls among the drains: while all are taken, a place that gets free goes to the drain
// that has waited for a turn longest, and each turn is one call. A node with three pods does not wait for one with a hundred.
type turns struct {
	mu sync.Mutex
	// free places; while there is one, nobody waits.
	free   int
	queues []*queue // of the drains that wait; the next one's first
}

// queue is the calls of one drain that wait for a place.
type queue struct {
	drain   *run
	waiting []chan struct{} // closed when the place is given
}

// take waits for a place. Unless it returns an error, which is ctx's, give follows.
func (t *turns) take(ctx context.Context, drain *run) error {
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return nil
	}
	given := make(chan struct{})
	if q := t.of(drain); q != nil {
		q.waiting = append(q.waiting, given)
	} else {
		t.queues = append(t.queues, &queue{drain: drain, waiting: []chan struct{}{given}})
	}
	t.mu.Unlock()
	select {
	case <-given:
		return nil
	case <-ctx.Done():
		t.mu.Lock()
		defer t.mu.Unlock()
		if !t.remove(drain, given) {
			t.pass() // it was given in this moment
		}
		return ctx.Err()
	}
}

// give returns a place.
func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pass()
}

// pass hands a place to whose turn it is.
func (t *turns) pass() {
	if len(t.queues) == 0 {
		t.free++
		return
	}
	q := t.queues[0]
	t.queues = t.queues[1:]
	close(q.waiting[0])
	if q.waiting = q.waiting[1:]; len(q.waiting) > 0 {
		t.queues = append(t.queues, q)
	}
}

func (t *turns) of(drain *run) *queue {
	for _, q := range t.queues {
		if q.drain == drain {
			return q
		}
	}
	return nil
}

// remove reports whether the call was still waiting.
func (t *turns) remove(drain *run, given chan struct{}) bool {
	q := t.of(drain)
	if q == nil {
		return false
	}
	at := slices.Index(q.waiting, given)
	if at < 0 {
		return false
	}
	if q.waiting = slices.Delete(q.waiting, at, at+1); len(q.waiting) == 0 {
		t.queues = slices.DeleteFunc(t.queues, func(each *queue) bool { return each == q })
	}
	return true
}
