//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s-framework/internal/local/process"
	"k8s-framework/scheduler"
)

// patience is for what takes seconds on a machine that does nothing else.
const patience = 90 * time.Second

// eventually waits until probe returns nil.
func eventually(t *testing.T, what string, probe func(context.Context) error) {
	t.Helper()
	within(t, patience, what, probe)
}

func within(t *testing.T, wait time.Duration, what string, probe func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	if err := process.WaitFor(ctx, what, probe); err != nil {
		status, _ := shared.Command(context.WithoutCancel(t.Context()), "status")
		t.Fatalf("%v\n%s", err, status)
	}
}

// state is what the leading instance sees.
func state(t *testing.T) scheduler.View {
	t.Helper()
	var view scheduler.View
	eventually(t, "the framework's state", func(ctx context.Context) (err error) {
		view, err = shared.State(ctx)
		return err
	})
	return view
}

// nodesReady waits until exactly so many nodes are recorded, all of them Ready.
func nodesReady(t *testing.T, count int) []scheduler.NodeView {
	t.Helper()
	var nodes []scheduler.NodeView
	within(t, 2*patience, fmt.Sprintf("%d Ready nodes", count), func(ctx context.Context) error {
		view, err := shared.State(ctx)
		if err != nil {
			return err
		}
		nodes = view.Nodes
		if len(nodes) != count {
			return fmt.Errorf("%d nodes are recorded", len(nodes))
		}
		for _, n := range nodes {
			if n.Phase != scheduler.Ready {
				return fmt.Errorf("node %s is %s: %s", n.Name, n.Phase, n.Why)
			}
		}
		return nil
	})
	return nodes
}

// kubeNode is the Kubernetes Node of that name.
func kubeNode(t *testing.T, name string) *corev1.Node {
	t.Helper()
	node, err := shared.Kube.Client().CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return node
}

// scale types the command.
func scale(t *testing.T, nodes int) {
	t.Helper()
	text, err := shared.Command(t.Context(), "scale", "workers", fmt.Sprint(nodes))
	require.NoError(t, err)
	t.Log(text)
}

var errNotYet = errors.New("not yet")
