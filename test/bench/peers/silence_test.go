//go:build bench

package peers_test

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/require"

	"k8s-framework/test/bench/table"
)

// TestBenchSilentStream is from the last heartbeat of a master that then says nothing, and hangs up on nobody, to the moment at which
// the scheduler hangs up.
func TestBenchSilentStream(t *testing.T) {
	const (
		heartbeat = time.Second
		limit     = 15 * time.Second
		rounds    = 7
	)
	rows := table.Table{{"who", "least", "median", "most"}}
	for _, p := range []peer{ours, mesosGo} {
		beat, err := chunks(p.media, &v1sched.Event{Type: v1sched.Event_HEARTBEAT})
		require.NoError(t, err)
		var streams []*stream // all rounds at once, each with a master of its own
		for range rounds {
			m := newMaster(t, heartbeat)
			p.start(t, m.address())
			streams = append(streams, m.subscribed(t))
		}
		noticed := make([]time.Duration, rounds)
		var group sync.WaitGroup
		for i, s := range streams {
			last := time.Now()
			_, err := s.Write(beat)
			require.NoError(t, err)
			require.NoError(t, s.SetReadDeadline(last.Add(limit)))
			group.Go(func() {
				if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
					noticed[i] = time.Since(last)
				}
			})
		}
		group.Wait()
		row := []string{p.name, fmt.Sprintf("not noticed within %v", limit), "", ""}
		if noticed[0] > 0 {
			row = append(row[:1], table.Spread(noticed)...)
		}
		rows = append(rows, row)
	}
	t.Logf("A master that falls silent, heartbeats every %v, %d rounds\n\n%v", heartbeat, rounds, rows)
}
