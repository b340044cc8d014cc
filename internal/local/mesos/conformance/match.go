package conformance

import (
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"
)

// timeTolerance is how far a time in a message may lie from the recorded one. It only shows that a time of the right
// moment and unit was given: a loaded machine is late by seconds.
const timeTolerance = 30 * time.Second

// Diff is one place where a message of this run is not what was recorded.
type Diff struct{ Path, Want, Got string }

func (d Diff) String() string {
	return fmt.Sprintf("%s: recorded %s, got %s", d.Path, d.Want, d.Got)
}

// matcher compares JSON values. Tokens of the recorded value are bound in names as they are met; whoever only tries takes
// the bindings back.
type matcher struct {
	names *names
	// when turns a recorded time into one of this run.
	when func(recorded time.Duration) time.Time
	// excerpt is set where the recording shows only fields of interest.
	excerpt bool
	diffs   []Diff
}

// try compares and takes all bindings back if there are differences.
func (m matcher) try(want, got any) []Diff {
	mark := m.names.mark()
	m.diffs = nil
	m.value("", want, got)
	if len(m.diffs) > 0 {
		m.names.undo(mark)
	}
	return m.diffs
}

// force compares and keeps the bindings of what does fit, so that one difference does not make all that follows unknown.
func (m matcher) force(want, got any) []Diff {
	m.diffs = nil
	m.value("", want, got)
	return m.diffs
}

func (m *matcher) differ(path string, want, got any) {
	m.diffs = append(m.diffs, Diff{Path: path, Want: show(want), Got: show(got)})
}

func (m *matcher) value(path string, want, got any) {
	switch w := want.(type) {
	case nil:
		if got != nil {
			m.differ(path, nil, got)
		}
	case string:
		m.text(path, w, got)
	case float64:
		g, ok := got.(float64)
		if !ok || math.Abs(g-w) > 1e-9*math.Max(1, math.Abs(w)) {
			m.differ(path, want, got)
		}
	case bool:
		if got != want {
			m.differ(path, want, got)
		}
	case map[string]any:
		m.object(path, w, got)
	case []any:
		m.list(path, w, got)
	}
}

func (m *matcher) text(path, want string, got any) {
	if want == "..." && got != nil {
		return
	}
	switch g := got.(type) {
	case string:
		if m.names.matchText(want, g) {
			return
		}
	case float64:
		if at, ok := recordedTime(want); ok {
			if d := m.when(at).Sub(timeOf(g)); d.Abs() < timeTolerance {
				return
			}
		}
		if token.MatchString(want) && m.names.matchText(want, number(g)) {
			return
		}
	case []any:
		if m.resources(want, g) {
			return
		}
	}
	m.differ(path, want, got)
}

// resources compares the short form of a list of resources, in any order.
func (m *matcher) resources(want string, got []any) bool {
	var have []string
	for _, r := range got {
		object, ok := r.(map[string]any)
		if !ok || object["name"] == nil {
			return false
		}
		have = append(have, shorten(object))
	}
	wanted := splitShort(want)
	sort.Strings(have)
	sort.Strings(wanted)
	return strings.Join(have, "; ") == strings.Join(wanted, "; ")
}

func (m *matcher) object(path string, want map[string]any, got any) {
	g, ok := got.(map[string]any)
	if !ok {
		m.differ(path, want, got)
		return
	}
	_, shortOffer := want["resources"].(string)
	shortOffer = shortOffer && want["id"] != nil && g["allocation_info"] != nil
	for _, key := range sortedKeys(want) {
		have, there := g[key]
		if !there && m.excerpt {
			have = dig(g, key)
		}
		m.value(path+"."+key, want[key], have)
	}
	if m.excerpt || shortOffer {
		return
	}
	for _, key := range sortedKeys(g) {
		if _, known := want[key]; !known {
			m.differ(path+"."+key, nil, g[key])
		}
	}
}

// list compares in any order: each recorded element takes the unused element that is most like it.
func (m *matcher) list(path string, want []any, got any) {
	g, ok := got.([]any)
	if !ok && (got != nil || len(want) > 0) {
		m.differ(path, want, got)
		return
	}
	used := make([]bool, len(g))
	for i, w := range want {
		best, bestDiffs := -1, 0
		for j := range g {
			if used[j] {
				continue
			}
			mark := m.names.mark()
			trial := *m
			trial.diffs = nil
			trial.value("", w, g[j])
			m.names.undo(mark)
			if best < 0 || len(trial.diffs) < bestDiffs {
				best, bestDiffs = j, len(trial.diffs)
			}
			if bestDiffs == 0 {
				break
			}
		}
		if best < 0 {
			m.differ(path+"["+strconv.Itoa(i)+"]", w, nil)
			continue
		}
		used[best] = true
		m.value(path+"["+strconv.Itoa(i)+"]", w, g[best])
	}
	for j := range g {
		if !used[j] && !(m.excerpt && path == "") {
			m.differ(path+"[]", nil, g[j])
		}
	}
}

// dig finds a field that an excerpt shows outside of its place in the message.
func dig(object map[string]any, key string) any {
	switch key {
	case "agent_id":
		return field(object, "agent_info", "id")
	case "framework_id":
		return field(object, "framework_info", "id")
	}
	level := []map[string]any{object}
	for len(level) > 0 {
		var next []map[string]any
		for _, o := range level {
			if v, ok := o[key]; ok {
				return v
			}
			for _, k := range sortedKeys(o) {
				if inner, ok := o[k].(map[string]any); ok {
					next = append(next, inner)
				}
			}
		}
		level = next
	}
	return nil
}

// recordedTime reads "T+2.6s".
func recordedTime(text string) (time.Duration, bool) {
	number, ok := strings.CutPrefix(text, "T+")
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(number)
	return d, err == nil
}

// timeOf takes seconds or nanoseconds since 1970.
func timeOf(n float64) time.Time {
	if n > 1e15 {
		return time.Unix(0, int64(n))
	}
	return time.Unix(0, int64(n*1e9))
}

func sortedKeys(object map[string]any) []string {
	keys := make([]string, 0, len(object))
	for k := range object {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// show prints a value for a report: JSON on one line, "nothing" for what is absent.
func show(v any) string {
	if v == nil {
		return "nothing"
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}
