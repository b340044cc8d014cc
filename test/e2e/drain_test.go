//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s-framework/scheduler"
)

// Scaling down cordons and drains a node under its budgets, stops its kubelet, and leaves nothing of it.
func scaleDownDrains(t *testing.T) {
	before := nodesReady(t, 3)
	deployment(t, "web", 6, map[string]string{"DELAY": "1s"})
	spread(t, "web", hosts(before))
	available(t, "web", 6)
	budget(t, "web", 5)
	watching := observe(t, "web")
	scale(t, 2)
	leaver := retiring(t)
	cordoned := false
	within(t, patience, "the node to be gone", func(ctx context.Context) error {
		node, err := shared.Kube.Client().CoreV1().Nodes().Get(ctx, string(leaver.Host), metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return nil
		case err != nil:
			return err
		}
		cordoned = cordoned || node.Spec.Unschedulable
		return fmt.Errorf("it is there, cordoned: %v", node.Spec.Unschedulable)
	})
	require.True(t, cordoned)
	after := nodesReady(t, 2)
	for _, n := range after {
		require.NotEqual(t, leaver.Name, n.Name)
	}
	available(t, "web", 6)
	fewest, evicted := watching.result()
	require.GreaterOrEqual(t, fewest, 5, "fewer pods were ready than the budget demands")
	require.Len(t, evicted, 2, "the pods of the node left by eviction: %v", evicted)
	require.Empty(t, kubelets(t, string(leaver.Host)))
	require.Empty(t, podProcesses(t, string(leaver.Host)))
	require.NotContains(t, activeTasks(t), leaver.Tasks[0].ID)
	scale(t, 3)
	nodesReady(t, 3)
}

// A budget that blocks is named with its pod by status; at the deadline the pool's policy holds.
func blockedDrainIsNamed(t *testing.T) {
	nodes := nodesReady(t, 3)
	deployment(t, "stuck", 3, nil)
	spread(t, "stuck", hosts(nodes))
	available(t, "stuck", 3)
	budget(t, "stuck", 3)
	scale(t, 2)
	leaver := retiring(t)
	eventually(t, "status to name pod and budget", func(ctx context.Context) error {
		text, err := shared.Command(ctx, "status")
		if err != nil {
			return err
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, string(leaver.Name)) && strings.Contains(line, "default/stuck-") && strings.Contains(line, "budget") {
				t.Log(line)
				return nil
			}
		}
		return fmt.Errorf("it says:\n%s", text)
	})
	require.NotEmpty(t, kubelets(t, string(leaver.Host)), "the kubelet runs as long as the deadline has not passed")
	nodesReady(t, 2)
	require.WithinRange(t, time.Now(), leaver.DrainBy, leaver.DrainBy.Add(patience), "the node was stopped at the deadline, not before")
	scale(t, 3)
	nodesReady(t, 3)
}

// A node with twenty pods is drained; what it takes is for the record, not a condition.
func twentyPodsLeave(t *testing.T) {
	nodes := nodesReady(t, 3)
	youngest := nodes[len(nodes)-1]
	deploymentOn(t, string(youngest.Host), "twenty", 20, nil)
	began := time.Now()
	scale(t, 2)
	eventually(t, "the node to be empty", func(ctx context.Context) error {
		view, err := shared.State(ctx)
		if err != nil {
			return err
		}
		for _, n := range view.Nodes {
			if n.Name == youngest.Name && n.Phase != scheduler.Stopping && n.Phase != scheduler.Gone {
				return fmt.Errorf("it is %s: %s", n.Phase, n.Why)
			}
		}
		return nil
	})
	t.Logf("drain of a node with 20 pods: %s", time.Since(began).Round(10*time.Millisecond))
	nodesReady(t, 2)
	scale(t, 3)
	nodesReady(t, 3)
}

// hosts of nodes.
func hosts(nodes []scheduler.NodeView) []string {
	var names []string
	for _, n := range nodes {
		names = append(names, string(n.Host))
	}
	return names
}

// retiring waits for the node that is being drained.
func retiring(t *testing.T) scheduler.NodeView {
	t.Helper()
	var found scheduler.NodeView
	eventually(t, "a node to drain", func(ctx context.Context) error {
		view, err := shared.State(ctx)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(view.Nodes, func(n scheduler.NodeView) bool { return n.Phase == scheduler.Draining || n.Phase == scheduler.Stopping })
		if at < 0 {
			return errNotYet
		}
		found = view.Nodes[at]
		return nil
	})
	return found
}

// activeTasks are those that the Mesos master knows as not over.
func activeTasks(t *testing.T) []scheduler.TaskID {
	t.Helper()
	ids, err := shared.ActiveTasks(t.Context())
	require.NoError(t, err)
	return ids
}
