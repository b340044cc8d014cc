package kube

import (
	"slices"
	"strings"
)

// taint is a Taint of core/v1. Key and effect name it.
type taint struct {
	Key       string  `json:"key"`
	Value     string  `json:"value,omitempty"`
	Effect    string  `json:"effect"`
	TimeAdded *string `json:"timeAdded,omitempty"`
}

// parseTaint reads "key=value:Effect" or "key:Effect", which the scheduler has checked.
func parseTaint(text string) taint {
	name, effect, _ := strings.Cut(text, ":")
	key, value, _ := strings.Cut(name, "=")
	return taint{Key: key, Value: value, Effect: effect}
}

func (t taint) same(other taint) bool { return t.Key == other.Key && t.Effect == other.Effect }

// retaint is the taints of a Node without those of before that are not wanted, and with those that are wanted. Others stay, in
// their order; changed says whether anything differs.
func retaint(present []taint, before, wanted []string) (after []taint, changed bool) {
	want := make([]taint, len(wanted))
	for i, text := range wanted {
		want[i] = parseTaint(text)
	}
	wants := func(t taint) int { return slices.IndexFunc(want, t.same) }
	was := func(t taint) bool {
		return slices.ContainsFunc(before, func(text string) bool { return parseTaint(text).same(t) })
	}
	for _, each := range present {
		at := wants(each)
		switch {
		case at < 0 && was(each):
			changed = true
			continue
		case at >= 0 && want[at].Value != each.Value:
			each, changed = want[at], true
		}
		after = append(after, each)
	}
	for _, each := range want {
		if !slices.ContainsFunc(after, each.same) {
			after, changed = append(after, each), true
		}
	}
	return after, changed
}
