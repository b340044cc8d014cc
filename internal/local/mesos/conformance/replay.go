package conformance

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// patience is how much later than recorded an expected output may come. Scenarios run beside each other on few cores.
const patience = 4 * time.Second

// grace is how much later than recorded an output may come before the replay goes on without it.
const grace = 1200 * time.Millisecond

// Options say how a transcript is played.
type Options struct {
	Bin        string // folder of mesos-master and mesos-agent
	Executable string // this test's binary, which is the recorder too
	// Until ends the replay before the first entry recorded later than this; 0 plays all.
	Until time.Duration
	// Skip names parts, by the beginning of their titles, that are not played.
	Skip []string
	// Keep leaves the folders of the run, with the logs of the processes and a file trace: what was played when.
	Keep bool
}

// Mismatch is one entry that did not come as recorded, or something that came and is not recorded.
type Mismatch struct {
	Scenario, Part string
	Line           int    // of the transcript; of something unrecorded, where the replay was when it came
	Want           string // the recorded entry; empty for something unrecorded
	Got            string // what came instead; empty for nothing
	Diffs          []Diff
}

// String prints the mismatch on several lines.
func (m Mismatch) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, line %d, part %q\n", m.Scenario, m.Line, m.Part)
	switch {
	case m.Want == "":
		fmt.Fprintf(&b, "  not recorded: %s\n", m.Got)
	case m.Got == "":
		fmt.Fprintf(&b, "  recorded: %s\n  did not come\n", m.Want)
	default:
		fmt.Fprintf(&b, "  recorded: %s\n  got:      %s\n", m.Want, m.Got)
	}
	for _, d := range m.Diffs {
		fmt.Fprintf(&b, "    %s\n", d)
	}
	return b.String()
}

// Result is what a replay found.
type Result struct {
	Compared   int // outputs that were awaited or checked
	Matched    int
	Mismatches []Mismatch
	GivenBack  int // offers that came apart: see giveback.go
	Took       time.Duration
	Dir        string // of the run, if kept
}

// replay plays one transcript.
type replay struct {
	t       *Transcript
	options Options
	world   *world
	names   *names
	obs     *observations
	hidden  hidden

	executors  *executors
	schedulers map[string]*scheduler
	lanes      map[string]*lane
	calls      map[*Entry]*pending
	failed     map[*Entry]error // calls that could not be sent
	unanswered []*pending       // calls since the latest input

	start time.Time
	shift time.Duration // this run is so much later than the recording: whole seconds

	input   time.Time // when the latest input was given
	ended   time.Time // when the last entry was played
	part    *Part
	current *Entry
	late    []awaited
	result  Result

	mu   sync.Mutex // guards open and the streams of schedulers: subscriptions run beside the replay
	open []*response

	leading    string
	launched   map[string]any    // task id → TaskInfo as the executor got it
	offerRoles map[string]string // offer id → role
	scene      scene
}

// Play plays the transcript and compares. The error says that it could not be played at all.
func Play(ctx context.Context, t *Transcript, options Options) (result Result, err error) {
	w, err := newWorld(options.Bin, options.Executable)
	if err != nil {
		return Result{}, fmt.Errorf("replay %s: %w", t.Name, err)
	}
	h := hiddenOf(t.Name)
	r := &replay{
		t: t, options: options, world: w, names: w.names(h.translate), obs: newObservations(), hidden: h,
		schedulers: map[string]*scheduler{}, lanes: map[string]*lane{}, calls: map[*Entry]*pending{},
		failed: map[*Entry]error{}, launched: map[string]any{}, offerRoles: map[string]string{},
	}
	for tok, host := range r.hidden.agentHosts {
		r.names.hosts[tok] = host
	}
	r.executors = &executors{obs: r.obs, names: r.names, latest: map[string]*executor{}}
	defer func() {
		r.end()
		w.end(options.Keep)
	}()
	if err := r.executors.listen(w.dir, t); err != nil {
		return Result{}, err
	}
	if err := r.prepare(); err != nil {
		return Result{}, fmt.Errorf("prepare replay %s: %w", t.Name, err)
	}
	r.start = time.Now()
	r.play(ctx)
	r.result.Took, r.result.Dir = time.Since(r.start), w.dir
	return r.result, ctx.Err()
}

func (r *replay) end() {
	r.scene.end()
	r.executors.close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, response := range r.open {
		response.close()
	}
}

func (r *replay) play(ctx context.Context) {
	number := 0
	for _, part := range r.t.Parts {
		if r.skips(part) {
			if n := len(part.Entries); n > 0 && r.current != nil { // the time of a part that is left out does not pass
				r.shift -= (part.Entries[n-1].At - r.current.At).Truncate(time.Second)
			}
			continue
		}
		number++
		r.catchUp(ctx, nil, time.Now())
		r.part = part
		r.obs.enter(number)
		r.reportUnrecorded(number - 1)
		for _, e := range part.Entries {
			if r.options.Until > 0 && e.At > r.options.Until {
				r.finish(ctx, number)
				return
			}
			if ctx.Err() != nil {
				return
			}
			r.current = e
			r.play1(ctx, e)
			r.trace(e)
		}
	}
	r.finish(ctx, number)
}

// finish waits for what is still awaited. What comes by itself after the end of the recording is nobody's concern.
func (r *replay) finish(ctx context.Context, number int) {
	r.ended = time.Now()
	r.overdue(ctx)
	r.reportUnrecorded(number + 2)
}

func (r *replay) skips(part *Part) bool {
	for _, title := range r.options.Skip {
		if strings.HasPrefix(part.Title, title) {
			return true
		}
	}
	return false
}

func (r *replay) play1(ctx context.Context, e *Entry) {
	if do := r.hidden.before[e.Line]; do != nil {
		r.waitUntil(ctx, e.At)
		r.doHidden(e, do)
	}
	if do := r.hidden.after[e.Line]; do != nil {
		defer r.doHidden(e, do)
	}
	if e.Kind != Call {
		r.follow(e)
	}
	switch e.Kind {
	case Call:
		r.waitUntil(ctx, e.At)
		r.call(e)
	case Answer:
		r.awaitAnswer(ctx, e)
	case Event, StreamEnd:
		r.awaitObservation(ctx, e)
	case Note:
		r.note(ctx, e)
	}
}

func (r *replay) doHidden(e *Entry, do func(*replay) error) {
	if err := do(r); err != nil {
		r.mismatch(e, "the recorder's unrecorded action failed: "+err.Error(), nil)
	}
}

// trace notes the times of an entry in the recording and in this run, behind a ! if it was not as recorded.
func (r *replay) trace(e *Entry) {
	if !r.options.Keep {
		return
	}
	f, err := os.OpenFile(filepath.Join(r.world.dir, "trace"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return // only the trace is poorer
	}
	defer f.Close()
	mark := " "
	if n := len(r.result.Mismatches); n > 0 && r.result.Mismatches[n-1].Line == e.Line {
		mark = "!"
	}
	fmt.Fprintf(f, "%s %7.3f recorded %6.1f, shift %6.3f, line %4d %.150s\n", mark, time.Since(r.start).Seconds(),
		e.At.Seconds(), r.shift.Seconds(), e.Line, e.Text)
}

// due is when a recorded time is, in this run.
func (r *replay) due(at time.Duration) time.Time { return r.start.Add(at + r.shift) }

// waitUntil waits for a recorded time. A replay that is late goes on at once; if it is so late that it will not catch up
// where the recorder waited, all that follows is later by whole seconds: Mesos makes offers in cycles of a second, and
// what happens within one cycle must not come in two.
func (r *replay) waitUntil(ctx context.Context, at time.Duration) {
	if late := time.Since(r.due(at)); late > catchable {
		r.shift += (late + time.Second - 1).Truncate(time.Second)
	}
	pause(ctx, time.Until(r.due(at)))
	r.awaitSent()
	r.catchUp(ctx, nil, time.Now())
	r.input = time.Now()
}

// catchable is how late a replay may be without shifting what follows.
const catchable = 400 * time.Millisecond

// awaitSent gives calls that were made a moment to be read by Mesos before the next input, as in the recording, where
// they went out one after the other. A stopped process does not read.
func (r *replay) awaitSent() {
	for _, p := range r.unanswered {
		select {
		case <-p.done:
		case <-time.After(50 * time.Millisecond):
		}
	}
	r.unanswered = r.unanswered[:0]
}

func (r *replay) call(e *Entry) {
	if r.postponed(e) {
		return
	}
	r.learn()
	if e.Role == Executor && r.alreadyBack(e) {
		return
	}
	p, err := r.send(e)
	if err != nil && len(r.late) > 0 { // what is awaited may bring the missing id
		r.overdue(context.Background())
		p, err = r.send(e)
	}
	if err != nil {
		r.failed[e] = err
		if e.Answer == nil {
			r.mismatch(e, "could not be sent: "+err.Error(), nil)
		}
		return
	}
	r.calls[e] = p
	r.unanswered = append(r.unanswered, p)
}

func (r *replay) send(e *Entry) (*pending, error) {
	r.letPass(e)
	switch e.Role {
	case Scheduler:
		return r.callScheduler(e)
	case Executor:
		return r.callExecutor(e)
	case Operator:
		return r.callOperator(e)
	}
	return r.callHTTP(e)
}

// letPass lets an acknowledgement pass through master and agent before the executor says more about its task. An update
// that arrives before the acknowledgement of a terminal one is lost with the task; the recorder was slower than that.
func (r *replay) letPass(e *Entry) {
	task := taskID.FindString(e.Body)
	switch {
	case e.Type == "ACKNOWLEDGE":
		r.scene.acknowledged[task] = time.Now()
	case e.Role == Executor && e.Type == "UPDATE":
		time.Sleep(time.Until(r.scene.acknowledged[task].Add(2 * noticed)))
	}
}

var taskID = regexp.MustCompile(`"task_id":\{"value":"[^"]*"\}`)

func (r *replay) schedulerOf(e *Entry) *scheduler {
	s := r.schedulers[e.Actor]
	if s == nil {
		s = &scheduler{name: e.Actor, auth: r.hidden.auth[e.Actor], ended: map[int]bool{}}
		r.schedulers[e.Actor] = s
	}
	return s
}

func (r *replay) laneOf(e *Entry) *lane {
	l := r.lanes[e.speaker()]
	if l == nil {
		l = &lane{}
		r.lanes[e.speaker()] = l
	}
	return l
}
