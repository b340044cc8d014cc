package executor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s-framework/internal/kubelet"
)

// room is what is made on the node before its kubelet gets smaller. A smaller kubelet would end by itself the pods that no longer
// fit, the youngest first and without asking a budget; so they are evicted before it is started.
type room struct {
	by     time.Time     // when making it is over at the latest; zero: never
	target kubelet.Slice // that it is made for
	made   bool

	job       job // what is under way at the API server
	calledOff bool
	cordoned  bool // by us
	closed    bool // the Node is cordoned, by whomever
	retryAt   time.Time
	failures  int

	podsLeft int
	blocked  []string
}

// job is what is under way at the API server. There is one at a time, or an uncordon could come after a cordon that followed it.
type job int

const (
	idle job = iota
	cordoning
	uncordoning
	making
)

// hurry sets the time for the first task that leaves, and can only shorten it for those that follow, or the same again.
func (r *room) hurry(by time.Time, first bool) {
	if !first {
		by = earlier(r.by, by)
	}
	r.by = by
}

// detail is where the making of room stands; empty until something is known.
func (r *room) detail() string {
	var known []string
	if r.podsLeft > 0 {
		known = append(known, fmt.Sprintf("%d pods have to leave", r.podsLeft))
	}
	if len(r.blocked) > 0 {
		known = append(known, "blocked: "+strings.Join(r.blocked, "; "))
	}
	return strings.Join(known, "; ")
}

// leaving are the tasks that were killed, while others stay, and whose share is not given back yet.
func (m *Machine) leaving() []*task {
	if m.end != nil {
		return nil
	}
	return slices.DeleteFunc(m.live(), func(t *task) bool { return !t.killed || t.released })
}

// smaller is the sum of the tasks that stay, and reports whether pods may have to leave for it.
func (m *Machine) smaller() (kubelet.Slice, bool) {
	slice := sliceOf(slices.DeleteFunc(m.live(), func(t *task) bool { return t.killed }))
	return slice, len(m.leaving()) > 0 && m.past(m.worker.changed.Add(shrinkSettle)) && m.enough(slice) == ""
}

// enough says why no room has to be made for the slice, or no longer; empty if it has.
func (m *Machine) enough(slice kubelet.Slice) string {
	r := &m.room
	switch {
	case !m.worker.everHealthy:
		return "no pod has ever run"
	case m.worker.slice.Within(slice):
		return "nothing gets smaller"
	case r.made && r.target == slice:
		return "there is room"
	case !r.by.IsZero() && m.past(r.by):
		return fmt.Sprintf("its time is over, the kubelet ends what does not fit; pods left: %d %q", r.podsLeft, r.blocked)
	default:
		return ""
	}
}

// cordon keeps new pods away while there is not room for them, and from a node that is parked: pods that ask for nothing fit any
// slice. It takes back what it did itself, and nothing else.
func (m *Machine) cordon() {
	r := &m.room
	if m.end != nil || m.preparation != prepared || !m.worker.everHealthy {
		return
	}
	slice, shrinking := m.smaller()
	parked := sliceOf(m.wanted()).Parked()
	steady := m.worker.state == healthy && m.worker.slice == sliceOf(m.wanted()) && len(m.leaving()) == 0 && !parked
	switch {
	case r.job != idle || !m.past(r.retryAt):
	case (shrinking || parked) && !r.closed:
		r.job = cordoning
		m.do(Cordon{Why: fmt.Sprintf("there will be %v only", slice)})
	case steady && r.cordoned:
		r.job = uncordoning
		m.do(Uncordon{Why: fmt.Sprintf("there are %v now", m.worker.slice)})
	case steady:
		r.closed = false // somebody else's cordon stays
	}
}

func (m *Machine) makeRoom() {
	r := &m.room
	if m.end != nil {
		m.callOff(m.end.why)
		return
	}
	leaving := m.leaving()
	if len(leaving) == 0 || !m.past(m.worker.changed.Add(shrinkSettle)) {
		return
	}
	slice, needed := m.smaller()
	if r.target != slice {
		if r.job == making {
			m.callOff("the tasks have changed")
		}
		r.target, r.made = slice, false
	}
	if !needed {
		why := m.enough(slice)
		m.callOff(why)
		m.note("room for %v: %s", slice, why)
		for _, t := range leaving {
			t.released = true
		}
		r.made, r.failures, r.podsLeft, r.blocked = false, 0, 0, nil
		return
	}
	m.tell(leaving, fmt.Sprintf("making room for %v", slice), r.detail(), r.podsLeft, r.blocked)
	if r.closed && r.job == idle && m.past(r.retryAt) {
		r.job = making
		m.do(MakeRoom{Slice: slice, Why: "tasks were killed"})
	}
}

// callOff ends what is under way at the API server. Its result comes all the same.
func (m *Machine) callOff(why string) {
	if r := &m.room; r.job != idle && !r.calledOff {
		r.calledOff = true
		m.do(CancelRoom{Why: why})
	}
}

// givenBack reports whether the share of a killed task is given back: the kubelet runs without it, and the Node takes pods
// again, unless that cannot be had.
func (m *Machine) givenBack(t *task) bool {
	opened := !m.room.cordoned || m.room.failures > 0 || m.worker.slice.Parked()
	return m.end == nil && t.released && !t.included && opened
}

// observeRoom takes in the result of what was under way at the API server.
func (m *Machine) observeRoom(event Event) {
	r := &m.room
	job, off := r.job, r.calledOff
	r.job, r.calledOff = idle, false
	switch e := event.(type) {
	case Cordoned:
		r.closed, r.cordoned, r.failures = true, r.cordoned || e.Fresh, 0
	case Uncordoned:
		r.closed, r.cordoned, r.failures = false, false, 0
	case RoomMade:
		r.made = !off && job == making
		r.failures = 0
		if e.Note != "" {
			m.note("%s", e.Note)
		}
	case RoomFailed:
		r.cordoned = r.cordoned || (job == cordoning && e.Unsure)
		if off {
			return
		}
		r.failures++
		r.retryAt = m.now.Add(min(time.Second<<min(r.failures-1, 4), 10*time.Second))
		r.blocked = []string{e.Why}
		m.note("making room: %s", e.Why)
	}
}
