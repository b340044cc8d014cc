//go:build bench

package peers_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"k8s-framework/test/bench/events"
)

// BenchmarkAcknowledgements is from the first byte of the updates of many tasks, sent at once, to the last of the last
// acknowledgement, at the master. Nothing is made durable in between.
func BenchmarkAcknowledgements(b *testing.B) {
	const updates = 10000
	for _, p := range []peer{ours, mesosGo, null, wire} {
		b.Run(fmt.Sprintf("who=%s/updates=%d", p.name, updates), func(b *testing.B) {
			all := events.Updates(updates)
			bytes, err := chunks(p.media, all...)
			require.NoError(b, err)
			m := newMaster(b, defaultHeartbeat)
			p.start(b, m.address())
			s := m.subscribed(b)
			b.ReportAllocs()
			for b.Loop() {
				m.play(b, s, bytes, updates)
			}
			b.ReportMetric(float64(updates)*float64(b.N)/b.Elapsed().Seconds(), "acks/s")
			if p.name != wire.name {
				want, got := all[updates-1].Update.Status.UUID, m.lastCall(b, p.media).GetAcknowledge().GetUUID()
				require.Equal(b, want, got, "they come in the order of the updates")
			}
		})
	}
}
