//go:build bench

package peers_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"k8s-framework/internal/local/kube"
	"k8s-framework/internal/local/lab"
	"k8s-framework/internal/local/zookeeper"
	"k8s-framework/test/bench/table"
)

// TestBenchElections is from the resignation or the SIGKILL of a leader to the election of the one candidate that stands by. ZooKeeper
// ticks five times a session, as by its default in our default session, and ends a session up to a tick late.
func TestBenchElections(t *testing.T) {
	const rounds = 9
	l, err := lab.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close(context.Background())) })
	cp, err := l.StartControlPlane(t.Context(), kube.Options{})
	require.NoError(t, err)

	elections := []election{}
	for _, session := range []time.Duration{4 * time.Second, 10 * time.Second} {
		server, err := zookeeper.Start(t.Context(), zookeeper.Options{Dir: filepath.Join(l.Dir(), session.String()), TickTime: session / 5})
		require.NoError(t, err)
		for _, kind := range []string{oursElects, lockElects} {
			elections = append(elections, election{Kind: kind, Where: server.Address(), Session: session})
		}
	}
	elections = append(elections, election{Kind: leaseElects, Where: cp.AdminKubeconfig(), Session: leaseDuration})

	rows := table.Table{{"who", "session or lease", "the leader", "least", "median", "most"}}
	for i, e := range elections {
		for _, kill := range []bool{false, true} {
			took, how := make([]time.Duration, rounds), "resigns"
			if kill {
				how = "is killed"
			}
			group, ctx := errgroup.WithContext(t.Context())
			for round := range rounds { // all at once, each for an office of its own
				one := e
				one.Office = fmt.Sprintf("office-%d-%v-%d", i, kill, round)
				group.Go(func() (err error) { took[round], err = one.handOver(ctx, kill); return err })
			}
			require.NoError(t, group.Wait(), "%s, %v, the leader %s", e.Kind, e.Session, how)
			rows = append(rows, append([]string{e.Kind, e.Session.String(), how}, table.Spread(took)...))
		}
	}
	require.NoError(t, cp.Err())
	t.Logf("From one leader to the next, %d rounds at once\n\n%v", rounds, rows)
}

// handOver is one round.
func (e election) handOver(ctx context.Context, kill bool) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel() // ends both processes
	var both [2]*process
	for i, awaited := range [][]string{{standing, elected}, {standing}} {
		p, err := e.start(ctx)
		if err != nil {
			return 0, err
		}
		for _, what := range awaited {
			if _, err := p.next(ctx, what); err != nil {
				return 0, err
			}
		}
		both[i] = p
	}
	// Long enough for the second to be in line, and random beside the heartbeats of the first.
	time.Sleep(3*time.Second + rand.N(5*time.Second))

	began, end := time.Now(), both[0].orders.Close
	if kill {
		end = both[0].Process.Kill
	}
	if err := end(); err != nil {
		return 0, err
	}
	at, err := both[1].next(ctx, elected)
	return at.Sub(began), err
}
