//go:build e2e

package conformance

import "testing"

// Every scenario, wholly. They need root, cgroup v1 and ZooKeeper, and wait as long as the recorder did; beside each
// other they take about as long as the longest.
func TestScenarios(t *testing.T) {
	for _, name := range scenarios(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			playScenario(t, name, Options{})
		})
	}
}
