package conformance

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Kind says what an Entry of a transcript is. Calls, and Notes that are actions, are inputs: a replay performs them. All
// others are outputs: a replay awaits them.
type Kind int

const (
	// Call is something sent to Mesos: by a scheduler, an executor, an operator, or a plain HTTP request.
	Call Kind = iota
	// Answer is the HTTP response to a Call.
	Answer
	// Event is a record of a scheduler's or an executor's stream.
	Event
	// StreamEnd is the end of such a stream.
	StreamEnd
	// Note is a line that begins with #: an action, an observation or a label. noteForms says which.
	Note
)

// Role says who speaks or listens in an Entry.
type Role int

const (
	// Scheduler entries carry the name of the framework's connection, such as "old scheduler".
	Scheduler Role = iota
	// Executor entries carry the executor's id.
	Executor
	// Operator entries carry the name of the process that was asked, such as "master1".
	Operator
	// HTTP entries are requests written out with method, path and headers.
	HTTP
)

// Entry is one line of a transcript, with its continuation lines.
type Entry struct {
	Line  int           // in the file, from 1
	At    time.Duration // since the start of the recorded scenario, in tenths of a second
	Kind  Kind
	Role  Role
	Actor string // who: a scheduler's or executor's name, or the process asked
	Text  string // the whole line behind the time stamp; continuation lines are joined

	Type   string // of a Call or an Event: KILL, UPDATE, …; of an HTTP Call: its method
	Body   string // JSON or text; a Note's or StreamEnd's text
	Path   string // of an HTTP Call
	Remark string // of an HTTP Call: what the parentheses say
	Stream int    // of an Event or StreamEnd: the recorded "(stream n)", 0 if none

	Status  int    // of an Answer; 0 if there was none
	Failure string // of an Answer without a status: ECONNREFUSED, …
	Excerpt bool   // of an operator's Answer: only the fields of interest are shown
	Headers []string

	Answer *Entry // of a Call; nil if the recording ends before it
	Call   *Entry // of an Answer
}

// Input says whether a replay performs the entry, instead of awaiting it. Notes decide by their form.
func (e *Entry) Input() bool {
	if e.Kind == Note {
		form, _ := noteFormOf(e.Body)
		return form != nil && form.input
	}
	return e.Kind == Call
}

// Part is what stands between two titles.
type Part struct {
	Title   string // without "== "; empty for what precedes the first title
	Entries []*Entry
}

// Transcript is one recorded scenario.
type Transcript struct {
	Name  string // of the file, without .txt
	Title string
	Parts []*Part
}

// All returns the entries of all parts in their order.
func (t *Transcript) All() []*Entry {
	var all []*Entry
	for _, p := range t.Parts {
		all = append(all, p.Entries...)
	}
	return all
}

var (
	entryLine  = regexp.MustCompile(`^\[ *(\d+\.\d)\] ([<>#]) (.*)$`)
	httpCall   = regexp.MustCompile(`^http(?: (\w+))?: ([A-Z]+) (\S+)(?: \((.*?)\))?((?: \[[\w-]+: [^\]]*\])*)(?: (.*))?$`)
	typedCall  = regexp.MustCompile(`^(.+?): ([A-Z_]+)(?: (.*))?$`)
	eventLine  = regexp.MustCompile(`^(.+?)(?: \(stream (\d+)\))? event: ([A-Z_]+)(?: (.*))?$`)
	endLine    = regexp.MustCompile(`^(.+?)(?: \(stream (\d+)\))? stream ends: (.*)$`)
	answerLine = regexp.MustCompile(`^(.+?): (\d{3}) (.*)$`)
	failedLine = regexp.MustCompile(`^(.+?): (ECONN[A-Z]+|connection failed: \w+)$`)
	pieceLine  = regexp.MustCompile(`^http: (first chunk|second chunk|body)(?::| ) ?(.*)$`)
	probeLine  = regexp.MustCompile(`^http: (SUBSCRIBE to \w+): (.*)$`)
	bracketed  = regexp.MustCompile(`^ ?\[([^\]]*)\]`)
)

// Parse reads a transcript. Every line must be of a known form; the error names the one that is not.
func Parse(name string, r io.Reader) (*Transcript, error) {
	p := &parser{t: &Transcript{Name: name}, part: &Part{}}
	p.t.Parts = append(p.t.Parts, p.part)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		p.line++
		if err := p.add(lines.Text()); err != nil {
			return nil, fmt.Errorf("parse transcript %s, line %d: %w", name, p.line, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read transcript %s: %w", name, err)
	}
	for _, e := range p.t.All() {
		if err := e.read(); err != nil {
			return nil, fmt.Errorf("parse transcript %s, line %d: %w", name, e.Line, err)
		}
	}
	return p.t, pair(p.t)
}

type parser struct {
	t    *Transcript
	part *Part
	last *Entry
	line int
}

func (p *parser) add(line string) error {
	switch {
	case p.line == 1:
		p.t.Title = line
	case p.line == 2 && strings.Trim(line, "-") == "":
	case line == "":
	case strings.HasPrefix(line, "== "):
		p.part = &Part{Title: strings.TrimPrefix(line, "== ")}
		p.t.Parts = append(p.t.Parts, p.part)
		p.last = nil
	case strings.HasPrefix(line, "  ") && p.last != nil:
		p.last.Text += strings.TrimLeft(line, " ")
	default:
		m := entryLine.FindStringSubmatch(line)
		if m == nil {
			return fmt.Errorf("neither title, entry nor continuation: %q", line)
		}
		at, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return fmt.Errorf("time of entry: %w", err)
		}
		p.last = &Entry{Line: p.line, At: time.Duration(at*10+0.5) * 100 * time.Millisecond, Text: m[2] + " " + m[3]}
		p.part.Entries = append(p.part.Entries, p.last)
	}
	return nil
}

// read fills the fields of the entry from its text.
func (e *Entry) read() error {
	text := e.Text[2:]
	switch e.Text[0] {
	case '#':
		e.Kind, e.Body = Note, text
		if form, _ := noteFormOf(text); form == nil {
			return fmt.Errorf("note of an unknown form: %q", text)
		}
		return nil
	case '>':
		return e.readCall(text)
	}
	return e.readOutput(text)
}

func (e *Entry) readCall(text string) error {
	e.Kind = Call
	if m := httpCall.FindStringSubmatch(text); m != nil {
		e.Role, e.Actor, e.Type, e.Path, e.Remark, e.Body = HTTP, m[1], m[2], m[3], m[4], m[6]
		e.Headers, _ = headersOf(m[5])
		return nil
	}
	if actor, raw, ok := strings.Cut(text, ": raw "); ok {
		e.Type, e.Body = "raw", raw
		e.setActor(actor)
		return nil
	}
	m := typedCall.FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf("call of an unknown form: %q", text)
	}
	e.Type, e.Body = m[2], m[3]
	e.setActor(m[1])
	return nil
}

func (e *Entry) readOutput(text string) error {
	if m := pieceLine.FindStringSubmatch(text); m != nil {
		e.Kind, e.Role, e.Type, e.Body = Answer, HTTP, m[1], m[2]
		return nil
	}
	if m := probeLine.FindStringSubmatch(text); m != nil {
		e.Kind, e.Role, e.Type, e.Body = Answer, HTTP, m[1], m[2]
		return nil
	}
	if m := eventLine.FindStringSubmatch(text); m != nil {
		e.Kind, e.Type, e.Body = Event, m[3], m[4]
		e.Stream, _ = strconv.Atoi(m[2])
		e.setActor(m[1])
		return nil
	}
	if m := endLine.FindStringSubmatch(text); m != nil {
		e.Kind, e.Body = StreamEnd, m[3]
		e.Stream, _ = strconv.Atoi(m[2])
		e.setActor(m[1])
		return nil
	}
	if m := failedLine.FindStringSubmatch(text); m != nil {
		e.Kind, e.Failure = Answer, m[2]
		e.setActor(m[1])
		return nil
	}
	if m := answerLine.FindStringSubmatch(text); m != nil {
		e.Kind = Answer
		e.setActor(m[1])
		return e.readAnswer(m[2], m[3])
	}
	return fmt.Errorf("output of an unknown form: %q", text)
}

func (e *Entry) readAnswer(status, rest string) error {
	e.Status, _ = strconv.Atoi(status)
	phrase := http.StatusText(e.Status)
	if phrase == "" || !strings.HasPrefix(rest, phrase) {
		return fmt.Errorf("status %s with an unknown phrase: %q", status, rest)
	}
	e.Headers, rest = headersOf(rest[len(phrase):])
	rest = strings.TrimLeft(rest, " ")
	if after, ok := strings.CutPrefix(rest, "(excerpt) "); ok {
		e.Excerpt, rest = true, after
	}
	e.Body = rest
	return nil
}

func (e *Entry) setActor(actor string) {
	switch name, isExecutor := strings.CutPrefix(actor, "executor "); {
	case isExecutor:
		e.Role, e.Actor = Executor, name
	case actor == "http":
		e.Role = HTTP
	case actor == "operator":
		e.Role = Operator
	case strings.HasPrefix(actor, "operator "):
		e.Role, e.Actor = Operator, strings.TrimPrefix(actor, "operator ")
	default:
		e.Role, e.Actor = Scheduler, actor
	}
}

// headersOf cuts "[Name: value]" texts off the front.
func headersOf(text string) (headers []string, rest string) {
	for {
		m := bracketed.FindStringSubmatch(text)
		if m == nil || !strings.Contains(m[1], ": ") {
			return headers, text
		}
		headers = append(headers, m[1])
		text = text[len(m[0]):]
	}
}

// pair ties each answer to its call: the oldest of the same speaker that has none, where a stream can only be the answer
// to a SUBSCRIBE and "202 Accepted" only to another call.
func pair(t *Transcript) error {
	open := map[string][]*Entry{}
	var last *Entry // HTTP call: pieces of its answer come in several lines
	for _, e := range t.All() {
		key := e.speaker()
		switch {
		case e.Kind == Call:
			open[key] = append(open[key], e)
			if e.Role == HTTP {
				last = e
			}
		case e.Kind == Answer && e.Status == 0 && e.Failure == "":
			if e.Call = last; e.isProbe() {
				e.Call = nil
			}
		case e.Kind == Answer:
			i := 0
			for i < len(open[key]) && !mayAnswer(open[key][i], e) {
				i++
			}
			if i == len(open[key]) {
				return fmt.Errorf("transcript %s, line %d: answer without a call: %q", t.Name, e.Line, e.Text)
			}
			e.Call = open[key][i]
			e.Call.Answer = e
			open[key] = append(open[key][:i:i], open[key][i+1:]...)
		}
	}
	return nil
}

func (e *Entry) isProbe() bool { return e.Kind == Answer && strings.HasPrefix(e.Type, "SUBSCRIBE to ") }

func (e *Entry) speaker() string {
	switch e.Role {
	case Executor:
		return "executor " + e.Actor
	case HTTP:
		return "http"
	case Operator:
		return "operator"
	}
	return e.Actor
}

func mayAnswer(call, answer *Entry) bool {
	if call.Role == HTTP || call.Role == Operator {
		return true
	}
	subscribe := call.Type == "SUBSCRIBE"
	switch answer.Status {
	case http.StatusAccepted:
		return !subscribe
	case http.StatusOK:
		return subscribe || call.Type == "UPDATE_FRAMEWORK"
	}
	return true
}
