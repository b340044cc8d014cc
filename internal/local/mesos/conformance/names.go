package conformance

import (
	"fmt"
	"regexp"
	"sort"
	"strings"
)

// token is a recorded stand-in for an id: FRAMEWORK-1, OFFER-3, …
var token = regexp.MustCompile(`\b(?:FRAMEWORK|AGENT|OFFER|STREAM|CONTAINER|UUID|PID)-\d+\b`)

// names translates between a recording and a run: addresses and folders are known from the start, ids are learned as they
// appear. One token stands for one id, and one id has one token.
//
// It is not safe for concurrent use: only the replay's own goroutine matches and substitutes.
type names struct {
	toRecorded *strings.Replacer
	toRun      *strings.Replacer

	ids    map[string]string // token → id of this run
	tokens map[string]string // kind and id → token
	trail  []string          // tokens in the order of their binding, for undo

	hosts map[string]string // token of an agent → its recorded hostname, where offers alone would not tell agents apart
	seen  map[string]string // id of an agent → hostname, as this run's messages say
}

// newNames takes pairs of recorded text and this run's text.
func newNames(pairs [][2]string) *names {
	var there, back []string
	for _, p := range pairs {
		there = append(there, p[0], p[1])
		back = append(back, p[1], p[0])
	}
	return &names{
		toRun: strings.NewReplacer(there...), toRecorded: strings.NewReplacer(back...),
		ids: map[string]string{}, tokens: map[string]string{}, hosts: map[string]string{}, seen: map[string]string{},
	}
}

// bind ties a token to an id. It says whether they fit: both new, or tied to each other before.
func (n *names) bind(tok, id string) bool {
	if id == "" {
		return false
	}
	kind, _, _ := strings.Cut(tok, "-")
	if have, ok := n.ids[tok]; ok {
		return have == id
	}
	if _, taken := n.tokens[kind+" "+id]; taken {
		return false
	}
	if want, host := n.hosts[tok], n.seen[id]; want != "" && host != "" && want != host {
		return false
	}
	n.ids[tok] = id
	n.tokens[kind+" "+id] = tok
	n.trail = append(n.trail, tok)
	return true
}

// mark and undo take back bindings that were made while trying whether two texts match.
func (n *names) mark() int { return len(n.trail) }

func (n *names) undo(mark int) {
	for _, tok := range n.trail[mark:] {
		kind, _, _ := strings.Cut(tok, "-")
		delete(n.tokens, kind+" "+n.ids[tok])
		delete(n.ids, tok)
	}
	n.trail = n.trail[:mark]
}

// matchText compares a recorded text with a text of this run that is already translated by recorded. Tokens in the
// recorded text are bound or compared; "..." stands for anything.
func (n *names) matchText(want, got string) bool {
	want, got = sameStatistics(want), sameStatistics(got)
	if want == got || want == "..." {
		return true
	}
	places := token.FindAllStringIndex(want, -1)
	if places == nil {
		return false
	}
	var pattern strings.Builder
	var toks []string
	pattern.WriteString(`(?s)^`)
	last := 0
	for _, p := range places {
		pattern.WriteString(regexp.QuoteMeta(want[last:p[0]]))
		pattern.WriteString(`([^\s'"]+?)`)
		toks = append(toks, want[p[0]:p[1]])
		last = p[1]
	}
	pattern.WriteString(regexp.QuoteMeta(want[last:]) + `$`)
	found := regexp.MustCompile(pattern.String()).FindStringSubmatch(got)
	if found == nil {
		return false
	}
	mark := n.mark()
	for i, tok := range toks {
		if !n.bind(tok, found[i+1]) {
			n.undo(mark)
			return false
		}
	}
	return true
}

// recorded translates addresses and folders of this run into the recorded ones; ids stay as they are.
func (n *names) recorded(text string) string { return n.toRecorded.Replace(text) }

// run translates a recorded text into one for this run. It fails with the first token that no id is known for.
func (n *names) run(text string) (string, error) {
	var unknown string
	text = token.ReplaceAllStringFunc(n.toRun.Replace(text), func(tok string) string {
		if id, ok := n.ids[tok]; ok {
			return id
		}
		unknown = tok
		return tok
	})
	if unknown != "" {
		return text, fmt.Errorf("no id is known for %s: the message that should have brought it did not come", unknown)
	}
	return text, nil
}

// show replaces known ids by their tokens, for reports.
func (n *names) show(text string) string {
	ids := make([]string, 0, len(n.ids))
	back := map[string]string{}
	for tok, id := range n.ids {
		if len(id) > 6 {
			ids = append(ids, id)
			back[id] = tok
		}
	}
	sort.Slice(ids, func(i, j int) bool { return len(ids[i]) > len(ids[j]) }) // one may begin with another
	var pairs []string
	for _, id := range ids {
		pairs = append(pairs, id, back[id])
	}
	return strings.NewReplacer(pairs...).Replace(n.recorded(text))
}

// findText looks for a recorded text, whose tokens are all known, anywhere in a translated text of this run.
func (n *names) findText(want, in string) bool {
	want = token.ReplaceAllStringFunc(want, func(tok string) string {
		if id, ok := n.ids[tok]; ok {
			return id
		}
		return tok
	})
	return strings.Contains(in, want)
}

var digits = regexp.MustCompile(`\d+`)

// sameStatistics makes the numbers of memory statistics alike: they are never the same twice.
func sameStatistics(text string) string {
	before, statistics, ok := strings.Cut(text, "MEMORY STATISTICS:")
	if !ok {
		return text
	}
	return before + "MEMORY STATISTICS:" + digits.ReplaceAllString(statistics, "N")
}
