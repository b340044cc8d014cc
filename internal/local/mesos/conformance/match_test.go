package conformance

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newTestMatcher(excerpt bool) matcher {
	start := time.Unix(1_700_000_000, 0)
	return matcher{
		names:   newNames([][2]string{{"127.0.0.1", "127.3.2.1"}}),
		when:    func(d time.Duration) time.Time { return start.Add(d) },
		excerpt: excerpt,
	}
}

func decode(t *testing.T, text string) any {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal([]byte(text), &v))
	return v
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name, want, got string
		excerpt         bool
		diffs           int
	}{
		{name: "equal", want: `{"a":1,"b":"x","c":true}`, got: `{"c":true,"b":"x","a":1.0}`},
		{name: "a value differs", want: `{"a":1}`, got: `{"a":2}`, diffs: 1},
		{name: "a field is missing", want: `{"a":1,"b":2}`, got: `{"a":1}`, diffs: 1},
		{name: "a field too many", want: `{"a":1}`, got: `{"a":1,"b":2}`, diffs: 1},
		{name: "an id is learned", want: `{"a":"TASK","id":"FRAMEWORK-1"}`, got: `{"a":"TASK","id":"123-0000"}`},
		{
			name: "an id that changes", want: `["AGENT-1","x","AGENT-1"]`, got: `["S0","x","S1"]`, diffs: 1,
		},
		{name: "two tokens for one id", want: `["AGENT-1","AGENT-2"]`, got: `["S0","S0"]`, diffs: 1},
		{name: "an id in a text", want: `"Offer OFFER-3 is no longer valid"`, got: `"Offer 12-O4 is no longer valid"`},
		{name: "another text", want: `"Offer OFFER-3 is no longer valid"`, got: `"Offer 12-O4 is gone"`, diffs: 1},
		{name: "order of a list", want: `[{"id":"OFFER-1","n":1},{"id":"OFFER-2","n":2}]`, got: `[{"id":"b","n":2},{"id":"a","n":1}]`},
		{name: "a list too long", want: `[1,2]`, got: `[1,2,3]`, diffs: 1},
		{name: "seconds", want: `{"timestamp":"T+2.6s"}`, got: `{"timestamp":1700000002.61}`},
		{name: "nanoseconds", want: `{"nanoseconds":"T+2.6s"}`, got: `{"nanoseconds":1700000002610000000}`},
		{name: "a time far off", want: `{"timestamp":"T+2.6s"}`, got: `{"timestamp":1700000102.61}`, diffs: 1},
		{
			name: "resources in short form", want: `{"resources":"cpus:0.5; ports:[1-2]"}`,
			got: `{"resources":[{"name":"ports","ranges":{"range":[{"begin":1,"end":2}]}},{"name":"cpus","scalar":{"value":0.5}}]}`,
		},
		{
			name: "other resources", want: `{"resources":"cpus:0.5"}`,
			got: `{"resources":[{"name":"cpus","scalar":{"value":0.6}}]}`, diffs: 1,
		},
		{
			name: "reserved resources", want: `{"resources":"cpus:0.5(dynamic workers node=n1)(role workers)"}`,
			got: `{"resources":[{"name":"cpus","scalar":{"value":0.5},"reservations":[{"type":"DYNAMIC","role":"workers",` +
				`"labels":{"labels":[{"key":"node","value":"n1"}]}}]}]}`,
		},
		{
			name: "a short offer has more fields", want: `{"id":{"value":"OFFER-1"},"resources":"cpus:1"}`,
			got: `{"id":{"value":"o"},"hostname":"h","allocation_info":{"role":"r"},"resources":[{"name":"cpus","scalar":{"value":1}}]}`,
		},
		{
			name: "an excerpt looks deeper", excerpt: true, want: `{"agents":[{"agent_id":{"value":"AGENT-1"},"active":true}]}`,
			got: `{"agents":[{"agent_info":{"id":{"value":"S0"},"hostname":"h"},"active":true}],"recovered":[]}`,
		},
		{name: "an excerpt with nothing", excerpt: true, want: `{"drain_config":null}`, got: `{"agent_info":{}}`},
		{name: "an excerpt with nothing, but there is", excerpt: true, want: `{"a":null}`, got: `{"a":1}`, diffs: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newTestMatcher(c.excerpt)
			diffs := m.try(decode(t, c.want), decode(t, c.got))
			assert.Len(t, diffs, c.diffs, "%v", diffs)
			if c.diffs > 0 {
				assert.Empty(t, m.names.ids, "what did not match leaves no binding")
			}
		})
	}
}

func TestNamesTranslateBothWays(t *testing.T) {
	n := newNames([][2]string{{"$WORK", "/tmp/x"}, {"127.0.0.1", "127.3.2.1"}})
	require.True(t, n.bind("AGENT-1", "abc-S0"))
	there, err := n.run("$WORK/agent1/slaves/AGENT-1 at 127.0.0.1:5051")
	require.NoError(t, err)
	assert.Equal(t, "/tmp/x/agent1/slaves/abc-S0 at 127.3.2.1:5051", there)
	assert.Equal(t, "$WORK/agent1/slaves/abc-S0 at 127.0.0.1:5051", n.recorded(there))
	_, err = n.run("OFFER-7")
	assert.ErrorContains(t, err, "OFFER-7")
}

func TestCommandLinesAreSplit(t *testing.T) {
	assert.Equal(t, []string{"mesos-agent", "--ip=127.0.0.1", "--attributes=a:b;c:d e", "-x"},
		words(`mesos-agent --ip=127.0.0.1 '--attributes=a:b;c:d e' -x`))
}

// Every recorded call can be turned into one of this run, once the ids are known.
func TestEveryCallCanBeFilled(t *testing.T) {
	for _, name := range scenarios(t) {
		transcript := load(t, name)
		r := &replay{
			t: transcript, names: newNames(nil), hidden: hiddenOf(name), schedulers: map[string]*scheduler{},
			launched: map[string]any{}, offerRoles: map[string]string{},
		}
		for _, e := range transcript.All() {
			for _, tok := range token.FindAllString(e.Text, -1) {
				r.names.bind(tok, "id of "+tok)
			}
			if e.Kind == Call && e.Role != HTTP {
				r.current = e
				body, err := r.bodyOf(e)
				require.NoError(t, err, "%s, line %d", name, e.Line)
				require.NotRegexp(t, `"[a-z]*resources":"`, body, "%s, line %d", name, e.Line)
				require.NotContains(t, body, `"T+`, "%s, line %d", name, e.Line)
			}
		}
		for line := range r.hidden.before {
			require.True(t, hasLine(transcript, line), "%s, line %d", name, line)
		}
	}
}

func hasLine(t *Transcript, line int) bool {
	for _, e := range t.All() {
		if e.Line == line {
			return true
		}
	}
	return false
}
