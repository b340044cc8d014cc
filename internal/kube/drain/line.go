package drain

import (
	"slices"
	"time"
)

// line is the pods of all drains that wait for one budget, first come, first served, and those that have a place of it.
//
// A budget's status says how many pods it lets go. Every pod that asks books one of these places until the status shows it:
// the API server writes a pod that it lets go into the status in the same moment. So drains that share a budget ask once for
// a pod, when there is a place for it; were each to try what the budget allows, most would be refused.
//
// Few ask at the same time. The API server writes each eviction into the budget's status, and a call whose write meets another
// one sleeps for half a second in there before it tries again, or fails; its controller, which writes there too, backs off
// further each time that it loses. Of 40 nodes with 1,200 pods and four budgets, evictions one at a time took 76 s, four at a
// time 47 s and sixteen 49 s.
//
// Where the budget cannot be seen, one pod at a time asks for all, after a wait that grows with each refusal.
type line struct {
	waiting []ticket
	booked  []booking
	// full is the version of the budget at which the server refused although the status had a place.
	full string
	// next is when one pod asks although nothing says that there is a place.
	next  time.Time
	tries int
}

// ticket is a pod of a drain in a line.
type ticket struct {
	drain     *ledger
	uid, name string
}

// booking is a place that a pod has.
type booking struct {
	ticket
	version string    // of the budget when it was booked
	asked   time.Time // when it asked
	asking  bool      // its answer is outstanding
	shown   bool      // the status has accounted for it
	until   time.Time // when to believe that the status will not show it, once it was let go
}

const (
	// The waits after a refusal double from the first to the longest.
	firstWait   = 250 * time.Millisecond
	longestWait = 5 * time.Second
	// At a budget that cannot be watched the first wait holds for blindTries refusals, since most budgets free up within
	// seconds, and then doubles to blindWait, since a drain that is blocked for an hour should not ask all the time.
	blindTries = 20
	blindWait  = 2 * time.Second
	// A budget that is watched needs asking only in case the watch missed something.
	watchedWait = 30 * time.Second
	// perBudget bounds the calls to one budget that are under way.
	perBudget = 4
	// slowAnswer is after what time without an answer a call does not count for that.
	slowAnswer = time.Second
	// shownWithin is how long the status may take to show a pod that was let go. Those that the server lets go without
	// counting, such as one that was not ready any more, are never shown.
	shownWithin = 5 * time.Second
)

// wait is the pause after that many refusals in a row.
func wait(tries int, longest time.Duration) time.Duration {
	return min(firstWait<<min(tries, 20), longest)
}

// blind is the pause after that many refusals by a budget that cannot be watched.
func blind(tries int) time.Duration { return wait(max(0, tries-blindTries), blindWait) }

func (l *line) empty() bool { return len(l.waiting) == 0 && len(l.booked) == 0 }

// join puts a pod at the end unless it is in the line already, and returns its place in it.
func (l *line) join(t ticket) int {
	for i, each := range l.waiting {
		if each.uid == t.uid {
			return i
		}
	}
	l.waiting = append(l.waiting, t)
	return len(l.waiting) - 1
}

// admit lets the pod at that place in the line go and ask, if it is its time. b is the budget, or nil if it is not known.
func (l *line) admit(at int, b *budget, now time.Time) bool {
	switch {
	case !l.quiet(now).IsZero():
		return false
	case at < l.free(b, now):
	case at > 0 || l.asking() || now.Before(l.next): // or it asks for all
		return false
	}
	taken := booking{ticket: l.waiting[at], asking: true, asked: now}
	if b != nil {
		taken.version = b.version
	}
	l.booked = append(l.booked, taken)
	l.waiting = slices.Delete(l.waiting, at, at+1)
	return true
}

// wake is when the pod at that place may be let go although nothing happens before; zero: never.
func (l *line) wake(at int, b *budget, now time.Time) time.Time {
	if until := l.quiet(now); !until.IsZero() {
		return until
	}
	switch {
	case at < l.free(b, now):
		return now
	case at == 0 && !l.asking():
		return l.next
	default:
		return time.Time{}
	}
}

// quiet is until when nobody asks, since the budget answers as many as it should; zero: somebody may now.
func (l *line) quiet(now time.Time) (until time.Time) {
	answering := 0
	for _, each := range l.booked {
		end := each.asked.Add(slowAnswer)
		if !each.asking || !now.Before(end) {
			continue
		}
		if answering++; until.IsZero() || end.Before(until) {
			until = end
		}
	}
	if answering < perBudget {
		return time.Time{}
	}
	return until
}

// free is how many places nobody has booked.
func (l *line) free(b *budget, now time.Time) int {
	if b == nil || b.version == l.full {
		return 0
	}
	free := b.allows
	for _, each := range l.booked {
		if !each.shown && (each.asking || now.Before(each.until)) {
			free--
		}
	}
	return max(0, free)
}

// asking reports whether an answer of the budget is outstanding.
func (l *line) asking() bool {
	return slices.ContainsFunc(l.booked, func(b booking) bool { return b.asking })
}

// settle accounts for the answer to a pod that was admitted. watched: the budget's status is seen.
func (l *line) settle(uid string, a answerKind, watched bool, now time.Time) {
	at := slices.IndexFunc(l.booked, func(b booking) bool { return b.uid == uid && b.asking })
	if at < 0 {
		return
	}
	if a == accepted {
		l.booked[at].asking, l.booked[at].until = false, now.Add(shownWithin)
		l.sweep()
		l.tries, l.next = 0, now // the next one, at once
		if watched {
			l.next = now.Add(watchedWait) // the status says how many more
		}
		return
	}
	version := l.booked[at].version
	l.booked = slices.Delete(l.booked, at, at+1)
	if a == shut {
		l.full = version
		l.next = now.Add(blind(l.tries))
		if watched {
			l.next = now.Add(watchedWait)
		}
		l.tries++
	}
}

// show accounts for the pods that the budget's status shows.
func (l *line) show(names []string) {
	for i, b := range l.booked {
		l.booked[i].shown = b.shown || slices.Contains(names, b.name)
	}
	l.sweep()
}

// sweep ends the bookings that are settled on both sides.
func (l *line) sweep() {
	l.booked = slices.DeleteFunc(l.booked, func(b booking) bool { return b.shown && !b.asking })
}

// drop forgets what it knows of those of whom is is true: a pod that is gone, or a drain that ended.
func (l *line) drop(is func(ticket) bool) (dropped bool) {
	before := len(l.waiting) + len(l.booked)
	l.waiting = slices.DeleteFunc(l.waiting, is)
	l.booked = slices.DeleteFunc(l.booked, func(b booking) bool { return is(b.ticket) })
	return len(l.waiting)+len(l.booked) < before
}
