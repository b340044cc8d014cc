package executor

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/kubelet"
	"k8s-framework/internal/mesos/execapi"
)

// TestMachine replays the transcripts in testdata/machine; -rewrite writes them anew. Each command is an event, or:
//
//	after DURATION   lets the time pass, stepping when the machine asked for it
//	agent mute|ok    from now on updates are not answered; are sent and acknowledged (as at the start)
//	pending          what a SUBSCRIBE would carry now
//
// Every line of the answer begins with the time since the start in seconds.
func TestMachine(t *testing.T) {
	datadriven.Walk(t, "testdata/machine", func(t *testing.T, path string) {
		w := &world{t: t, now: time.Unix(1000, 0).UTC(), answers: true}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			w.out.Reset()
			w.run(d)
			if w.out.Len() == 0 {
				return "nothing\n"
			}
			return w.out.String()
		})
	})
}

type world struct {
	t       *testing.T
	machine *Machine
	now     time.Time
	wake    time.Time
	answers bool
	waiting []execapi.Status // sent and not answered
	run_    int
	beats   bool // the kubelet answers healthy while time passes
	out     strings.Builder
}

func exampleSpec() kubelet.Spec {
	spec := kubelet.Defaults()
	spec.Node, spec.Host = "workers-1", "host1"
	spec.ProviderID = "mesos://f-1/workers-1"
	spec.Kubelet, spec.Kubeconfig = "/usr/bin/kubelet", "/etc/kubelet.conf"
	spec.Drain.Deadline = kubelet.Duration(time.Minute)
	spec.Restart.Failures = 3
	return spec
}

func (w *world) run(d *datadriven.TestData) {
	text := strings.TrimSpace(d.Input)
	duration := func(name string) (value time.Duration) {
		var written string
		if d.MaybeScanArgs(w.t, name, &written); written != "" {
			parsed, err := time.ParseDuration(written)
			require.NoError(w.t, err)
			value = parsed
		}
		return value
	}
	word := func() string { return d.CmdArgs[0].Key }
	switch d.Cmd {
	case "start":
		w.machine = NewMachine(Settings{
			Checkpoint: !d.HasArg("no-checkpoint"), RecoveryTimeout: 15 * time.Minute, ShutdownGrace: 5 * time.Second,
		})
	case "after":
		passed, err := time.ParseDuration(word())
		require.NoError(w.t, err)
		w.pass(w.now.Add(passed))
	case "agent":
		w.answers = word() == "ok"
		w.answer()
	case "pending":
		pending := w.machine.Pending()
		for _, task := range pending.Tasks {
			w.say("task %s", task.ID)
		}
		for _, status := range pending.Updates {
			w.say("%s", SendUpdate{status}.String())
		}
	case "subscribed":
		spec := exampleSpec()
		if d.HasArg("wait") {
			spec.Drain.Then = kubelet.Wait
		}
		spec.FenceAfter = kubelet.Duration(duration("fence"))
		data, err := json.Marshal(spec)
		require.NoError(w.t, err)
		if text != "" {
			data = []byte(text)
		}
		w.agent(execapi.Subscribed{Container: "c-1", Data: data, ShutdownGrace: duration("shutdown-grace")})
	case "disconnected":
		w.agent(execapi.Disconnected{Why: "EOF"})
	case "launch":
		task := execapi.Task{ID: word(), KillGrace: duration("kill-grace")}
		d.MaybeScanArgs(w.t, "cpus", &task.Resources.CPUs)
		d.MaybeScanArgs(w.t, "mem", &task.Resources.Mem)
		d.MaybeScanArgs(w.t, "disk", &task.Resources.Disk)
		d.MaybeScanArgs(w.t, "gpus", &task.Resources.GPUs)
		w.agent(execapi.Launched{Task: task})
	case "kill":
		w.agent(execapi.Killed{Task: word(), Grace: duration("grace"), GraceSet: d.HasArg("grace")})
	case "shutdown":
		w.agent(execapi.ShutdownRequested{})
	case "message":
		w.agent(execapi.Messaged{Data: []byte(text)})
	case "refused":
		status := w.waiting[0]
		w.waiting = w.waiting[1:]
		w.step(UpdateFailed{Update: status.Update, Why: text, Refused: true})
	case "failed":
		status := w.waiting[0]
		w.waiting = w.waiting[1:]
		w.step(UpdateFailed{Update: status.Update, Why: text})
	default:
		w.simple(d, text)
	}
}

// simple are the events that a name and a text make up.
func (w *world) simple(d *datadriven.TestData, text string) {
	var left int
	d.MaybeScanArgs(w.t, "left", &left)
	var away string
	if d.HasArg("away") {
		text, away = "", text
	}
	node := NodeView{Why: text}
	if d.Cmd == "node" {
		node.State = map[string]NodeState{"missing": NodeMissing, "not-ready": NodeNotReady, "ready": NodeReady}[d.CmdArgs[0].Key]
	}
	events := map[string]Event{
		"cordoned":         Cordoned{Fresh: !d.HasArg("before")},
		"uncordoned":       Uncordoned{},
		"room-progress":    RoomProgressed{PodsLeft: left, Blocked: lines(text)},
		"room-made":        RoomMade{},
		"room-failed":      RoomFailed{Why: text, Unsure: d.HasArg("unsure")},
		"server-answered":  ServerAnswered{},
		"server-silent":    ServerSilent{Why: text},
		"looked":           Looked{Found: text},
		"node":             NodeLooked{Run: w.run_, Node: node},
		"agent-lost":       AgentLost{Why: text},
		"interrupted":      Interrupted{Why: text},
		"prepare-waits":    PreparationWaited{Why: text},
		"prepared":         Prepared{Host: kubelet.Host{MilliCPU: 2000, MemoryBytes: 4 << 30, DiskBytes: 1 << 40}},
		"prepare-failed":   PreparationFailed{Why: text},
		"healthy":          KubeletProbed{Run: w.run_, Healthy: true},
		"unhealthy":        KubeletProbed{Run: w.run_, Why: text},
		"exited":           KubeletExited{Run: w.run_, Why: "exit status 1", Lines: strings.Split(text, "\n")},
		"drain-progress":   DrainProgressed{PodsLeft: left, Blocked: lines(text), Away: away, Why: strings.Join(append(lines(fmt.Sprintf("%d pods left", left)), lines(text+away)...), "; ")},
		"drained":          Drained{},
		"joined":           Joined{},
		"drain-failed":     DrainFailed{Why: text},
		"pods-stopped":     PodsStopped{},
		"pods-not-stopped": PodsNotStopped{Why: text},
		"cleaned":          Cleaned{},
		"not-cleaned":      NotCleaned{Why: text},
		"tick":             Ticked{},
	}
	event, ok := events[d.Cmd]
	if !ok {
		d.Fatalf(w.t, "unknown command %s", d.Cmd)
	}
	switch d.Cmd {
	case "healthy":
		w.beats = true
	case "unhealthy", "exited":
		w.beats = false
	}
	w.step(event)
}

func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

func (w *world) agent(event execapi.Event) { w.step(AgentSaid{event}) }

func (w *world) step(event Event) {
	plan := w.machine.Step(w.now, event)
	require.True(w.t, plan.Wake.IsZero() || plan.Wake.After(w.now), "a Plan asks for a time that has come: %v", event)
	w.wake = plan.Wake
	for _, note := range plan.Notes {
		w.say("# %s", note)
	}
	for _, action := range plan.Actions {
		w.say("%s", action.(fmt.Stringer))
		switch a := action.(type) {
		case StartKubelet:
			w.run_, w.beats = a.Run, false
		case StopKubelet:
			w.beats = false
		case SendUpdate:
			w.waiting = append(w.waiting, a.Status)
		}
	}
	w.answer()
}

// answer plays an agent in good health.
func (w *world) answer() {
	for w.answers && len(w.waiting) > 0 {
		status := w.waiting[0]
		w.waiting = w.waiting[1:]
		w.step(UpdateSent{Update: status.Update})
		w.agent(execapi.Acknowledged{Task: status.Task, Update: status.Update})
	}
}

func (w *world) pass(until time.Time) {
	const beat = 10 * time.Second
	for w.now.Before(until) {
		next, event := until, Event(nil)
		if w.beats && w.now.Add(beat).Before(next) {
			next, event = w.now.Add(beat), KubeletProbed{Run: w.run_, Healthy: true}
		}
		if !w.wake.IsZero() && !w.wake.After(next) {
			next, event = w.wake, Ticked{}
		}
		w.now = next
		if event != nil {
			w.step(event)
		}
	}
}

func (w *world) say(format string, values ...any) {
	fmt.Fprintf(&w.out, "%.1f %s\n", w.now.Sub(time.Unix(1000, 0)).Seconds(), fmt.Sprintf(format, values...))
}
