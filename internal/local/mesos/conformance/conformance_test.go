//go:build !e2e

package conformance

import (
	"testing"
	"time"
)

// What fits into the fast loop: subscribing, what is refused, a launch, kills, filters. The rest, and the long waits of
// these, carry the build tag e2e.
func TestQuick(t *testing.T) {
	for name, options := range map[string]Options{
		"01-subscribe": {Skip: []string{"heartbeats"}},
		"02a-errors":   {},
		"04-launch":    {Skip: []string{"still not acknowledged"}, Until: 38100 * time.Millisecond},
		"07a-kill":     {Until: 9 * time.Second},
		"08a-filters":  {Until: 11200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			playScenario(t, name, options)
		})
	}
}
