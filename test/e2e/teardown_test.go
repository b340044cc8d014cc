//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/site"
)

// The operators of Mesos tear the framework down behind its back: its ID is refused from then on. With nodes recorded it
// takes no new one, but ends and says what to do, and goes on doing so after each start.
func tornDownIsNotForgotten(t *testing.T) {
	nodesReady(t, 3)
	before := state(t)
	_, err := shared.Operate(t.Context(), fmt.Sprintf(`{"type":"TEARDOWN","teardown":{"framework_id":{"value":%q}}}`, before.FrameworkID))
	require.NoError(t, err)
	for i := range shared.Instances {
		instance := shared.Instances[i]
		eventually(t, instance.Name()+" to end", ended(instance))
		last := strings.Join(instance.LastLines(20), "\n")
		require.Contains(t, last, "refuses framework ID "+string(before.FrameworkID))
		require.Contains(t, last, "nodes are recorded")
		require.Contains(t, last, "delete the node records")
		t.Log(instance.LastLines(1))
	}
	for _, n := range before.Nodes {
		eventually(t, "the kubelet on "+string(n.Host)+" to end, as Mesos demands", func(context.Context) error {
			if running := kubelets(t, string(n.Host)); len(running) > 0 {
				return fmt.Errorf("it runs as %v", running)
			}
			return nil
		})
	}
}

func ended(i *site.Instance) func(context.Context) error {
	return func(context.Context) error {
		select {
		case <-i.Done():
			return nil
		default:
			return errNotYet
		}
	}
}
