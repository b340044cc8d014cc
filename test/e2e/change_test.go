//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s-framework/scheduler"
)

// role is the pool's from rollingChange on.
const role = "kubernetes"

// An edit that changes the launch is held while the pool is paused, though its labels and annotations are on the Nodes at
// once; resumed, it replaces the nodes one after the other, under the pods' budget.
func rollingChange(t *testing.T) {
	before := nodesReady(t, 3)
	deployment(t, "rolled", 6, map[string]string{"DELAY": "1s"})
	spread(t, "rolled", hosts(before))
	available(t, "rolled", 6)
	budget(t, "rolled", 5)
	order(t, "pause", pool)
	file := edited(t, map[string]any{
		"role": role, "reserve": true, "overhead": map[string]any{"cpus": 0.15, "mem": 256},
		"kubelet":     map[string]any{"maxPods": 40, "nodeLeaseDurationSeconds": 8},
		"labels":      map[string]any{"example.com/generation": "second"},
		"annotations": map[string]any{"example.com/owner": "operators"},
	})
	require.Contains(t, order(t, "apply", "-f", file, "--dry-run"), "is replaced in turn: maxUnavailable 1")
	_, err := attempt(t, "apply", "-f", file, "--wait")
	require.ErrorContains(t, err, "paused with 3 nodes to go")
	for _, n := range before {
		marked(t, string(n.Host))
	}
	require.Equal(t, names(before), names(nodesReady(t, 3)), "a paused pool replaces nothing")

	first := containerIDs(t, "rolled")
	watching, nodes := observe(t, "rolled"), observeNodes(t)
	began := time.Now()
	order(t, "resume", pool, "--wait")
	took(t, "rolling change of 3 nodes", began)
	after := nodesReady(t, 3)
	for _, n := range after {
		require.NotContains(t, names(before), n.Name)
		capacityOf(t, string(n.Host), corev1.ResourceList{corev1.ResourcePods: resource.MustParse("40")})
		marked(t, string(n.Host))
		reserved(t, string(n.Host), 1.65, 1280)
	}
	fewest, evicted := watching.result()
	require.GreaterOrEqual(t, fewest, 5, "fewer pods were ready than the budget demands")
	for name := range first {
		require.True(t, evicted[name], "pod %s did not leave by eviction", name)
	}
	require.Equal(t, 2, nodes.result(), "maxUnavailable is 1 of 3")
	available(t, "rolled", 6)
	consistent(t)
}

// marked waits until a Node has the label and the annotation of rollingChange.
func marked(t *testing.T, host string) {
	t.Helper()
	eventually(t, "label and annotation on "+host, func(ctx context.Context) error {
		node, err := shared.Kube.Client().CoreV1().Nodes().Get(ctx, host, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if node.Labels["example.com/generation"] != "second" || node.Annotations["example.com/owner"] != "operators" {
			return fmt.Errorf("labels are %v, annotations %v", node.Labels, node.Annotations)
		}
		return nil
	})
}

// A version whose kubelets end at their start, which nothing can foresee, is rolled back by itself after one node; those
// that were not replaced yet do not notice.
func badVersionRollsBack(t *testing.T) {
	before := nodesReady(t, 3)
	running := map[scheduler.NodeName][]int{}
	for _, n := range before {
		running[n.Name] = kubelets(t, string(n.Host))
	}
	file := edited(t, map[string]any{
		"maxFailures": 1, "kubelet": map[string]any{"imageGCHighThresholdPercent": 10, "imageGCLowThresholdPercent": 20},
		"health": map[string]any{"startTimeout": "1m", "hangTimeout": "1m", "failures": 2, "window": "10m"},
	})
	began := time.Now()
	_, err := attempt(t, "apply", "-f", file, "--wait")
	require.ErrorContains(t, err, "failed on 1 nodes, maxFailures is 1")
	require.ErrorContains(t, err, "imageGCLowThresholdPercent", "the kubelet's last lines say why")
	after := nodesReady(t, 3)
	took(t, "a version that cannot start → rolled back and 3 nodes Ready", began)
	var kept []scheduler.NodeName
	for _, n := range after {
		if slices.Contains(names(before), n.Name) {
			kept = append(kept, n.Name)
			require.Equal(t, running[n.Name], kubelets(t, string(n.Host)), "another kubelet on %s", n.Host)
		}
		capacityOf(t, string(n.Host), corev1.ResourceList{corev1.ResourcePods: resource.MustParse("40")})
	}
	require.Len(t, kept, 2, "of %v there are %v", names(before), names(after))
	require.Contains(t, order(t, "status"), "ROLLED BACK")
	consistent(t)
}

// A planned drain is called off: the node is uncordoned and serves again. One that the pool would plan again is not.
func drainIsCalledOff(t *testing.T) {
	before := nodesReady(t, 3)
	deployment(t, "kept", 3, nil)
	spread(t, "kept", hosts(before))
	available(t, "kept", 3)
	budget(t, "kept", 3)
	leaver := before[0]
	order(t, "restart", string(leaver.Name))
	phase(t, leaver.Name, scheduler.Draining)
	eventually(t, "the node to be cordoned", func(context.Context) error {
		if !cordoned(t, string(leaver.Host)) {
			return errNotYet
		}
		return nil
	})
	order(t, "cancel", string(leaver.Host))
	require.Equal(t, names(before), names(nodesReady(t, 3)))
	uncordoned(t, string(leaver.Host))
	_, err := attempt(t, "cancel", string(leaver.Host))
	require.ErrorContains(t, err, "Draining", "there is nothing to call off")

	order(t, "apply", "-f", edited(t, map[string]any{"overhead": map[string]any{"cpus": 0.2, "mem": 256}}))
	leaver = retiring(t)
	_, err = attempt(t, "cancel", string(leaver.Name))
	require.ErrorContains(t, err, "pause the pool first")
	order(t, "pause", pool)
	order(t, "cancel", string(leaver.Name))
	order(t, "rollback", pool)
	order(t, "resume", pool, "--wait")
	require.Equal(t, names(before), names(nodesReady(t, 3)))
	uncordoned(t, string(leaver.Host))
	for _, p := range pods(t, "kept") {
		require.Nil(t, p.DeletionTimestamp, p.Name)
	}
	consistent(t)
}

func uncordoned(t *testing.T, host string) {
	t.Helper()
	eventually(t, host+" to be uncordoned", func(context.Context) error {
		if cordoned(t, host) {
			return errNotYet
		}
		return nil
	})
}
