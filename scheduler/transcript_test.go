package scheduler

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
)

// TestTranscripts replays the files in testdata: each tells one behaviour as a conversation between an operator, Mesos,
// Kubernetes and the core. `make golden` rewrites them.
//
//	pool NAME nodes=N cpus=N mem=MIB [role=R then=wait …]   before start: a saved pool; below it fields of a pools file
//	start [join=token]                                      a core of what is saved (again: a failover)
//	subscribed | disconnected | removed | synced            what came from Mesos and Kubernetes …
//	offers (lines: OFFER AGENT HOST RESOURCES [role=R zone=Z maintenance=DURATION ATTRIBUTE=VALUE])
//	inverse OFFER AGENT in=DURATION [for=DURATION] | rescinded OFFER
//	update TASK STATE [agent=A reason=R uuid=U message=…]
//	node HOST ready|notready [provider=NODE] [cpu=M mem=MIB] / node HOST deleted
//	executordrains NODE why=… | waits NODE for=…            what executors say
//	progress NODE left=N [blocked=…] | drained NODE | forgotten NODE | uncordoned NODE | marked NODE
//	ready NODE … | ended NODE …                             what follows a launch, and a kill: task and Node object
//	tokenwanted NODE | tokenissued NODE | tokenrevoked NODE | requested … | settled CSR   (transcript_identity_test.go)
//	lease NODE AGE|none | pods POOL HOST=N … | opfailed OPERATION NODE | callfailed CALL ROLE|OFFER
//	scale POOL N | apply POOL … | delete POOL | pause POOL  … and from the operator; with dry-run: what would be done
//	resume POOL | rollback POOL | restartpool POOL | restart NODE | cancel NODE | teardown
//	wait DURATION                                           time passes; the core is woken when it asked for it
//	state | refusals                                        prints the records; why agents are not used
//	table ready|silent                                      the phase after each task state, for every phase
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		w := newTranscript()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return w.run(t, d)
		})
	})
}

// transcript is the world of one file: a clock, a memory, and the last words of the core.
type transcript struct {
	now   time.Time
	saved saved
	core  *Core
	wake  time.Time
	out   strings.Builder
	// dryRun: the command asks only what would be done.
	dryRun bool
}

// saved is a memory that performs changes.
type saved struct {
	meta  Meta
	pools map[PoolName]PoolRecord
	nodes map[NodeName]Node
}

func (s *saved) apply(change Change) {
	switch c := change.(type) {
	case PutMeta:
		s.meta = c.Meta
	case PutPool:
		s.pools[c.Pool.Name] = c.Pool
	case DeletePool:
		delete(s.pools, c.Name)
	case PutNode:
		s.nodes[c.Node.Name] = c.Node
	case DeleteNode:
		delete(s.nodes, c.Name)
	}
}

func (s *saved) state() State {
	state := State{Meta: s.meta}
	for _, p := range s.pools {
		state.Pools = append(state.Pools, p)
	}
	for _, n := range s.nodes {
		state.Nodes = append(state.Nodes, n)
	}
	return state
}

func newTranscript() *transcript {
	return &transcript{
		now:   time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
		saved: saved{pools: map[PoolName]PoolRecord{}, nodes: map[NodeName]Node{}},
	}
}

func (w *transcript) run(t *testing.T, d *datadriven.TestData) string {
	w.out.Reset()
	line := command{t, d, w.now, &w.saved}
	switch d.Cmd {
	case "pool":
		p := line.pool(small())
		if err := p.Validate(); err != nil {
			return err.Error()
		}
		w.saved.pools[p.Name] = NewPoolRecord(p)
	case "start":
		config := DefaultConfig()
		config.JoinByToken = line.option("join") == "token"
		core, err := New(config, w.saved.state())
		if err != nil {
			return err.Error()
		}
		w.core, w.wake = core, time.Time{}
		w.step(Ticked{})
	case "wait":
		w.wait(t, line.word(0))
	case "table":
		return phaseTable(line.word(0) == "ready")
	case "state":
		for _, n := range w.core.View(w.now).Nodes {
			fmt.Fprintf(&w.out, "%s on %s (%s): %s since %s: %s\n", n.Name, n.Host, n.Agent, n.Phase, w.ago(n.Since), n.Why)
		}
	case "refusals":
		for _, p := range w.core.View(w.now).Pools {
			for _, r := range p.Refusals {
				fmt.Fprintf(&w.out, "pool %s is not on host %s: %s\n", p.Name, r.Host, r.Why)
			}
		}
	case "ready":
		for _, arg := range d.CmdArgs {
			w.becomesReady(w.saved.nodes[NodeName(arg.Key)])
		}
	case "ended":
		for _, arg := range d.CmdArgs {
			w.ends(w.saved.nodes[NodeName(arg.Key)])
		}
	default:
		w.dryRun = line.flag("dry-run")
		w.step(line.event())
	}
	return w.out.String()
}

// becomesReady tells what follows a launch that goes well, or a change of size: the task runs, the Node is Ready.
func (w *transcript) becomesReady(n Node) {
	for _, task := range n.Tasks {
		w.step(TaskUpdated{Task: task.ID, Agent: n.Agent, State: TaskRunning})
	}
	w.step(KubeNodeSeen{KubeNode{
		Host: n.Host, UID: UID("uid-" + n.Name), Ready: true, ProviderID: n.Name.ProviderID(w.saved.meta.FrameworkID),
		AllocatableCPU: int64(n.Slice().CPUs), AllocatableMem: n.Slice().MemBytes(),
	}})
}

// ends tells what follows the kill of a node: its tasks are over, and its Node object is deleted.
func (w *transcript) ends(n Node) {
	for _, task := range n.Tasks {
		w.step(TaskUpdated{Task: task.ID, Agent: n.Agent, State: TaskKilled})
	}
	w.step(KubeNodeForgotten{n.Name})
	w.step(KubeNodeDeleted{n.Host})
}

func (w *transcript) wait(t *testing.T, text string) {
	wait, err := time.ParseDuration(text)
	require.NoError(t, err)
	end := w.now.Add(wait)
	for steps := 0; !w.wake.IsZero() && !w.wake.After(end); steps++ {
		require.Less(t, steps, 1000, "the core wakes itself without end")
		require.True(t, w.wake.After(w.now), "the core asks to be woken at %s, now is %s", w.wake, w.now)
		w.now = w.wake
		before := w.out.Len()
		fmt.Fprintf(&w.out, "at %s:\n", w.ago(w.now))
		begin := w.out.Len()
		w.step(Ticked{})
		if w.out.Len() == begin {
			kept := w.out.String()[:before]
			w.out.Reset()
			w.out.WriteString(kept)
		}
	}
	w.now = end
}

func (w *transcript) ago(at time.Time) string {
	return at.Sub(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)).String()
}

// step performs a plan on the memory and writes it down.
func (w *transcript) step(event Event) {
	plan := w.core.Step(w.now, event)
	for _, note := range plan.Notes {
		mark := "note"
		if note.Alarm {
			mark = "ALARM"
		}
		fmt.Fprintf(&w.out, "%s: %s\n", mark, note)
	}
	for _, change := range plan.Save {
		w.saved.apply(change)
		fmt.Fprintf(&w.out, "save: %s\n", change)
	}
	for _, reply := range plan.Replies {
		fmt.Fprintf(&w.out, "reply: %s\n", reply)
		if w.dryRun {
			for _, line := range reply.Lines {
				fmt.Fprintf(&w.out, "  %s\n", line)
			}
		}
	}
	for _, call := range plan.Calls {
		fmt.Fprintf(&w.out, "call: %s\n", call)
	}
	for _, op := range plan.Ops {
		fmt.Fprintf(&w.out, "op: %s\n", op)
	}
	if plan.Fatal != "" {
		fmt.Fprintf(&w.out, "FATAL: %s\n", plan.Fatal)
	}
	w.wake = plan.Wake
}
