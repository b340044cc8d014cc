package conformance

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// pending is a call that was sent, or could not be.
type pending struct {
	done   chan struct{}
	answer answer
	stream *response // of an HTTP call whose answer does not end
}

// lane keeps the calls of one speaker in order: each is sent when the one before has its answer.
type lane struct{ last chan struct{} }

// send runs do when the speaker's earlier calls are answered.
func (l *lane) send(do func() (answer, *response)) *pending {
	p := &pending{done: make(chan struct{})}
	before := l.last
	l.last = p.done
	go func() {
		defer close(p.done)
		if before != nil {
			select {
			case <-before:
			case <-time.After(2 * time.Second): // a stopped process does not answer
			}
		}
		p.answer, p.stream = do()
	}()
	return p
}

// scheduler is the replay's end of a framework.
type scheduler struct {
	name     string
	auth     string // header, empty without
	role     string // the first one of its latest FrameworkInfo
	streamID string
	streams  int
	closed   int // which stream the replay closed itself: its end is no observation
	ended    map[int]bool
	conn     *response
}

// bodyOf makes the JSON of a recorded call fit this run: ids, times, resources in full.
func (r *replay) bodyOf(e *Entry) (string, error) {
	if e.Type == "raw" {
		return e.Body, nil
	}
	if e.Body == "" {
		return fmt.Sprintf(`{"type":%q}`, e.Type), nil
	}
	if e.Body == "with 1 MB of data" {
		return r.bigMessage()
	}
	var v any
	if err := json.Unmarshal([]byte(e.Body), &v); err != nil {
		return "", fmt.Errorf("body of the recorded call: %w", err)
	}
	f := filler{r: r, at: e.At, role: r.roleFor(e, v)}
	v = f.fill("", v)
	if f.err != nil {
		return "", f.err
	}
	data, err := json.Marshal(v)
	return string(data), err
}

// filler walks through the JSON of a recorded call.
type filler struct {
	r    *replay
	at   time.Duration
	role string // to which resources in short form are allocated
	err  error
}

func (f *filler) fill(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		return f.object(v)
	case []any:
		for i := range v {
			v[i] = f.fill(key, v[i])
		}
	case string:
		return f.text(key, v)
	}
	return v
}

func (f *filler) object(v map[string]any) any {
	if task := f.r.launched[text(v, "task_id", "value")]; task != nil && f.r.echoes(v) {
		return task
	}
	role := f.role
	if a, ok := f.r.hidden.allocation[text(v, "task_id", "value")]; ok {
		f.role = a.task
		if executor, ok := v["executor"].(map[string]any); ok {
			outer := f.role
			f.role = a.executor
			v["executor"] = f.fill("executor", executor)
			f.role = outer
		}
	}
	for _, k := range sortedKeys(v) {
		v[k] = f.fill(k, v[k])
	}
	f.role = role
	return v
}

func (f *filler) text(key, v string) any {
	if at, ok := recordedTime(v); ok {
		when := time.Now().Add(at - f.at)
		if key == "timestamp" {
			return float64(when.UnixMicro()) / 1e6
		}
		return when.UnixNano()
	}
	if strings.HasSuffix(key, "resources") {
		list, err := lengthen(v, f.role)
		f.fail(err)
		return list
	}
	f.r.invent(v, key == "uuid")
	out, err := f.r.names.run(v)
	f.fail(err)
	return out
}

func (f *filler) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

// invent makes up what only the caller knows: the uuid of an update, and ids that were never given out.
func (r *replay) invent(v string, base bool) {
	for _, tok := range token.FindAllString(v, -1) {
		if _, known := r.names.ids[tok]; known {
			continue
		}
		switch {
		case strings.HasPrefix(tok, "UUID-") && base:
			raw := newUUID()
			r.names.bind(tok, base64.StdEncoding.EncodeToString(raw[:]))
		case strings.HasPrefix(tok, "UUID-"):
			u := newUUID()
			r.names.bind(tok, fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:]))
		case strings.HasPrefix(tok, "FRAMEWORK-"):
			first := r.names.ids["FRAMEWORK-1"]
			if i := strings.LastIndex(first, "-"); i > 0 {
				r.names.bind(tok, first[:i]+"-9999")
			}
		}
	}
}

func newUUID() [16]byte {
	var u [16]byte
	_, _ = rand.Read(u[:]) // never fails
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u
}

// roleFor is the role of the offers that the call takes, else of the framework.
func (r *replay) roleFor(e *Entry, body any) string {
	ids, _ := field(body, "accept", "offer_ids").([]any)
	for _, id := range ids {
		if role := r.offerRoles[r.names.ids[text(id, "value")]]; role != "" {
			return role
		}
	}
	if s := r.schedulers[e.Actor]; e.Role == Scheduler && s != nil && s.role != "" {
		return s.role
	}
	return "workers"
}

// echoes says whether a task of an executor's SUBSCRIBE stands for the one that the executor was given.
func (r *replay) echoes(task map[string]any) bool {
	return r.current != nil && r.current.Role == Executor && task["executor"] != nil
}

// callScheduler sends a call of a framework.
func (r *replay) callScheduler(e *Entry) (*pending, error) {
	s := r.schedulerOf(e)
	r.giveBack(e, s)
	body, err := r.bodyOf(e)
	if err != nil {
		return nil, err
	}
	addr, err := r.leader()
	if err != nil {
		return nil, err
	}
	q := request{
		addr: addr, method: http.MethodPost, path: "/api/v1/scheduler", body: body,
		headers: []string{"Content-Type: application/json", "Accept: application/json"},
	}
	if s.auth != "" {
		q.headers = append(q.headers, s.auth)
	}
	if e.Type == "SUBSCRIBE" {
		var parsed any
		_ = json.Unmarshal([]byte(body), &parsed) // made by Marshal
		if roles, _ := field(parsed, "subscribe", "framework_info", "roles").([]any); len(roles) > 0 {
			s.role = fmt.Sprint(roles[0])
		}
		return r.laneOf(e).send(func() (answer, *response) { return r.subscribe(s, q), nil }), nil
	}
	if id := r.streamIDFor(e, s); id != "" {
		q.headers = append(q.headers, "Mesos-Stream-Id: "+id)
	}
	return r.laneOf(e).send(func() (answer, *response) { return plain(q), nil }), nil
}

// streamIDFor is the header that the recorder sent: the framework's own, unless the answer shows that it was another.
func (r *replay) streamIDFor(e *Entry, s *scheduler) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id, ok := r.hidden.streamIDs[e.Line]; ok {
		return r.names.ids[id]
	}
	if e.Answer == nil {
		return s.streamID
	}
	if strings.HasPrefix(e.Answer.Body, "All non-subscribe calls should include") {
		return ""
	}
	if _, rest, ok := strings.Cut(e.Answer.Body, "The stream ID '"); ok {
		tok, _, _ := strings.Cut(rest, "'")
		return r.names.ids[tok]
	}
	return s.streamID
}

// subscribe opens a stream and reads it in the background.
func (r *replay) subscribe(s *scheduler, q request) answer {
	response, err := q.do()
	if err != nil {
		return answer{Failure: failureOf(err)}
	}
	a := answerOf(response)
	if response.code != http.StatusOK {
		a.Body, _ = response.text()
		return a
	}
	r.mu.Lock()
	s.streams++
	s.conn, s.streamID = response, response.get("Mesos-Stream-Id")
	n := s.streams
	r.open = append(r.open, response)
	r.mu.Unlock()
	go func() {
		end := response.records(func(data []byte) { r.obs.addEvent(s.name, n, r.names.recorded(string(data))) })
		r.mu.Lock()
		s.ended[n] = true
		ours := s.closed == n
		r.mu.Unlock()
		if !ours {
			r.obs.add(&observation{speaker: s.name, stream: n, kind: StreamEnd, text: end})
		}
	}()
	return a
}

// plain sends a request whose answer ends.
func plain(q request) answer {
	response, err := q.do()
	if err != nil {
		return answer{Failure: failureOf(err)}
	}
	a := answerOf(response)
	a.Body, err = response.text()
	if err != nil {
		a.Failure = failureOf(err)
	}
	return a
}

func answerOf(response *response) answer {
	a := answer{Status: response.status, Code: response.code, Headers: map[string]string{}}
	for name := range response.header {
		a.Headers[name] = response.get(name)
	}
	a.Headers["Transfer-Encoding"] = response.get("Transfer-Encoding")
	return a
}

// callExecutor makes a recorder send a call.
func (r *replay) callExecutor(e *Entry) (*pending, error) {
	x, err := r.executors.get(e.Actor)
	if err != nil {
		return nil, err
	}
	body, err := r.bodyOf(e)
	if err != nil {
		return nil, err
	}
	return r.laneOf(e).send(func() (answer, *response) {
		select {
		case a := <-x.call(body, e.Type == "SUBSCRIBE"):
			return a, nil
		case <-time.After(answerTimeout):
			return answer{Failure: "no answer"}, nil
		}
	}), nil
}

// callOperator sends a call to a process's operator API.
func (r *replay) callOperator(e *Entry) (*pending, error) {
	body, err := r.bodyOf(e)
	if err != nil {
		return nil, err
	}
	addr, err := r.world.addr(e.Actor)
	if err != nil {
		return nil, err
	}
	q := request{
		addr: addr, method: http.MethodPost, path: "/api/v1", body: body,
		headers: []string{"Content-Type: application/json", "Accept: application/json"},
	}
	return r.laneOf(e).send(func() (answer, *response) { return plain(q), nil }), nil
}

// callHTTP sends a request as it is written out. In one scenario the body is not: it is a SUBSCRIBE.
func (r *replay) callHTTP(e *Entry) (*pending, error) {
	actor := e.Actor
	if actor == "" {
		actor = "master1"
	}
	addr, err := r.world.addr(actor)
	if err != nil {
		return nil, err
	}
	body := e.Body
	if e.Actor == "" && e.Type == http.MethodPost {
		body = plainSubscribe
	}
	q := request{addr: addr, method: e.Type, path: e.Path}
	for _, m := range uuidField.FindAllStringSubmatch(body, -1) {
		r.invent(m[1], true)
	}
	r.invent(body+strings.Join(e.Headers, " "), false)
	if q.body, err = r.names.run(body); err != nil {
		return nil, err
	}
	for _, h := range e.Headers {
		if h, err = r.names.run(h); err != nil {
			return nil, err
		}
		q.headers = append(q.headers, h)
	}
	stays := e.Answer != nil && strings.Contains(strings.Join(e.Answer.Headers, " "), "chunked")
	return r.laneOf(e).send(func() (answer, *response) {
		if !stays {
			return plain(q), nil
		}
		response, err := q.do()
		if err != nil {
			return answer{Failure: failureOf(err)}, nil
		}
		r.mu.Lock()
		r.open = append(r.open, response)
		r.mu.Unlock()
		return answerOf(response), response
	}), nil
}

// uuidField is where JSON holds the uuid of an update: 16 bytes in base64.
var uuidField = regexp.MustCompile(`"uuid":"(UUID-\d+)"`)

const plainSubscribe = `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","name":"x","roles":["workers"],` +
	`"checkpoint":true,"hostname":"x.example","capabilities":[{"type":"PARTITION_AWARE"},{"type":"TASK_KILLING_STATE"},` +
	`{"type":"MULTI_ROLE"},{"type":"RESERVATION_REFINEMENT"},{"type":"REGION_AWARE"}]}}}`

// bigMessage is a MESSAGE of 1 MiB to the executor of the scenario.
func (r *replay) bigMessage() (string, error) {
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(i)
	}
	return r.names.run(`{"type":"MESSAGE","framework_id":{"value":"FRAMEWORK-1"},"message":{"agent_id":{"value":"AGENT-1"},` +
		`"executor_id":{"value":"e1"},"data":"` + base64.StdEncoding.EncodeToString(data) + `"}}`)
}
