package framework

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/scheduler"
)

// world is a store, a master, a Kubernetes and a lease that write down what reaches them, in order.
type world struct {
	mu      sync.Mutex
	effects []string
	// refuseSave and refuseCall are what the store and the master answer, if not nil.
	refuseSave, refuseCall error
	expired                bool
	lost                   chan struct{}
}

func (w *world) did(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.effects = append(w.effects, fmt.Sprintf(format, args...))
}

func (w *world) seen() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.effects...)
}

func (w *world) Save(_ context.Context, changes []scheduler.Change) error {
	if w.refuseSave != nil {
		return w.refuseSave
	}
	for _, change := range changes {
		w.did("save %s", change)
	}
	w.did("saved")
	return nil
}

func (w *world) Send(_ context.Context, call scheduler.Call) func() error {
	w.did("call %T", call)
	return func() error { return w.refuseCall }
}

func (w *world) Perform(op scheduler.Op) { w.did("op %T", op) }
func (w *world) Valid(time.Time) bool    { return !w.expired }
func (w *world) Lost() <-chan struct{}   { return w.lost }
func (w *world) Err() error              { return errors.New("the session expired") }
func quiet() *logrus.Entry               { l := logrus.New(); l.SetOutput(io.Discard); return logrus.NewEntry(l) }

func offer(number int) scheduler.Offer {
	return scheduler.Offer{
		ID: scheduler.OfferID(fmt.Sprint("o", number)), Agent: scheduler.AgentID(fmt.Sprint("a", number)),
		Host: scheduler.Hostname(fmt.Sprint("h", number)), Role: "*",
		Resources: []scheduler.Resource{{Name: "cpus", Amount: 4000}, {Name: "mem", Amount: 8_192_000}},
	}
}

// testLoop is a loop over a core whose pool wants some nodes.
func testLoop(t *testing.T, w *world, nodes int) *loop {
	t.Helper()
	pool := scheduler.DefaultPool()
	pool.Name, pool.Nodes, pool.Resources = "workers", scheduler.Count(nodes), scheduler.Resources{CPUs: 1000, Mem: 1_024_000}
	core, err := scheduler.New(scheduler.DefaultConfig(), scheduler.State{Pools: []scheduler.PoolRecord{scheduler.NewPoolRecord(pool)}})
	require.NoError(t, err)
	l := newLoop(&instance{Options: Options{Log: quiet()}, metrics: newMetrics(prometheus.NewRegistry())})
	l.core = core
	w.lost = make(chan struct{})
	l.store, l.caller, l.operator, l.lease = w, w, w, w
	return l
}

// start runs the loop until the test ends, or end is called, which returns its error.
func start(t *testing.T, l *loop) (end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// tell delivers an event as an adapter does.
func tell(l *loop, event scheduler.Event) { l.deliver(context.Background())(event) }

func eventually(t *testing.T, w *world, effect string) []string {
	t.Helper()
	require.Eventually(t, func() bool { return contains(w.seen(), effect) }, 5*time.Second, time.Millisecond, "%s never happened: %v", effect, w.seen())
	return w.seen()
}

func contains(effects []string, effect string) bool {
	for _, each := range effects {
		if each == effect {
			return true
		}
	}
	return false
}

func TestNothingIsCalledBeforeItIsSaved(t *testing.T) {
	w := &world{}
	l := testLoop(t, w, 1)
	end := start(t, l)
	tell(l, scheduler.Subscribed{Framework: "fw-1"})
	tell(l, scheduler.KubeSynced{})
	tell(l, scheduler.Offered{Offers: []scheduler.Offer{offer(1)}})
	effects := eventually(t, w, "call scheduler.Accept")
	require.ErrorIs(t, end(), context.Canceled)
	recorded := -1
	for i, effect := range effects {
		switch effect {
		case "save node workers-1: Launching, agent a1, host h1":
			recorded = i
		case "call scheduler.Accept":
			require.Positive(t, recorded, "launched without a record: %v", effects)
			require.Equal(t, "saved", effects[recorded+1])
		}
	}
}

func TestAFailedSaveEndsEverything(t *testing.T) {
	w := &world{refuseSave: errors.New("another leads")}
	l := testLoop(t, w, 1)
	tell(l, scheduler.Subscribed{Framework: "fw-1"})
	err := l.run(t.Context())
	require.ErrorIs(t, err, w.refuseSave)
	require.ErrorContains(t, err, "save framework fw-1")
	require.Empty(t, w.seen(), "something was done after a Save that failed")
}

func TestALeaseThatRanOutEndsBeforeTheNextCall(t *testing.T) {
	w := &world{expired: true}
	l := testLoop(t, w, 1)
	tell(l, scheduler.Subscribed{Framework: "fw-1"})
	require.ErrorContains(t, l.run(t.Context()), "the lease ran out")
	require.Equal(t, []string{"save framework fw-1, counter 0", "saved"}, w.seen())
}

func TestALostLeadershipEndsTheLoopAndSaysWhy(t *testing.T) {
	w := &world{}
	l := testLoop(t, w, 1)
	close(w.lost)
	require.ErrorContains(t, l.run(t.Context()), "the session expired")
}

func TestACallThatFailsCostsThatCallOnly(t *testing.T) {
	w := &world{refuseCall: errors.New("503")}
	l := testLoop(t, w, 1)
	end := start(t, l)
	tell(l, scheduler.Subscribed{Framework: "fw-1"})
	tell(l, scheduler.KubeSynced{})
	tell(l, scheduler.Offered{Offers: []scheduler.Offer{offer(1)}})
	eventually(t, w, "call scheduler.Accept")
	require.ErrorIs(t, end(), context.Canceled)
}

func TestEventsThatWaitShareOneSave(t *testing.T) {
	w := &world{}
	l := testLoop(t, w, 100)
	tell(l, scheduler.Subscribed{Framework: "fw-1"})
	tell(l, scheduler.KubeSynced{})
	for i := range 100 {
		tell(l, scheduler.Offered{Offers: []scheduler.Offer{offer(i)}})
	}
	end := start(t, l)
	effects := eventually(t, w, "save node workers-100: Launching, agent a99, host h99")
	require.ErrorIs(t, end(), context.Canceled)
	saves := 0
	for _, effect := range effects {
		if effect == "saved" {
			saves++
		}
	}
	assert.LessOrEqual(t, saves, 2)
}

// While the store takes its time, adapters wait, and nothing piles up.
func TestASlowStoreHoldsTheSendersBack(t *testing.T) {
	w := &world{}
	l := testLoop(t, w, 1)
	l.events = make(chan arrival, 8)
	saving, release := make(chan struct{}), make(chan struct{})
	l.store = slowStore{w, saving, release}
	end := start(t, l)
	tell(l, scheduler.Subscribed{Framework: "fw-1"}) // whose ID is saved
	<-saving
	delivered := make(chan int)
	go func() {
		for i := range 1000 {
			tell(l, scheduler.InverseRescinded{})
			delivered <- i
		}
		close(delivered)
	}()
	last := -1
	for stuck := false; !stuck; {
		select {
		case last = <-delivered:
		case <-time.After(200 * time.Millisecond):
			stuck = true
		}
	}
	assert.Equal(t, 7, last, "as many as there is room for")
	close(release)
	for last = range delivered {
	}
	assert.Equal(t, 999, last)
	require.ErrorIs(t, end(), context.Canceled)
	lag := histogram(t, l.metrics.lag)
	assert.Greater(t, lag.GetSampleSum(), 0.2, "those that waited, waited as long")
}

// slowStore saves when it is released.
type slowStore struct {
	*world
	saving  chan<- struct{} // is closed by the first Save
	release <-chan struct{}
}

func (s slowStore) Save(ctx context.Context, changes []scheduler.Change) error {
	select {
	case <-s.release:
	default:
		close(s.saving)
		<-s.release
	}
	return s.world.Save(ctx, changes)
}

func histogram(t *testing.T, of prometheus.Histogram) *dto.Histogram {
	t.Helper()
	var metric dto.Metric
	require.NoError(t, of.Write(&metric))
	return metric.Histogram
}

func TestAFatalPlanSaysWhatToDo(t *testing.T) {
	w := &world{}
	l := testLoop(t, w, 1)
	end := start(t, l)
	tell(l, scheduler.Subscribed{Framework: "fw-1"})
	eventually(t, w, "saved")
	tell(l, scheduler.Removed{Why: "Framework has been removed"})
	eventually(t, w, "save framework , counter 0")
	require.ErrorIs(t, end(), errFatal)
}
