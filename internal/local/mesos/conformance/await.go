package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// deadline is how long an output of that recorded time is awaited.
func (r *replay) deadline(at time.Duration) time.Time {
	due := r.due(at)
	if now := time.Now(); due.Before(now) {
		due = now
	}
	return due.Add(patience)
}

// earliest is how much earlier than recorded something may come, if it came before the latest input: restarts may be
// quicker, replays catch up.
const earliest = 3 * time.Second

// awaited is an event, or the end of a stream, that has not come yet.
type awaited struct {
	entry    *Entry
	want     any
	since    time.Time // what came before is something else
	deadline time.Time
	part     *Part
}

// awaitObservation waits for an event or the end of a stream. After a short wait the replay goes on without it, so that
// one delay does not spoil the distances of all that follows; it may still come until its deadline.
func (r *replay) awaitObservation(ctx context.Context, e *Entry) {
	r.result.Compared++
	want, err := e.value()
	if err != nil {
		r.mismatch(e, err.Error(), nil)
		return
	}
	since := r.due(e.At).Add(-earliest)
	if r.input.Before(since) {
		since = r.input
	}
	r.late = append(r.late, awaited{entry: e, want: want, since: since, deadline: r.deadline(e.At), part: r.part})
	r.catchUp(ctx, e, r.deadline(e.At).Add(grace-patience))
}

// catchUp matches what is awaited with what has come, until the given entry is no longer awaited, or until the given time.
// With no entry it looks once.
func (r *replay) catchUp(ctx context.Context, e *Entry, until time.Time) {
	for {
		r.learn()
		list, changed := r.obs.unused()
		var still []awaited
		for _, a := range r.late {
			if !r.matchLate(a, list) {
				still = append(still, a)
			}
		}
		r.late = still
		if !r.awaits(e) || !time.Now().Before(until) || ctx.Err() != nil {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
		case <-time.After(time.Until(until)):
		}
	}
	var still []awaited
	for _, a := range r.late {
		if time.Now().Before(a.deadline) {
			still = append(still, a)
			continue
		}
		r.takeClosest(a)
	}
	r.late = still
}

func (r *replay) awaits(e *Entry) bool {
	return slices.ContainsFunc(r.late, func(a awaited) bool { return a.entry == e })
}

func (r *replay) matchLate(a awaited, list []*observation) bool {
	for _, ob := range list {
		if !ob.used && r.isOf(ob, a.entry) && !ob.at.Before(a.since) && len(r.try(a.entry, a.want, ob)) == 0 {
			r.take(a.entry, ob)
			r.result.Matched++
			return true
		}
	}
	return false
}

// overdue waits for everything that is awaited, until each one's deadline.
func (r *replay) overdue(ctx context.Context) {
	for len(r.late) > 0 && ctx.Err() == nil {
		first := r.late[0]
		r.catchUp(ctx, first.entry, first.deadline)
		pause(ctx, time.Millisecond)
	}
}

// takeClosest reports that nothing fits. If something of the kind came that is much alike, it is taken for the entry.
func (r *replay) takeClosest(a awaited) {
	e, want := a.entry, a.want
	var best *observation
	var bestDiffs []Diff
	list, _ := r.obs.unused()
	for _, ob := range list {
		if !r.isOf(ob, e) || ob.at.Before(a.since) {
			continue
		}
		diffs := r.try(e, want, ob)
		if len(diffs) <= closeEnough && (best == nil || len(diffs) < len(bestDiffs)) {
			best, bestDiffs = ob, diffs
		}
	}
	if best == nil {
		r.mismatchIn(a.part, e, "", nil)
		return
	}
	if e.Kind == Event {
		r.matcher(false).force(want, best.value)
	}
	r.take(e, best)
	r.mismatchIn(a.part, e, r.names.show(best.describe()), bestDiffs)
}

// closeEnough is how many differences an event may have to be reported in place of the recorded one.
const closeEnough = 6

func (r *replay) isOf(ob *observation, e *Entry) bool {
	return ob.speaker == e.speaker() && ob.kind == e.Kind && ob.typ == e.Type && (e.Stream == 0 || ob.stream == e.Stream)
}

func (r *replay) try(e *Entry, want any, ob *observation) []Diff {
	if e.Kind == StreamEnd {
		if ob.text == e.Body || e.Body == "last chunk (0)" && strings.HasPrefix(ob.text, e.Body) {
			return nil
		}
		return []Diff{{Path: "end", Want: e.Body, Got: ob.text}}
	}
	if want == nil { // only the type is shown
		return nil
	}
	return r.matcher(false).try(want, ob.value)
}

func (r *replay) matcher(excerpt bool) matcher {
	return matcher{names: r.names, when: r.due, excerpt: excerpt}
}

func (r *replay) take(e *Entry, ob *observation) {
	ob.used = true
	if e.Kind == Event && e.Role == Executor && e.Type == "LAUNCH" {
		if task := field(ob.value, "launch", "task"); task != nil {
			r.launched[text(task, "task_id", "value")] = task
		}
	}
	if e.Kind == Event && e.Type == "OFFERS" {
		r.scene.lastOffers = ob.at
	}
}

// learn looks through what has come for what later calls need: roles of offers, hostnames of agents.
func (r *replay) learn() {
	list, _ := r.obs.unused()
	for _, ob := range list {
		offers, _ := field(ob.value, "offers", "offers").([]any)
		for _, o := range offers {
			r.offerRoles[text(o, "id", "value")] = text(o, "allocation_info", "role")
			r.names.seen[text(o, "agent_id", "value")] = text(o, "hostname")
		}
	}
}

// value is the JSON of an event or answer as recorded; nil if the recording shows none.
func (e *Entry) value() (any, error) {
	if e.Body == "" || e.Kind == StreamEnd {
		return nil, nil
	}
	var v any
	if err := json.Unmarshal([]byte(e.Body), &v); err != nil {
		return nil, fmt.Errorf("recorded JSON: %w", err)
	}
	return v, nil
}

func (ob *observation) describe() string {
	switch ob.kind {
	case Event:
		return fmt.Sprintf("%s (stream %d) event: %s", ob.speaker, ob.stream, ob.text)
	case StreamEnd:
		return fmt.Sprintf("%s (stream %d) stream ends: %s", ob.speaker, ob.stream, ob.text)
	}
	return fmt.Sprintf("%s %s %s", ob.speaker, ob.typ, ob.text)
}

func (r *replay) mismatch(e *Entry, got string, diffs []Diff) { r.mismatchIn(r.part, e, got, diffs) }

func (r *replay) mismatchIn(part *Part, e *Entry, got string, diffs []Diff) {
	r.result.Mismatches = append(r.result.Mismatches, Mismatch{
		Scenario: r.t.Name, Part: part.Title, Line: e.Line, Want: e.Text, Got: got, Diffs: diffs,
	})
}

// reportUnrecorded reports what came two parts ago, or before, and that no entry has taken since.
func (r *replay) reportUnrecorded(number int) {
	list, _ := r.obs.unused()
	for _, ob := range list {
		if ob.part >= number || ob.at.After(r.ended) && !r.ended.IsZero() || ob.typ == "HEARTBEAT" || r.lostAtExit(ob) ||
			slices.ContainsFunc(r.late, func(a awaited) bool { return r.isOf(ob, a.entry) }) {
			continue
		}
		ob.used = true
		line := 0
		if r.current != nil {
			line = r.current.Line
		}
		r.result.Mismatches = append(r.result.Mismatches, Mismatch{
			Scenario: r.t.Name, Part: r.part.Title, Line: line, Got: r.names.show(ob.describe()),
		})
	}
}

// lostAtExit says of an ACKNOWLEDGED that its executor was told to exit at about the same time: the recorded one was
// faster and did not hear it.
func (r *replay) lostAtExit(ob *observation) bool {
	name, isExecutor := strings.CutPrefix(ob.speaker, "executor ")
	exit, told := r.scene.exits[name]
	return isExecutor && told && ob.typ == "ACKNOWLEDGED" && exit.Sub(ob.at) < 200*time.Millisecond
}
