//go:build e2e

package e2e

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Three nodes become Ready, and what Kubernetes may use on each is exactly what Mesos granted.
func TestAllocatableIsTheSlice(t *testing.T) {
	for _, n := range nodesReady(t, 3) {
		node := kubeNode(t, string(n.Host))
		require.Equal(t, n.Name.ProviderID(state(t).FrameworkID), node.Spec.ProviderID)
		require.True(t, resource.MustParse(sliceCPUs).Equal(*node.Status.Allocatable.Cpu()), "%s: %s", n.Host, node.Status.Allocatable.Cpu())
		require.True(t, resource.MustParse(sliceMem+"Mi").Equal(*node.Status.Allocatable.Memory()), "%s: %s", n.Host, node.Status.Allocatable.Memory())
		require.Empty(t, n.Drift)
	}
	text, err := shared.Command(context.WithoutCancel(t.Context()), "status")
	require.NoError(t, err)
	t.Log("\n" + text)
}
