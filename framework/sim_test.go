package framework

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"k8s-framework/scheduler"
)

var (
	simSeeds = flag.Uint64("sim.seeds", 1000, "number of seeds that TestSimulation runs")
	simFrom  = flag.Uint64("sim.from", 1, "the first of them")
	simLines = flag.Bool("sim.lines", false, "do not end at the first failure, and print a line of each")
	simSeed  = flag.Uint64("sim.seed", 0, "run this seed alone and print its transcript")
)

// simMetrics are shared by all loops; nobody reads them.
var simMetrics = newMetrics(prometheus.NewRegistry())

// TestSimulation runs the real loop and the real core against a simulated Mesos, Kubernetes and store, in virtual time: an
// hour in which messages are lost, doubled and late, hosts and servers fail, leaders die between any two effects, and
// operators change their minds; then quiet, in which everything must come to its place. A failure prints the seed, the
// promise that was broken, and what led to it; -sim.seed prints all of it.
func TestSimulation(t *testing.T) {
	if *simSeed != 0 {
		broken, transcript, _ := simulate(*simSeed, true)
		t.Log("\n" + transcript)
		require.Empty(t, broken)
		return
	}
	began := time.Now()
	failed, played, faults := simAll(*simFrom, *simSeeds)
	for _, seed := range simSorted(failed) {
		if *simLines {
			t.Errorf("seed %d: %s", seed, failed[seed])
			continue
		}
		broken, transcript, _ := simulate(seed, true)
		t.Errorf("seed %d: %s\n(all of it: go test ./framework -run Simulation -sim.seed=%d -v)\n%s", seed, broken, seed, simTail(transcript, 12000))
	}
	t.Logf("%d seeds, %.1f faults each, %s", played, float64(faults)/float64(played), time.Since(began).Round(time.Millisecond))
}

// simAll runs many seeds, as many at a time as there are processors, until one fails; it returns what was broken by
// those that did.
func simAll(from, seeds uint64) (failed map[uint64]string, played, faults int) {
	failed = map[uint64]string{}
	var next atomic.Uint64
	var stop atomic.Bool
	var mu sync.Mutex
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for !stop.Load() {
				seed := from + next.Add(1) - 1
				if seed >= from+seeds {
					return
				}
				broken, _, count := simulate(seed, false)
				mu.Lock()
				played, faults = played+1, faults+count
				if broken != "" {
					stop.Store(!*simLines)
					failed[seed] = broken
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return failed, played, faults
}

// TestSimulationIsReproducible: the same seed gives the same transcript.
func TestSimulationIsReproducible(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		_, first, _ := simulate(seed, true)
		_, second, _ := simulate(seed, true)
		require.NotEmpty(t, first)
		require.True(t, first == second, "seed %d gives two transcripts", seed)
	}
}

// simulate plays one seed.
func simulate(seed uint64, read bool) (broken, transcript string, faults int) {
	w := newSimWorld(seed, read)
	defer func() {
		if reason := recover(); reason != nil {
			broken = fmt.Sprint(reason)
			if _, ours := reason.(runtime.Error); ours {
				broken += "\n" + string(debug.Stack())
			}
		}
		for _, l := range w.leaders {
			if !l.dead {
				l.dead = true
				l.finish()
			}
		}
		if w.transcript != nil {
			transcript = w.transcript.String()
		}
		faults = w.faults
	}()
	w.elect()
	for end := simStart.Add(time.Hour); w.now.Before(end); {
		w.run(w.now.Add(w.between(5*time.Second, 3*time.Minute)))
		if w.number(2) == 0 {
			w.operators.act()
		}
		w.fault()
	}
	w.calm()
	for range 3 { // a leader may be on its way out when it is asked
		w.run(w.now.Add(time.Minute))
		w.operators.goOn()
	}
	w.run(w.now.Add(4 * time.Hour))
	w.watch.settled()
	quiet := w.now
	w.watch.signals = 0
	w.run(w.now.Add(2 * time.Hour))
	w.watch.settled()
	w.watch.quiet(quiet)
	if seed%8 == 0 {
		w.endAll()
	}
	return "", "", 0
}

// endAll lets the operators end everything, while things go wrong again.
func (w *simWorld) endAll() {
	w.logf("--- the operators end everything")
	w.faulty = true
	for end := w.now.Add(30 * time.Minute); w.now.Before(end); {
		if l := w.leader(); w.store.meta.Teardown == "" && !l.dead {
			w.operators.ask(l, scheduler.EndAll{}, false)
		}
		w.run(w.now.Add(w.between(5*time.Second, 3*time.Minute)))
		w.fault()
	}
	w.calm()
	w.run(w.now.Add(4 * time.Hour))
	w.watch.ended()
}

// simTail is the end of a long text.
func simTail(text string, most int) string {
	if len(text) <= most {
		return text
	}
	cut := text[len(text)-most:]
	return "…" + cut[strings.IndexByte(cut, '\n'):]
}
