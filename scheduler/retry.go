package scheduler

import (
	"cmp"
	"time"
)

// The waits of questions and orders that got no answer: the first, doubled each time, up to the last.
const (
	firstRetry = 10 * time.Second
	lastRetry  = 5 * time.Minute
)

// retry spaces the attempts at one thing.
type retry struct {
	attempts int
	next     time.Time
	// waiting: an operation was asked for and its result has not come.
	waiting bool
}

// due reports whether the next attempt's time has come.
func (r *retry) due(now time.Time) bool { return !r.waiting && !now.Before(r.next) }

// tried counts an attempt and sets the time of the next.
func (r *retry) tried(now time.Time) {
	r.next = now.Add(backoff(r.attempts))
	r.attempts++
}

// asked counts an attempt whose result comes as an event.
func (r *retry) asked(now time.Time) {
	r.tried(now)
	r.waiting = true
}

// backoff is the wait after the given number of earlier attempts.
func backoff(attempts int) time.Duration {
	wait := firstRetry
	for range attempts {
		if wait *= 2; wait >= lastRetry {
			return lastRetry
		}
	}
	return wait
}

func byNumber(a, b *node) int { return cmp.Compare(a.number, b.number) }
