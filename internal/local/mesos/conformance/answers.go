package conformance

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// awaitAnswer waits for the response to a call and compares it.
func (r *replay) awaitAnswer(ctx context.Context, e *Entry) {
	r.result.Compared++
	if e.isProbe() {
		r.awaitProbe(ctx, e)
		return
	}
	if err := r.failed[e.Call]; err != nil {
		r.mismatch(e, "the call could not be sent: "+err.Error(), nil)
		return
	}
	p := r.calls[e.Call]
	if p == nil {
		r.mismatch(e, "the call was not sent", nil)
		return
	}
	select {
	case <-p.done:
	case <-time.After(time.Until(r.deadline(e.At))):
		r.mismatch(e, "no answer", nil)
		return
	}
	a := p.answer
	if e.Status == 0 && e.Failure == "" {
		r.piece(e, p)
		return
	}
	if transient(a) || e.transient() {
		var done bool
		if a, done = r.attempt(ctx, e, a); done {
			r.result.Matched++
			return
		}
	}
	if diffs := r.compareAnswer(e, a, p.stream); len(diffs) > 0 {
		r.mismatch(e, r.names.show(r.names.recorded(a.describe())), diffs)
		return
	}
	r.result.Matched++
}

func (a answer) describe() string {
	if a.Failure != "" && a.Status == "" {
		return a.Failure
	}
	return strings.TrimSpace(a.Status + " " + a.Body + " " + a.Failure)
}

// compareAnswer compares status, the shown headers and the body.
func (r *replay) compareAnswer(e *Entry, a answer, stream *response) (diffs []Diff) {
	if e.Failure != "" {
		want := strings.TrimPrefix(e.Failure, "connection failed: ")
		if want == "EOFError" {
			want = "ECONNRESET" // how failureOf calls a connection that ends without an answer
		}
		if a.Failure != want {
			diffs = append(diffs, Diff{"failure", e.Failure, a.describe()})
		}
		return diffs
	}
	if want := strconv.Itoa(e.Status) + " " + http.StatusText(e.Status); a.Status != want {
		diffs = append(diffs, Diff{"status", want, a.describe()})
		return diffs
	}
	for _, h := range e.Headers {
		name, want, _ := strings.Cut(h, ": ")
		if name == "Content-Length" && strings.Contains(e.Body, `"..."`) {
			continue // the recording shows another body than was sent
		}
		if got := r.names.recorded(a.Headers[http.CanonicalHeaderKey(name)]); !r.names.matchText(want, got) {
			diffs = append(diffs, Diff{"header " + name, want, got})
		}
	}
	return append(diffs, r.compareBody(e, a, stream)...)
}

func (r *replay) compareBody(e *Entry, a answer, stream *response) []Diff {
	body := r.names.recorded(a.Body)
	if shown, ok := strings.CutPrefix(e.Body, "(a stream) "); ok {
		return r.compareStreamBegin(shown, stream)
	}
	if !strings.HasPrefix(e.Body, "{") && !strings.HasPrefix(e.Body, "[") {
		if e.Role == Executor || e.Role == Scheduler || e.Body != "" {
			if want := strings.TrimSpace(e.Body); !r.names.matchText(want, strings.TrimSpace(body)) && !r.isStreamAnswer(e) {
				return []Diff{{"body", want, body}}
			}
		}
		return nil
	}
	want, err := e.value()
	if err != nil {
		return []Diff{{"body", e.Body, err.Error()}}
	}
	var got any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		return []Diff{{"body", e.Body, body}}
	}
	if e.Excerpt {
		return r.compareExcerpt(want, got)
	}
	m := r.matcher(false)
	if diffs := m.try(want, got); len(diffs) > 0 {
		m.force(want, got)
		return diffs
	}
	return nil
}

// isStreamAnswer: the head of a stream has no body to compare.
func (r *replay) isStreamAnswer(e *Entry) bool {
	return e.Status == http.StatusOK && e.Call.Type == "SUBSCRIBE"
}

// compareExcerpt compares with the payload of an operator's answer; a bare list is the payload's first list.
func (r *replay) compareExcerpt(want, got any) []Diff {
	payload := field(got, strings.ToLower(text(got, "type")))
	r.learnAgents(payload)
	if _, bare := want.([]any); bare {
		for _, key := range []string{"agents", "frameworks"} {
			if list := field(payload, key); list != nil {
				payload = list
			}
		}
	}
	m := r.matcher(true)
	diffs := m.try(want, payload)
	if len(diffs) > 0 {
		m.force(want, payload)
	}
	return diffs
}

func (r *replay) learnAgents(payload any) {
	agents, _ := field(payload, "agents").([]any)
	for _, a := range agents {
		r.names.seen[text(a, "agent_info", "id", "value")] = text(a, "agent_info", "hostname")
	}
}

// compareStreamBegin looks at the first record of an answer that does not end: the fields that are shown must be there.
func (r *replay) compareStreamBegin(shown string, stream *response) []Diff {
	if stream == nil {
		return []Diff{{"body", "a stream", "no stream"}}
	}
	defer stream.close()
	chunk, err := stream.chunk()
	if err != nil {
		return []Diff{{"body", "a stream", err.Error()}}
	}
	for _, key := range jsonKey.FindAllString(shown, -1) {
		if !strings.Contains(chunk, key) {
			return []Diff{{"body", shown, r.names.recorded(chunk)}}
		}
	}
	return nil
}

// piece compares a line about a part of the answer's body.
func (r *replay) piece(e *Entry, p *pending) {
	var got string
	if e.Type == "body" {
		got = strings.TrimSpace(p.answer.Body)
	} else if p.stream == nil {
		got = "no stream"
	} else if chunk, err := p.stream.chunk(); err != nil {
		got = err.Error()
	} else if e.Type == "first chunk" {
		got = describeChunk(chunk)
	} else {
		got = "b" + pythonQuote(chunk)
		p.stream.close()
	}
	if !r.names.matchText(strings.TrimSpace(e.Body), got) {
		r.mismatch(e, got, nil)
		return
	}
	r.result.Matched++
}

// describeChunk says of a chunk what the recording says of the first one of a stream.
func describeChunk(chunk string) string {
	length, rest, _ := strings.Cut(chunk, "\n")
	begin := rest
	switch {
	case strings.HasPrefix(rest, "{"):
		begin = rest[:min(len(rest), 12)]
	case len(rest) > 2:
		begin = rest[:2]
	}
	return "the length '" + length + "' as text, a newline, then " + strconv.Itoa(len(rest)) + " bytes that begin with b" +
		pythonQuote(begin)
}

func pythonQuote(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case c == '\n':
			b.WriteString(`\n`)
		case c < 0x20 || c >= 0x7f:
			b.WriteString(`\x` + strconv.FormatInt(int64(c)+0x100, 16)[1:])
		default:
			b.WriteByte(c)
		}
	}
	return "'" + b.String() + "'"
}

// An executor whose agent is away or starting tries again and again. How often it is refused, and with which of the
// transient answers, depends on moments; that it is taken back in the end does not.

var transientCodes = []int{http.StatusNotFound, http.StatusServiceUnavailable}

func transient(a answer) bool {
	return slices.Contains(transientCodes, a.Code) || strings.HasPrefix(a.Failure, "ECONN")
}

func (e *Entry) transient() bool {
	return e.Role == Executor && (slices.Contains(transientCodes, e.Status) || strings.HasPrefix(e.Failure, "ECONN"))
}

// attempt deals with answers of that sort. It says that the entry is done with, or gives the answer to compare.
func (r *replay) attempt(ctx context.Context, e *Entry, a answer) (answer, bool) {
	if e.Role != Executor || e.Call.Type != "SUBSCRIBE" || !r.agentStarting(e.Actor) {
		return a, false
	}
	switch {
	case e.transient() && transient(a):
		return a, true
	case e.transient() && a.Code == http.StatusOK:
		r.scene.back[e.Actor] = a // earlier than recorded
		return a, true
	}
	for deadline := r.deadline(e.At); transient(a) && time.Now().Before(deadline); {
		pause(ctx, 50*time.Millisecond)
		p, err := r.callExecutor(e.Call)
		if err != nil {
			break
		}
		<-p.done
		a = p.answer
	}
	return a, false
}

// alreadyBack says that the executor has subscribed earlier than recorded, so that this attempt is not made.
func (r *replay) alreadyBack(e *Entry) bool {
	a, back := r.scene.back[e.Actor]
	if !back || e.Type != "SUBSCRIBE" || e.Answer == nil {
		return false
	}
	p := &pending{done: make(chan struct{}), answer: a}
	close(p.done)
	r.calls[e] = p
	if !e.Answer.transient() {
		delete(r.scene.back, e.Actor)
	}
	return true
}
