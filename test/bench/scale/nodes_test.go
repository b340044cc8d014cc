//go:build bench

package scale_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"k8s-framework/internal/local/process"
)

// heartbeatEvery is how often a kubelet reports a Node that does not change (its nodeStatusReportFrequency).
const heartbeatEvery = 5 * time.Minute

// join makes a ready Node object of each node, as its kubelet would, and waits until the framework has seen them all.
func (c *cluster) join(t testing.TB) []string {
	view, err := c.State(t.Context())
	require.NoError(t, err)
	client := c.admin(t)
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(32)
	var names []string
	for _, n := range view.Nodes {
		names = append(names, string(n.Host))
		group.Go(func() error {
			room := corev1.ResourceList{
				"cpu":    *resource.NewMilliQuantity(int64(n.Slice().CPUs), resource.DecimalSI),
				"memory": *resource.NewQuantity(n.Slice().MemBytes(), resource.BinarySI),
				"pods":   resource.MustParse("110"),
			}
			_, err := client.CoreV1().Nodes().Create(ctx, &corev1.Node{
				ObjectMeta: metav1.ObjectMeta{Name: string(n.Host)},
				Spec:       corev1.NodeSpec{ProviderID: n.Name.ProviderID(view.FrameworkID)},
				Status: corev1.NodeStatus{Capacity: room, Allocatable: room, Conditions: []corev1.NodeCondition{{
					Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now(),
				}}},
			}, metav1.CreateOptions{})
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.NoError(t, process.WaitFor(t.Context(), "all nodes to be Ready", func(ctx context.Context) error {
		leader, err := c.LeadingInstance(ctx)
		if err != nil {
			return err
		}
		if ready := used(t, leader).metrics[`k8s_framework_nodes{phase="Ready",pool="`+pool+`"}`]; int(ready) != len(names) {
			return fmt.Errorf("%v are", ready)
		}
		return nil
	}))
	return names
}

// admin is a client without a limit.
func (c *cluster) admin(t testing.TB) kubernetes.Interface {
	config := rest.CopyConfig(c.Kube.Config())
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	return client
}

// beat reports the nodes as unchanged, each once in heartbeatEvery, until ctx ends.
func (c *cluster) beat(ctx context.Context, t testing.TB, names []string) {
	client, pace := c.admin(t), rate.NewLimiter(rate.Limit(float64(len(names))/heartbeatEvery.Seconds()), 1)
	for i := 0; pace.Wait(ctx) == nil; i++ {
		patch := fmt.Appendf(nil, `{"status":{"conditions":[{"type":"Ready","lastHeartbeatTime":%q}]}}`, time.Now().UTC().Format(time.RFC3339))
		_, err := client.CoreV1().Nodes().Patch(ctx, names[i%len(names)], types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
		if err != nil && !errors.Is(err, context.Canceled) && ctx.Err() == nil {
			t.Errorf("heartbeat: %v", err)
			return
		}
	}
}
