package master

import (
	"container/heap"
	"time"
)

// timers are the loop's deadlines. They belong to the loop, as everything else does.
type timers struct{ heap timerHeap }

type timer struct {
	at    time.Time
	seq   uint64 // timers of one time run in the order in which they were set
	f     func()
	index int // -1: not in the heap
}

// after runs f in the loop after d, unless it is stopped.
func (t *timers) after(now time.Time, d time.Duration, f func()) *timer {
	entry := &timer{at: now.Add(d), f: f, seq: t.heap.next}
	t.heap.next++
	heap.Push(&t.heap, entry)
	return entry
}

// stop takes a timer back; nil and timers that have run are fine.
func (t *timers) stop(entry *timer) {
	if entry != nil && entry.index >= 0 {
		heap.Remove(&t.heap, entry.index)
	}
}

// run runs what is due and returns when the next one is.
func (t *timers) run(now time.Time) (next time.Time, any bool) {
	for len(t.heap.entries) > 0 {
		first := t.heap.entries[0]
		if first.at.After(now) {
			return first.at, true
		}
		heap.Pop(&t.heap)
		first.f()
	}
	return time.Time{}, false
}

type timerHeap struct {
	entries []*timer
	next    uint64
}

func (h *timerHeap) Len() int { return len(h.entries) }

func (h *timerHeap) Less(i, j int) bool {
	a, b := h.entries[i], h.entries[j]
	if a.at.Equal(b.at) {
		return a.seq < b.seq
	}
	return a.at.Before(b.at)
}

func (h *timerHeap) Swap(i, j int) {
	h.entries[i], h.entries[j] = h.entries[j], h.entries[i]
	h.entries[i].index, h.entries[j].index = i, j
}

func (h *timerHeap) Push(x any) {
	entry := x.(*timer)
	entry.index = len(h.entries)
	h.entries = append(h.entries, entry)
}

func (h *timerHeap) Pop() any {
	last := h.entries[len(h.entries)-1]
	h.entries[len(h.entries)-1] = nil
	h.entries = h.entries[:len(h.entries)-1]
	last.index = -1
	return last
}
