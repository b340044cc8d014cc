//go:build e2e

package e2e

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// An agent is drained for good, with mark_gone. Its executor must not say TASK_KILLING, which would be the end for Mesos: the pods
// leave under their budgets as with any drain. Then the agent is removed, and its host comes back as another one.
func goneAgentEvicts(t *testing.T) {
	host, _ := drainAgent(t, "leaving", `,"mark_gone":true`)
	agent := shared.Agent(host)
	eventually(t, "the agent to end", func(context.Context) error {
		select {
		case <-agent.Process().Done():
			return nil
		default:
			return errNotYet
		}
	})
	require.NoError(t, agent.StartAnew(t.Context()))
	require.Contains(t, hosts(nodesReady(t, 3)), host)
}
