package scheduler

import (
	"flag"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	simSeeds = flag.Int("sim.seeds", 1000, "number of seeds that TestSimulation runs")
	simSeed  = flag.Uint64("sim.seed", 0, "run this seed alone and print its transcript")
)

// TestSimulation runs the core against a world that loses, doubles and delays messages, cuts agents off, takes the API
// server away, and kills the leader between any two parts of a plan. A failure prints the seed and the transcript; run it
// again alone with -sim.seed.
func TestSimulation(t *testing.T) {
	if *simSeed != 0 {
		problem, log := simulate(*simSeed)
		t.Log(log)
		require.Empty(t, problem)
		return
	}
	for seed := uint64(1); seed <= uint64(*simSeeds); seed++ {
		if problem, log := simulate(seed); problem != "" {
			t.Fatalf("seed %d: %s\n(again with: go test ./scheduler -run Simulation -sim.seed=%d)\n%s", seed, problem, seed, tail(log, 12000))
		}
	}
}

// tail is the end of a long text.
func tail(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return "…" + text[len(text)-most:]
}

// simulate plays one seed: an hour with faults, then quiet until everything must be in place.
func simulate(seed uint64) (problem, log string) {
	w := newWorld(seed, 8)
	defer func() {
		log = w.log.String()
		if reason := recover(); reason != nil {
			broken, ours := reason.(violation)
			if !ours {
				panic(reason)
			}
			problem = string(broken)
		}
	}()
	pool := DefaultPool()
	pool.Name, pool.Nodes, pool.Resources = "workers", 3, Resources{CPUs: 1000, Mem: 1_024_000}
	w.saved.pools[pool.Name] = NewPoolRecord(pool)
	w.elect()
	end := w.now.Add(time.Hour)
	for w.now.Before(end) {
		w.run(w.now.Add(time.Duration(10+w.rand.IntN(120)) * time.Second))
		w.fault()
		w.check()
	}
	w.logf("--- the faults stop")
	w.faults, w.apiDown = false, false
	for _, a := range w.agents {
		w.heal(a)
	}
	w.disconnect()
	w.run(w.now.Add(2 * time.Hour))
	w.check()
	w.settled()
	return "", ""
}

// fault lets one thing go wrong, or the operator change their mind.
func (w *world) fault() {
	switch w.rand.IntN(8) {
	case 0:
		w.crash("killed")
	case 1:
		w.disconnect()
	case 2, 3:
		w.partition(w.agents[w.rand.IntN(len(w.agents))], true)
	case 4:
		if !w.apiDown {
			w.logf("!!! the API server is away")
			w.apiDown = true
			w.later(time.Second, 5*time.Minute, func() {
				w.apiDown = false
				w.relist(w.epoch)
			})
		}
	case 5, 6:
		if w.core != nil {
			w.tell(Asked{Request: 1, Command: Scale{Pool: "workers", Nodes: Count(1 + w.rand.IntN(5))}})
		}
	case 7:
		for _, id := range []NodeName{nodeName("workers", 1+w.rand.Int64N(max(w.saved.meta.Counter, 1)))} {
			if t := w.taskOf(id); t != nil && t.alive && t.agent.reachable {
				w.logf("!!! the executor of %s dies", id)
				w.end(t, TaskFailed, "the executor ended")
			}
		}
	}
}
