package executor

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"k8s-framework/internal/kubelet"
	"k8s-framework/internal/mesos/execapi"
)

// TestNoFaultMakesItLie plays the machine against a world in which everything can fail, come late or come twice, and then
// one in which nothing fails any more. What must hold:
//
//   - one action of a kind is under way at a time, and the kubelet is started only on a host that is ours;
//   - no task is KILLED while a kubelet, or a process of a pod that has run, is there;
//   - nothing is stopped under pods that could be drained, unless a limit of time or the framework's word allows it;
//   - no kubelet gets smaller before there is room, unless a limit of time allows it; nobody else's cordon is taken back, and none
//     once the node is drained;
//   - cut off from everybody for longer than FenceAfter it stops its kubelet, and never for that reason before;
//   - it ends: every task is over, nothing is left, the executor exits.
func TestNoFaultMakesItLie(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newUniverse(t)
		if rapid.Bool().Draw(t, "begins in good health") {
			w.settle()
		}
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			if w.exited {
				break
			}
			w.turn()
		}
		w.end()
	})
}

type universe struct {
	t       *rapid.T
	machine *Machine
	now     time.Time
	wake    time.Time
	calm    bool // nothing fails any more
	history []string

	queue []Event // what will happen, in any order

	subscribed          bool
	launched            int
	told, hurried, lost bool // reasons to stop without a drain
	kubelet             int  // the run that lives; 0: none
	healthy, stopping   bool
	everHealthy         bool
	drained             bool
	pods                bool // processes of pods
	underWay            map[string]bool
	exited              bool
	over                map[string]bool
	ours                bool
	endBegan            time.Time
	failures            int // of the kubelet

	slice      kubelet.Slice // of the kubelet that was started last
	room       kubelet.Slice // that there is room for
	asked      kubelet.Slice // that room is being made for
	firstKill  time.Time     // since it last got smaller
	cordoned   bool          // by us
	draining   bool          // it was, once
	away       bool          // the API server did not answer the drain, once
	fenceAfter time.Duration // 0: none
	contact    time.Time     // the last that is certain, with the agent or the API server
	askedAt    time.Time
	fenced     bool // it was cut off long enough, once
}

func newUniverse(t *rapid.T) *universe {
	return &universe{
		fenceAfter: time.Duration(rapid.SampledFrom([]int{0, 120, 1200}).Draw(t, "fence after")) * time.Second,
		t:          t, machine: NewMachine(Settings{Checkpoint: true, RecoveryTimeout: 15 * time.Minute, ShutdownGrace: 20 * time.Second}),
		now: time.Unix(0, 0), underWay: map[string]bool{}, over: map[string]bool{},
	}
}

// settle is the life up to a healthy kubelet with a few tasks, from where it gets interesting.
func (w *universe) settle() {
	w.subscribe()
	for range rapid.IntRange(1, 4).Draw(w.t, "tasks") {
		w.launch(rapid.Int64Range(0, 1000).Draw(w.t, "cpus"))
	}
	w.queue = slices.DeleteFunc(w.queue, func(e Event) bool {
		switch e.(type) {
		case Prepared, PreparationFailed:
			return true
		}
		return false
	})
	w.deliver(Prepared{Host: hostOfAll})
	w.beat()
}

var hostOfAll = kubelet.Host{MilliCPU: 4000, MemoryBytes: 1 << 33}

func (w *universe) launch(milliCPU int64) {
	w.launched++
	w.step(AgentSaid{execapi.Launched{Task: execapi.Task{
		ID: fmt.Sprintf("t%d", w.launched), Resources: execapi.Resources{CPUs: milliCPU, Mem: 100_000},
	}}})
}

// turn lets one thing happen.
func (w *universe) turn() {
	choices := []string{"time", "result"}
	if !w.calm {
		choices = append(choices, "agent", "agent", "kubelet", "result")
	}
	switch rapid.SampledFrom(choices).Draw(w.t, "turn") {
	case "time":
		w.pass(time.Duration(rapid.IntRange(0, 120_000).Draw(w.t, "ms")) * time.Millisecond)
	case "result":
		w.result()
	case "agent":
		w.agentSays()
	case "kubelet":
		w.kubeletDoes()
	}
}

func (w *universe) pass(length time.Duration) {
	until := w.now.Add(length)
	if !w.wake.IsZero() && w.wake.Before(until) {
		until = w.wake
	}
	w.now = until
	w.step(Ticked{})
}

func (w *universe) result() {
	if len(w.queue) == 0 {
		return
	}
	at := rapid.IntRange(0, len(w.queue)-1).Draw(w.t, "which")
	event := w.queue[at]
	w.queue = append(w.queue[:at:at], w.queue[at+1:]...)
	w.deliver(event)
}

// deliver makes true what the event says, before the machine hears of it.
func (w *universe) deliver(event Event) {
	switch e := event.(type) {
	case Prepared:
		w.ours = true
		delete(w.underWay, "prepare")
	case PreparationFailed:
		delete(w.underWay, "prepare")
	case KubeletExited:
		if w.kubelet == e.Run {
			w.kubelet, w.healthy, w.stopping = 0, false, false
		}
	case Drained:
		w.drained = true
		delete(w.underWay, "drain")
	case DrainFailed:
		delete(w.underWay, "drain")
	case PodsStopped:
		w.pods = false
		delete(w.underWay, "pods")
	case PodsNotStopped:
		delete(w.underWay, "pods")
	case Cleaned:
		w.pods = false
		delete(w.underWay, "clean")
	case NotCleaned:
		delete(w.underWay, "clean")
	case Cordoned, Uncordoned, RoomMade, RoomFailed:
		w.deliverRoom(event)
	case ServerAnswered:
		delete(w.underWay, "ask")
		if w.askedAt.After(w.contact) {
			w.contact = w.askedAt
		}
	case ServerSilent:
		delete(w.underWay, "ask")
	case Looked:
		delete(w.underWay, "look")
	case DrainProgressed:
		w.away = w.away || e.Away != ""
	case UpdateSent:
		delete(w.underWay, "update")
	case UpdateFailed:
		delete(w.underWay, "update")
	}
	w.step(event)
}

func (w *universe) deliverRoom(event Event) {
	delete(w.underWay, "room")
	switch e := event.(type) {
	case Cordoned:
		w.cordoned = w.cordoned || e.Fresh
	case Uncordoned:
		w.cordoned = false
	case RoomFailed:
		w.cordoned = w.cordoned || e.Unsure
	case RoomMade:
		w.room = w.asked
	}
}

func (w *universe) agentSays() {
	if !w.subscribed {
		if w.launched == 0 || rapid.IntRange(0, 3).Draw(w.t, "is back") == 0 {
			w.subscribe()
		}
		return
	}
	switch what := rapid.SampledFrom([]string{"launch", "launch", "kill", "kill", "disconnect", "message", "shutdown", "lost"}).Draw(w.t, "agent"); what {
	case "launch":
		w.launch(rapid.Int64Range(0, 2500).Draw(w.t, "cpus"))
	case "kill":
		if w.launched == 0 {
			return
		}
		graceSet := rapid.IntRange(0, 3).Draw(w.t, "grace") == 0
		if w.firstKill.IsZero() {
			w.firstKill = w.now
		}
		w.hurried = w.hurried || graceSet
		w.step(AgentSaid{execapi.Killed{
			Task:     fmt.Sprintf("t%d", rapid.IntRange(1, w.launched).Draw(w.t, "task")),
			GraceSet: graceSet, Grace: time.Duration(rapid.IntRange(-1, 30).Draw(w.t, "seconds")) * time.Second,
		}})
	case "disconnect":
		w.subscribed, w.contact = false, w.now
		w.step(AgentSaid{execapi.Disconnected{Why: "EOF"}})
	case "message":
		w.told = true
		w.step(AgentSaid{execapi.Messaged{Data: []byte(`{"version":1,"drained":true}`)}})
	case "shutdown":
		w.hurried = true
		w.step(AgentSaid{execapi.ShutdownRequested{}})
	case "lost":
		if w.subscribed {
			w.contact = w.now
		}
		w.subscribed, w.lost = false, true
		w.step(AgentLost{Why: "another agent"})
	}
}

func (w *universe) subscribe() {
	if w.lost {
		return
	}
	w.machine.Pending()
	w.subscribed = true
	spec := exampleSpec()
	spec.FenceAfter = kubelet.Duration(w.fenceAfter)
	data, err := json.Marshal(spec)
	require.NoError(w.t, err)
	w.step(AgentSaid{execapi.Subscribed{Container: "c-1", Data: data}})
}

func (w *universe) kubeletDoes() {
	if w.kubelet == 0 {
		return
	}
	switch rapid.SampledFrom([]string{"healthy", "healthy", "unhealthy", "exit", "node"}).Draw(w.t, "kubelet") {
	case "node":
		state := rapid.SampledFrom([]NodeState{NodeUnknown, NodeMissing, NodeNotReady, NodeReady}).Draw(w.t, "state")
		w.step(NodeLooked{Run: w.kubelet, Node: NodeView{State: state}})
	case "healthy":
		w.beat()
	case "unhealthy":
		w.healthy = false
		w.step(KubeletProbed{Run: w.kubelet, Why: "503"})
	case "exit":
		w.failures++
		w.deliver(KubeletExited{Run: w.kubelet, Why: "exit status 2"})
	}
}

func (w *universe) beat() {
	w.healthy, w.pods = true, true
	w.everHealthy = w.everHealthy || !w.stopping // what it did in its last moments nobody could have known
	w.step(KubeletProbed{Run: w.kubelet, Healthy: true})
}

func (w *universe) step(event Event) {
	if w.exited {
		return
	}
	text := fmt.Sprintf("%+v", event)
	w.history = append(w.history, fmt.Sprintf("%s %T %.100s", w.now.Sub(time.Unix(0, 0)), event, text))
	w.fenced = w.fenced || w.cutOff()
	plan := w.machine.Step(w.now, event)
	w.wake = plan.Wake
	for _, note := range plan.Notes {
		if strings.HasPrefix(note, "the node ends") {
			w.endBegan = w.now
		}
	}
	w.demand(plan.Wake.IsZero() || plan.Wake.After(w.now), "it asks for a time that has come")
	for _, action := range plan.Actions {
		w.history = append(w.history, "    "+action.(fmt.Stringer).String())
		w.perform(action)
	}
	w.demand(!w.cutOff() || w.kubelet == 0 || w.stopping || w.exited, "cut off, and the kubelet goes on")
}

// cutOff reports whether the executor has heard of nobody for so long that others may have taken over.
func (w *universe) cutOff() bool {
	return w.fenceAfter > 0 && !w.subscribed && !w.contact.IsZero() && w.now.Sub(w.contact) >= w.fenceAfter
}

// perform begins the action, and puts its result, good or bad, among what will happen.
func (w *universe) perform(action Action) {
	begin := func(what string, good, bad Event) {
		w.demand(!w.underWay[what], "two of "+what)
		w.underWay[what] = true
		if w.calm || rapid.Bool().Draw(w.t, what+" is good") {
			bad = good
		}
		w.queue = append(w.queue, bad)
	}
	switch a := action.(type) {
	case Prepare:
		begin("prepare", Prepared{Host: hostOfAll}, PreparationFailed{Why: "bad disk"})
	case StartKubelet:
		w.demand(w.ours && w.kubelet == 0, "started twice, or on a host that is not ours")
		inTime := w.firstKill.IsZero() || w.now.Sub(w.firstKill) < time.Minute
		w.demand(w.slice.Within(a.Slice) || w.room.Within(a.Slice) || !w.everHealthy || w.hurried || !inTime, "smaller without room")
		if !w.slice.Within(a.Slice) {
			w.firstKill = time.Time{}
		}
		w.kubelet, w.slice, w.room = a.Run, a.Slice, a.Slice
	case Cordon:
		fresh := rapid.Bool().Draw(w.t, "fresh")
		begin("room", Cordoned{Fresh: fresh}, RoomFailed{Why: "500", Unsure: fresh})
	case Uncordon:
		w.demand(w.cordoned && !w.draining, "somebody else's cordon, or that of a drain, taken back")
		begin("room", Uncordoned{}, RoomFailed{Why: "500"})
	case MakeRoom:
		w.asked = a.Slice
		begin("room", RoomMade{}, RoomFailed{Why: "500"})
	case CancelRoom:
		w.demand(w.underWay["room"], "called off what is not under way")
	case AskServer:
		w.askedAt = w.now
		begin("ask", ServerAnswered{}, ServerSilent{Why: "no route to host"})
	case Look:
		begin("look", Looked{}, Looked{Found: "1 pods were still there"})
	case StopKubelet:
		w.demand(w.kubelet != 0 && (!w.stopping || w.hurried), "stopped twice, or when there is none")
		w.demand(w.fenced || !strings.HasPrefix(a.Why, "fenced"), "fenced too early")
		if strings.HasPrefix(a.Why, "not healthy") {
			w.failures++
		}
		if !w.stopping {
			w.queue = append(w.queue, KubeletExited{Run: w.kubelet, Why: "terminated"})
		}
		w.stopping = true
	case SendUpdate:
		begin("update", UpdateSent{Update: a.Status.Update}, UpdateFailed{Update: a.Status.Update, Why: "503"})
		w.check(a.Status)
		if w.calm || rapid.Bool().Draw(w.t, "acknowledged") {
			w.queue = append(w.queue, AgentSaid{execapi.Acknowledged{Task: a.Status.Task, Update: a.Status.Update}})
		}
	case Drain:
		w.demand(w.kubelet != 0 || w.everHealthy, "a drain of nothing")
		w.demand(!w.underWay["room"], "a drain beside something that may take its cordon back")
		w.draining = true
		if !w.calm && rapid.Bool().Draw(w.t, "away") {
			w.queue = append(w.queue, DrainProgressed{PodsLeft: 1, Away: "no good answer"})
		}
		begin("drain", Drained{}, DrainFailed{Why: "500"})
	case StopPods:
		w.demand(w.kubelet == 0, "pods stopped under a kubelet that starts them again")
		limit := time.Minute
		if w.away {
			limit /= 2
		}
		late := !w.endBegan.IsZero() && w.now.Sub(w.endBegan) >= limit
		w.demand(w.drained || w.told || w.hurried || late || w.fenced || !w.everHealthy || w.failures >= 3, "pods stopped without a drain")
		begin("pods", PodsStopped{}, PodsNotStopped{Why: "the runtime is down"})
	case CleanUp:
		begin("clean", Cleaned{}, NotCleaned{Why: "1 process is left"})
	case Exit:
		w.demand(w.kubelet == 0, "exit with a kubelet")
		w.exited = true
	}
}

func (w *universe) check(status execapi.Status) {
	w.demand(!w.over[status.Task] || status.State.Terminal(), "an update after a terminal one")
	if status.State.Terminal() {
		w.over[status.Task] = true
	}
	if status.State == execapi.TaskKilled && !strings.Contains(status.Message, "given back") {
		w.demand(w.kubelet == 0 && !w.pods, "KILLED, but something runs")
	}
	if status.State == execapi.TaskRunning && status.Healthy == execapi.Healthy {
		w.demand(w.everHealthy, "RUNNING before the kubelet was healthy")
	}
}

// end lets everything go well, kills what is left, and wants the executor to be gone after a while.
func (w *universe) end() {
	w.calm = true
	for turns := 0; !w.exited; turns++ {
		w.demand(turns < 2000, "it does not end")
		switch {
		case !w.subscribed && !w.lost:
			w.subscribe()
		case len(w.queue) > 0:
			w.deliver(w.takeFirst())
		case w.kubelet != 0 && !w.stopping && !w.healthy:
			w.beat()
		case turns%5 == 0:
			w.hurried = true
			w.step(AgentSaid{execapi.ShutdownRequested{}})
		default:
			w.pass(time.Minute)
		}
	}
	w.demand(w.kubelet == 0, "a kubelet is left")
}

func (w *universe) takeFirst() Event {
	event := w.queue[0]
	w.queue = w.queue[1:]
	return event
}

func (w *universe) demand(holds bool, what string) {
	if !holds {
		w.t.Fatalf("%s\n%s", what, strings.Join(w.history, "\n"))
	}
}
