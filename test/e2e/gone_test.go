//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// An agent is drained for good, with mark_gone. Its executor must not say TASK_KILLING, which would be the end for Mesos: the pods
// leave under their budgets as with any drain. Then the agent is removed, and its host comes back as another one.
func goneAgentEvicts(t *testing.T) {
	nodes := nodesReady(t, 3)
	deployment(t, "leaving", 6, map[string]string{"DELAY": "1s"})
	spread(t, "leaving", hosts(nodes))
	available(t, "leaving", 6)
	budget(t, "leaving", 5)
	watching := observe(t, "leaving")
	host := string(nodes[0].Host)
	id, err := shared.AgentID(t.Context(), host)
	require.NoError(t, err)
	onHost := podsOn(t, "leaving", host)
	_, err = shared.Operate(t.Context(), fmt.Sprintf(
		`{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":%q},"max_grace_period":{"seconds":60},"mark_gone":true}}`, id))
	require.NoError(t, err)
	eventually(t, "the kubelet to stop", func(context.Context) error {
		if running := kubelets(t, host); len(running) > 0 {
			return fmt.Errorf("it runs as %v", running)
		}
		return nil
	})
	fewest, evicted := watching.result()
	require.GreaterOrEqual(t, fewest, 5, "fewer pods were ready than the budget demands")
	require.Len(t, evicted, onHost, "%v", evicted)
	require.Empty(t, podProcesses(t, host))
	nodesReady(t, 2)
	available(t, "leaving", 6)

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
