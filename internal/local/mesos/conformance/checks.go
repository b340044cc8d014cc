package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"
)

var jsonKey = regexp.MustCompile(`"[a-z_]+":`)

// check awaits or looks at what the recorder saw. The error says what is seen instead.
func (r *replay) check(ctx context.Context, e *Entry, form string, m []string) error {
	switch form {
	case "executor starts":
		return r.executorStarts(ctx, e, m[1], m[2])
	case "no event", "no answer", "next offer", "stream open", "got data":
		return r.checkStream(ctx, e, form, m)
	case "executor alive", "same pid", "agent alive", "agent gone", "agent exits", "agent registered", "agent log",
		"master gone", "master exits", "master log":
		return r.checkProcess(ctx, e, form, m)
	case "leads":
		return r.leads(ctx, e, m[1], m[2])
	case "pods cgroup":
		return r.podsCgroup(ctx, e, m)
	case "cgroup":
		return r.cgroupValues(ctx, e, m[1], m[3])
	case "probe":
		return r.soon(ctx, e, 300*time.Millisecond, func() error {
			if got := r.scene.probe.answers(); !slices.Contains(got, m[1]) {
				return fmt.Errorf("the different answers were %q", got)
			}
			return nil
		})
	case "zookeeper ls", "zookeeper get":
		return r.until(ctx, e, func() error { return r.inZooKeeper(form, m[1], m[2]) })
	case "web server", "sandbox", "beside sandbox", "stderr":
		return r.until(ctx, e, func() error { return r.checkFetched(form, m) })
	}
	return fmt.Errorf("no check for the form %q", form)
}

// until tries a check again and again until the recorded time and the usual patience have passed.
func (r *replay) until(ctx context.Context, e *Entry, check func() error) error {
	return r.soon(ctx, e, patience, check)
}

// soon is until with less patience.
func (r *replay) soon(ctx context.Context, e *Entry, within time.Duration, check func() error) error {
	for deadline := r.deadline(e.At).Add(within - patience); ; {
		err := check()
		if err == nil || time.Now().After(deadline) || ctx.Err() != nil {
			return err
		}
		pause(ctx, 20*time.Millisecond)
	}
}

func (r *replay) executorStarts(ctx context.Context, e *Entry, name, shown string) error {
	var want map[string]any
	if err := json.Unmarshal([]byte(shown), &want); err != nil {
		return fmt.Errorf("recorded JSON: %w", err)
	}
	return r.until(ctx, e, func() error {
		list, _ := r.obs.unused()
		for _, ob := range list {
			if ob.speaker != "executor "+name || ob.typ != "starts" {
				continue
			}
			ob.used = true
			if diffs := r.compareBirth(want, ob.value); len(diffs) > 0 {
				return fmt.Errorf("%v", diffs)
			}
			return nil
		}
		return errors.New("it has not started")
	})
}

// compareBirth compares the shown fields of what an executor saw at its start. A cgroup outside of Mesos is the one in
// which this test runs.
func (r *replay) compareBirth(want map[string]any, got any) (diffs []Diff) {
	own := cgroupsOf("self")
	for _, key := range sortedKeys(want) {
		if key != "cgroups" {
			diffs = append(diffs, r.matcher(false).force(want[key], field(got, key))...)
			continue
		}
		groups, _ := want[key].(map[string]any)
		for _, controller := range sortedKeys(groups) {
			shown, have := text(groups, controller), text(got, "cgroups", controller)
			if shown == "/" || shown == "$CGROUP" {
				shown = r.names.recorded(own[controller])
			}
			if !r.names.matchText(shown, have) {
				diffs = append(diffs, Diff{"cgroup " + controller, shown, have})
			}
		}
	}
	return diffs
}

func (r *replay) checkStream(ctx context.Context, e *Entry, form string, m []string) error {
	switch form {
	case "no event":
		seconds, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return err
		}
		return r.nothing(ctx, e, m[1], m[2], time.Duration(seconds*float64(time.Second)))
	case "no answer":
		return r.nothing(ctx, e, "UPDATE", r.scene.caller, time.Since(r.scene.lastCall)+time.Until(r.due(e.At)))
	case "next offer":
		if m[2] != "" {
			return nil // "no OFFERS event" stands before it
		}
		want, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return err
		}
		if got := r.scene.lastOffers.Sub(r.scene.lastCall).Seconds(); got < want-1.2 || got > want+1.2 {
			return fmt.Errorf("the offer came after %.1f s", got)
		}
		return nil
	case "got data":
		return r.until(ctx, e, func() error { return r.gotData(m[1]) })
	}
	return r.streamState(ctx, e, m[1], m[2])
}

// nothing waits until the recorded time and demands that no event of the type came in the time before.
func (r *replay) nothing(ctx context.Context, e *Entry, typ, speaker string, within time.Duration) error {
	pause(ctx, time.Until(r.due(e.At)))
	since := time.Now().Add(-within)
	list, _ := r.obs.unused()
	for _, ob := range list {
		if ob.speaker == speaker && ob.typ == typ && ob.at.After(since) {
			ob.used = true
			return errors.New(ob.describe())
		}
	}
	return nil
}

func (r *replay) gotData(length string) error {
	list, _ := r.obs.unused()
	for _, ob := range list {
		if ob.speaker != "executor "+r.scene.executor || ob.typ != "MESSAGE" {
			continue
		}
		ob.used = true
		if got := len(text(ob.value, "message", "data")); strconv.Itoa(got) != length {
			return fmt.Errorf("it got %d characters", got)
		}
		return nil
	}
	return errors.New("it got no MESSAGE")
}

func (r *replay) streamState(ctx context.Context, e *Entry, name, want string) error {
	if name == "" {
		name = r.scene.caller
	}
	pause(ctx, time.Until(r.due(e.At)))
	s := r.schedulers[name]
	if s == nil {
		return fmt.Errorf("%s has no stream", name)
	}
	r.mu.Lock()
	ended := s.ended[s.streams]
	r.mu.Unlock()
	if ended != (want == "ended") {
		return fmt.Errorf("the stream is ended: %v", ended)
	}
	return nil
}

// podsCgroup looks at the cgroup below a container's own; the first time, that is where it is made.
func (r *replay) podsCgroup(ctx context.Context, e *Entry, m []string) error {
	if r.scene.foreigners[m[1]] == nil {
		if err := r.startForeigner(m[1], true); err != nil {
			return err
		}
	}
	return r.until(ctx, e, func() error {
		if present, life := r.scene.foreigners[m[1]].state(r.world); present != m[3] || life != m[4] {
			return fmt.Errorf("present in %s; the process in it is %s", present, life)
		}
		return nil
	})
}

func (r *replay) cgroupValues(ctx context.Context, e *Entry, tok, values string) error {
	pause(ctx, time.Until(r.due(e.At)))
	container := r.names.ids[tok]
	if container == "" {
		return fmt.Errorf("no id is known for %s", tok)
	}
	return r.soon(ctx, e, grace, func() error {
		var diffs []Diff
		for _, m := range cgroupField.FindAllStringSubmatch(values, -1) {
			if got := r.world.cgroupValue(m[1], container); got != m[2] {
				diffs = append(diffs, Diff{m[1], m[2], got})
			}
		}
		if diffs != nil {
			return fmt.Errorf("%v", diffs)
		}
		return nil
	})
}
