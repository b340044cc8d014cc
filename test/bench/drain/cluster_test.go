//go:build bench

package drain_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"

	"k8s-framework/internal/local/kube"
	"k8s-framework/internal/local/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m.Run)) }

// cluster is a real control plane and Node objects.
type cluster struct {
	*kube.ControlPlane
	client kubernetes.Interface
	nodes  int
}

func startCluster(t *testing.T) *cluster {
	l, err := lab.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close(context.Background())) })
	cp, err := l.StartControlPlane(t.Context(), kube.Options{
		// Nobody sends the heartbeats of these nodes.
		ControllerManagerFlags: []string{"--node-monitor-grace-period=1h", "--node-startup-grace-period=1h"},
		// Everybody here is the admin, and the fake kubelets are a hundred.
		APIServerFlags: []string{"--max-requests-inflight=2000", "--max-mutating-requests-inflight=1000"},
	})
	require.NoError(t, err)
	return &cluster{ControlPlane: cp, client: cp.Client()}
}

// node makes a ready Node of a new name with room for pods.
func (c *cluster) node(t *testing.T, pods string) string {
	c.nodes++
	name := fmt.Sprintf("host-%d", c.nodes)
	room := corev1.ResourceList{"pods": resource.MustParse(pods), "cpu": resource.MustParse("64"), "memory": resource.MustParse("64Gi")}
	_, err := c.client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{ProviderID: "mesos://f/" + name},
		Status: corev1.NodeStatus{
			Capacity: room, Allocatable: room,
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now()}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return name
}

// namespace makes one, with the service account without which no pod is accepted.
func (c *cluster) namespace(t *testing.T) string {
	n, err := c.client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "bench-"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := c.client.CoreV1().ServiceAccounts(n.Name).Get(t.Context(), "default", metav1.GetOptions{})
		return err == nil
	}, time.Minute, 20*time.Millisecond)
	return n.Name
}

// ready is what a kubelet says of a pod that runs.
const ready = `{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`

// pods makes ready pods of grace zero, web-0 and so on, on a node.
func (c *cluster) pods(t *testing.T, namespace, node string, count int) {
	var group errgroup.Group
	group.SetLimit(16)
	for i := range count {
		group.Go(func() error {
			name := fmt.Sprintf("%s-web-%d", node, i)
			_, err := c.client.CoreV1().Pods(namespace).Create(t.Context(), &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": "web"}},
				Spec: corev1.PodSpec{
					NodeName: node, TerminationGracePeriodSeconds: new(int64), Containers: []corev1.Container{{Name: "c", Image: "none"}},
				},
			}, metav1.CreateOptions{})
			if err != nil {
				return err
			}
			_, err = c.client.CoreV1().Pods(namespace).Patch(t.Context(), name, types.MergePatchType, []byte(ready), metav1.PatchOptions{}, "status")
			return err
		})
	}
	require.NoError(t, group.Wait())
}

// budget makes one for the pods of a label app, and waits until it allows that many disruptions.
func (c *cluster) budget(t *testing.T, namespace, app string, minAvailable, allowed int) {
	floor := intstr.FromInt(minAvailable)
	_, err := c.client.PolicyV1().PodDisruptionBudgets(namespace).Create(t.Context(), &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: app},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &floor, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		b, err := c.client.PolicyV1().PodDisruptionBudgets(namespace).Get(t.Context(), app, metav1.GetOptions{})
		return err == nil && b.Status.ExpectedPods > 0 && int(b.Status.DisruptionsAllowed) == allowed
	}, time.Minute, 20*time.Millisecond)
}
