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
//	pool NAME nodes=N cpus=N mem=MIB [role=R then=wait …]   before start: a saved pool
//	start [join=token]                                      a core of what is saved (again: a failover)
//	subscribed | disconnected | removed | synced            what came from Mesos and Kubernetes …
//	offers (lines: OFFER AGENT HOST RESOURCES [role=R])
//	update TASK STATE [agent=A reason=R uuid=U message=…]
//	node HOST ready|notready [provider=NODE] [cpu=M mem=MIB] / node HOST deleted
//	progress NODE left=N [blocked=…] | drained NODE | forgotten NODE | opfailed drain|forget NODE
//	tokenwanted NODE | tokenissued NODE | tokenrevoked NODE | requested … | settled CSR   (transcript_identity_test.go)
//	scale POOL N                                            … and from the operator
//	wait DURATION                                           time passes; the core is woken when it asked for it
//	state                                                   prints the records
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
}

// saved is a memory that performs changes.
type saved struct {
	meta  Meta
	pools map[PoolName]Pool
	nodes map[NodeName]Node
}

func (s *saved) apply(change Change) {
	switch c := change.(type) {
	case PutMeta:
		s.meta = c.Meta
	case PutPool:
		s.pools[c.Pool.Name] = c.Pool
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
		saved: saved{pools: map[PoolName]Pool{}, nodes: map[NodeName]Node{}},
	}
}

func (w *transcript) run(t *testing.T, d *datadriven.TestData) string {
	w.out.Reset()
	line := command{t, d}
	switch d.Cmd {
	case "pool":
		p := line.pool()
		if err := p.Validate(); err != nil {
			return err.Error()
		}
		w.saved.pools[p.Name] = p
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
	default:
		w.step(line.event(w.saved.meta.FrameworkID))
	}
	return w.out.String()
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
