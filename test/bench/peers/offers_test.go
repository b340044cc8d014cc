//go:build bench

package peers_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/stretchr/testify/require"

	"k8s-framework/test/bench/events"
	"k8s-framework/test/bench/table"
)

// BenchmarkOffers is from the first byte of an OFFERS event to the last of the DECLINE of all its offers, at the master. mesos-go
// has no row where its frames may not be as large: see TestBenchLargeEvents.
func BenchmarkOffers(b *testing.B) {
	for _, offers := range []int{1000, 5000, 10000, 50000} {
		for _, p := range []peer{ours, mesosGo, mesosGoJSON, null, wire} {
			event := offersEvent(b, p.media, offers)
			if (p.name == mesosGo.name || p.name == mesosGoJSON.name) && len(event) > mesosGoLimit {
				continue
			}
			b.Run(fmt.Sprintf("who=%s/offers=%d", p.name, offers), func(b *testing.B) {
				m := newMaster(b, defaultHeartbeat)
				p.start(b, m.address())
				s := m.subscribed(b)
				b.ReportAllocs()
				for b.Loop() {
					m.play(b, s, event, 1)
				}
				b.ReportMetric(float64(offers)*float64(b.N)/b.Elapsed().Seconds(), "offers/s")
				if p.name != wire.name {
					require.Len(b, m.lastCall(b, p.media).GetDecline().GetOfferIDs(), offers)
				}
			})
		}
	}
}

// mesosGoLimit is the largest event that mesos-go's HTTP client reads.
const mesosGoLimit = 4 << 20

// TestBenchLargeEvents shows what becomes of OFFERS events of growing size, with a master that sends one to whoever subscribes.
func TestBenchLargeEvents(t *testing.T) {
	const watched = 5 * time.Second
	rows := table.Table{{"who", "offers", "bytes", "declined", fmt.Sprintf("subscriptions in %v", watched), "because"}}
	for _, p := range []peer{ours, mesosGo, mesosGoJSON} {
		for _, offers := range []int{5000, 10000, 50000} {
			m, event := newMaster(t, defaultHeartbeat), offersEvent(t, p.media, offers)
			m.missing = 1
			ended := make(chan error, 1000)
			p.startTold(t, func(err error) { ended <- err }, m.address())
			subscriptions, declined, because := 0, "no", "–"
			for end := time.After(watched); end != nil; {
				select {
				case s := <-m.streams:
					subscriptions++
					go s.Write(event)
				case <-m.reached:
					declined = "yes"
				case err := <-ended:
					because = err.Error()
				case <-end:
					end = nil
				}
			}
			rows = append(rows, []string{p.name, fmt.Sprint(offers), fmt.Sprint(len(event)), declined, fmt.Sprint(subscriptions), because})
		}
	}
	t.Logf("OFFERS events of growing size\n\n%v", rows)
}

func offersEvent(tb testing.TB, media encoding.MediaType, offers int) []byte {
	event, err := chunks(media, events.Offers(offers))
	require.NoError(tb, err)
	return event
}
