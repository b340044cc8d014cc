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
		{"AgentRestarts", agentRestarts},
		{"ExecutorDies", executorDies},
		{"DrainedAgentEvicts", drainedAgentEvicts},
		{"GoneAgentEvicts", goneAgentEvicts},
		{"ZooKeeperRestarts", zooKeeperRestarts},
		{"MasterFailsOver", masterFailsOver},
		{"RollingChange", rollingChange},
		{"BadVersionRollsBack", badVersionRollsBack},
		{"DrainIsCalledOff", drainIsCalledOff},
		{"NodesChangeTheirSize", nodesChangeTheirSize},
		{"NewHostGetsItsNode", newHostGetsItsNode},
		{"ReservedHostIsKept", reservedHostIsKept},
		{"MaintenanceIsObeyed", maintenanceIsObeyed},
		{"GoneAgentIsReplaced", goneAgentIsReplaced},
		{"TeardownEndsAll", teardownEndsAll},
		{"TornDownIsNotForgotten", tornDownIsNotForgotten},
	} {
		t.Run(chapter.name, chapter.run)
	}
}
