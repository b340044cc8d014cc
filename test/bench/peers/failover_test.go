//go:build bench

package peers_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"k8s-framework/test/bench/table"
)

// announced is how long a detected leader is known before it answers: Mesos announces one that still has to read its registry.
const announced = 500 * time.Millisecond

// TestBenchMasterFailsOver is from the moment at which a second master begins to answer, some time after the first has died, to the
// subscription there. Until then both refuse connections. Masters that are named, and
// not detected, are asked in turn.
func TestBenchMasterFailsOver(t *testing.T) {
	const rounds = 7
	rows := table.Table{{"who", "the leader is", "nobody answers for", "least", "median", "most"}}
	for _, nobody := range []time.Duration{2 * time.Second, 10 * time.Second} {
		for _, each := range []struct {
			peer     peer
			detected bool
		}{{ours, true}, {ours, false}, {mesosGo, false}} {
			took := failOver(t, each.peer, each.detected, rounds, nobody)
			how := "one of two that are named"
			if each.detected {
				how = fmt.Sprintf("detected, %v before it answers", announced)
			}
			rows = append(rows, append([]string{each.peer.name, how, nobody.String()}, table.Spread(took)...))
		}
	}
	t.Logf("Another master leads, %d rounds at once\n\n%v", rounds, rows)
}

// failOver plays all rounds at once, each between two masters of its own.
func failOver(t *testing.T, p peer, detected bool, rounds int, nobody time.Duration) []time.Duration {
	var firsts []*master
	var seconds []string
	var leaders []*leader
	for range rounds {
		first, second := newMaster(t, defaultHeartbeat), freeAddress(t)
		l := &leader{address: first.address(), changed: make(chan struct{})}
		if detected {
			p.run = l.runOurs
		}
		p.start(t, first.address(), second)
		first.subscribed(t)
		firsts, seconds, leaders = append(firsts, first), append(seconds, second), append(leaders, l)
	}
	for _, first := range firsts {
		first.die()
	}
	time.Sleep(nobody - announced)
	for i, l := range leaders {
		l.becomes(seconds[i])
	}
	time.Sleep(announced)
	began := make([]time.Time, rounds)
	for i, address := range seconds {
		listener, err := net.Listen("tcp", address)
		require.NoError(t, err)
		began[i] = time.Now()
		firsts[i] = serve(t, listener, defaultHeartbeat)
	}
	took := make([]time.Duration, rounds)
	for i, second := range firsts {
		took[i] = second.subscribed(t).at.Sub(began[i])
	}
	return took
}

// freeAddress is one where nobody listens yet.
func freeAddress(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// leader is what ours is told of who leads. As the real detector it goes on to name a leader until there is another.
type leader struct {
	mu      sync.Mutex
	address string
	changed chan struct{}
}

// Leader implements mesos.Leader.
func (l *leader) Leader(ctx context.Context) (string, <-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.address, l.changed, ctx.Err()
}

func (l *leader) becomes(address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.address = address
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *leader) runOurs(ctx context.Context, ended func(error), _ ...string) error {
	return runOursAt(ctx, ended, l)
}
