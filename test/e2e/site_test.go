//go:build e2e

package e2e

import "testing"

// TestSite tells the life of a cluster on one site, one chapter after the other.
func TestSite(t *testing.T) {
	for _, chapter := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"AllocatableIsTheSlice", allocatableIsTheSlice},
		{"ScaleDownDrains", scaleDownDrains},
		{"BlockedDrainIsNamed", blockedDrainIsNamed},
		{"TwentyPodsLeave", twentyPodsLeave},
		{"LeaderDiesInDrain", leaderDiesInDrain},
		{"LeaderAbdicates", leaderAbdicates},
		{"AgentRestarts", agentRestarts},
		{"ExecutorDies", executorDies},
		{"DrainedAgentEvicts", drainedAgentEvicts},
		{"GoneAgentEvicts", goneAgentEvicts},
		{"ZooKeeperRestarts", zooKeeperRestarts},
		{"MasterFailsOver", masterFailsOver},
		{"DrainIsCalledOff", drainIsCalledOff},
		{"NewHostGetsItsNode", newHostGetsItsNode},
		{"MaintenanceIsObeyed", maintenanceIsObeyed},
		{"TeardownEndsAll", teardownEndsAll},
		{"RollingChange", rollingChange},
		{"BadVersionRollsBack", badVersionRollsBack},
		{"NodesChangeTheirSize", nodesChangeTheirSize},
		{"ReservedHostIsKept", reservedHostIsKept},
		{"GoneAgentIsReplaced", goneAgentIsReplaced},
		{"TornDownIsNotForgotten", tornDownIsNotForgotten},
	} {
		t.Run(chapter.name, chapter.run)
	}
}
