package zk

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/scheduler"
)

// TestOneEpochAtATimeHasEffectiveWrites lets three schedulers lead as often as they can, while their connections are
// disturbed at random. Whoever leads counts on from what it has loaded. If two of them ever saved beside each other, or
// a save that was confirmed got lost, a number would be confirmed twice.
func TestOneEpochAtATimeHasEffectiveWrites(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	znode := home(t)
	ctx, stop := context.WithTimeout(t.Context(), 4*time.Second)
	defer stop()
	book := &book{confirmed: map[int64]int64{}}
	var running sync.WaitGroup
	for i := range 3 {
		p := newProxy(t, server.Address())
		running.Go(func() {
			for ctx.Err() == nil {
				leadOnce(ctx, t, at(p.address(), znode), book)
			}
		})
		running.Go(func() { disturb(ctx, p, rand.New(rand.NewPCG(seed, uint64(i)))) })
	}
	running.Wait()
	_, last := elect(t, Options{URL: at(server.Address(), znode)})
	state, err := load(patience(t), last)
	require.NoError(t, err)
	t.Logf("%d epochs, %d saves confirmed, counter %d", last.Epoch(), len(book.confirmed), state.Meta.Counter)
	assert.GreaterOrEqual(t, state.Meta.Counter, book.highest)
	assert.NotEmpty(t, book.confirmed)
	assert.Empty(t, book.problems)
}

// book holds which epoch was told that which number is saved.
type book struct {
	mu        sync.Mutex
	confirmed map[int64]int64
	highest   int64
	epoch     int64
	problems  []string
}

func (b *book) confirm(number, epoch int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, twice := b.confirmed[number]; twice {
		b.problems = append(b.problems, "a number was confirmed twice")
	}
	if epoch < b.epoch && number > b.highest {
		b.problems = append(b.problems, "a deposed leader saved")
	}
	b.confirmed[number] = epoch
	b.highest, b.epoch = max(b.highest, number), max(b.epoch, epoch)
}

// leadOnce is the life of one process, from its start to the loss of its leadership.
func leadOnce(ctx context.Context, t *testing.T, u URL, b *book) {
	c, err := Open(ctx, Options{URL: u, SessionTimeout: 400 * time.Millisecond})
	if err != nil {
		return
	}
	defer c.Close()
	l, err := c.Campaign(ctx, "a:1")
	if err != nil {
		return
	}
	state, err := load(ctx, l)
	number := state.Meta.Counter
	for err == nil {
		number++
		err = l.Save(ctx, []scheduler.Change{scheduler.PutMeta{Meta: scheduler.Meta{FrameworkID: "f", Counter: number}}})
		if err == nil {
			b.confirm(number, l.Epoch())
		}
	}
	expected := []error{
		ErrDeposed, ErrLeaseOver, ErrSessionExpired, ErrCandidateGone, ErrUnknownOutcome,
		context.DeadlineExceeded, context.Canceled,
	}
	for _, each := range expected {
		if errors.Is(err, each) {
			return
		}
	}
	t.Errorf("leader's end: %v", err)
}

// disturb breaks, silences and refuses connections, loses requests and answers, and ends sessions.
func disturb(ctx context.Context, p *proxy, random *rand.Rand) {
	wait := func(longest time.Duration) bool {
		timer := time.NewTimer(time.Duration(random.Int64N(int64(longest))))
		defer timer.Stop()
		select {
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
	for wait(300 * time.Millisecond) {
		switch random.IntN(6) {
		case 0:
			p.cut()
		case 1:
			p.silence(true)
			wait(600 * time.Millisecond)
			p.silence(false)
			p.cut()
		case 2:
			p.refuse(true)
			wait(600 * time.Millisecond)
			p.refuse(false)
		case 3:
			p.loseNext(opMulti, true)
		case 4:
			p.loseNext(opMulti, false)
		case 5:
			_ = p.endSession() // there may be none
		}
	}
}
