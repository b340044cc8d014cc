package drain

import (
	"maps"
	"sync"
)

// Stats is what a Drainer does and did, for metrics.
type Stats struct {
	// UnderWay counts the drains that go on, PodsLeft the pods that they wait for.
	UnderWay, PodsLeft int
	// Blocked counts the pods of these drains that do not leave, by what holds them.
	Blocked map[Cause]int
	// WaitingForVolumes counts the drains whose pods are gone and whose volumes are still in use.
	WaitingForVolumes int
	// Evictions counts the answers to eviction calls, by result: accepted, gone (404, 409), contended (409 of the budget), budget (429), budgets (more
	// than one guards the pod), namespace (it is being deleted), denied, busy (429, 502, 503, 504), unanswered.
	Evictions map[string]uint64
	// Drained counts the drains that ended with a drained node, Undrained those that a deadline, a cancel or an error ended.
	Drained, Undrained uint64
}

// stats gathers what the drains tell.
type stats struct {
	mu        sync.Mutex
	running   map[*run]Progress
	evictions map[string]uint64
	drained   uint64
	undrained uint64
}

func newStats() *stats { return &stats{running: map[*run]Progress{}, evictions: map[string]uint64{}} }

func (s *stats) stands(r *run, p Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[r] = p
}

func (s *stats) ended(r *run, drained bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, r)
	if drained {
		s.drained++
	} else {
		s.undrained++
	}
}

func (s *stats) answered(a answerKind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.evictions[a.String()]++
}

// Stats tells where all drains stand. It may be called from any goroutine.
func (d *Drainer) Stats() Stats {
	d.stats.mu.Lock()
	defer d.stats.mu.Unlock()
	all := Stats{
		UnderWay: len(d.stats.running), Blocked: map[Cause]int{}, Evictions: maps.Clone(d.stats.evictions),
		Drained: d.stats.drained, Undrained: d.stats.undrained,
	}
	for _, p := range d.stats.running {
		all.PodsLeft += p.PodsLeft
		for _, b := range p.Blocked {
			all.Blocked[b.Cause]++
		}
		if p.Volumes != nil {
			all.WaitingForVolumes++
		}
	}
	return all
}
