package hollow

import "time"

// deadlines are a heap of what is due later. Nothing is taken back: what is no longer wanted finds that out by itself.
type deadlines []deadline

type deadline struct {
	at time.Time
	f  func()
}

func (d *deadlines) add(at time.Time, f func()) {
	h := append(*d, deadline{at, f})
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].at.Before(h[up].at) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
	*d = h
}

// run runs what is due and returns how long it is to the next.
func (d *deadlines) run(now time.Time) time.Duration {
	for len(*d) > 0 {
		if wait := (*d)[0].at.Sub(now); wait > 0 {
			return wait
		}
		d.pop()()
	}
	return time.Hour
}

// pop takes the first out.
func (d *deadlines) pop() func() {
	h := *d
	first, last := h[0].f, len(h)-1
	h[0], h[last] = h[last], deadline{}
	h = h[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down+1 < last && h[down+1].at.Before(h[down].at) {
			down++
		}
		if down >= last || !h[down].at.Before(h[i].at) {
			break
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
	*d = h
	return first
}
