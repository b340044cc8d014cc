//go:build bench

package drain_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"k8s-framework/internal/kube/api"
	"k8s-framework/test/bench/table"
)

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func TestBenchDrains(t *testing.T) {
	c := startCluster(t)
	t.Run("110 pods", func(t *testing.T) { drain110(t, c) })
	t.Run("a budget that frees up", func(t *testing.T) { freedBudget(t, c) })
	t.Run("100 nodes", func(t *testing.T) { hundredNodes(t, c) })
	require.NoError(t, c.Err())
}

// drain110 drains one node of 110 pods of grace zero without a budget.
func drain110(t *testing.T, c *cluster) {
	ns := c.namespace(t)
	const pods = 110
	rows := table.Table{{"who", "time", "API calls a pod", "times as long"}}
	var first time.Duration
	measure := func(d drainer) {
		node := c.node(t, "200")
		c.pods(t, ns, node, pods)
		before, begun := d.calls(), time.Now()
		require.NoError(t, d.drain(t.Context(), node))
		took := time.Since(begun)
		if first == 0 {
			first = took
		}
		rows = append(rows, []string{
			d.name, seconds(took), fmt.Sprintf("%.2f", float64(d.calls()-before)/pods), fmt.Sprintf("%.1f", took.Seconds()/first.Seconds()),
		})
	}
	measure(ours(t, "k8s-framework, 50 requests/s", c.Config(), api.DefaultQPS))
	measure(ours(t, "the same again", c.Config(), api.DefaultQPS))
	measure(library(t, "kubectl's library, 50 requests/s", c.Config(), api.DefaultQPS))
	if d, ok := command(t, c.admin(t)); ok {
		measure(d)
	} else {
		rows = append(rows, []string{"kubectl drain", "not measured: no kubectl here", "", ""})
	}
	t.Logf("110 pods with grace 0, no budget\n\n%v", rows)
}

func (c *cluster) admin(t *testing.T) string {
	path, err := c.Kubeconfig("admin", "system:masters")
	require.NoError(t, err)
	return path
}

// freedBudget blocks drains by a budget for some seconds and takes the time from the moment at which an observer sees that it
// allows a disruption to the moment at which it sees that the pod is deleted.
func freedBudget(t *testing.T, c *cluster) {
	short := []time.Duration{1 * time.Second, 1500 * time.Millisecond, 2 * time.Second, 3 * time.Second, 4 * time.Second}
	long := []time.Duration{11 * time.Second, 12 * time.Second, 13500 * time.Millisecond, 15 * time.Second, 16 * time.Second}
	rows := table.Table{{"who", "blocked for", "least", "median", "most"}}
	measure := func(blocks []time.Duration, who func(node string) drainer) {
		reactions := make([]time.Duration, len(blocks))
		var name string
		var group sync.WaitGroup
		for i, block := range blocks {
			node, elsewhere, ns := c.node(t, "200"), c.node(t, "200"), c.namespace(t)
			c.pods(t, ns, node, 1)
			c.budget(t, ns, "web", 1, 0)
			d := who(node)
			name = d.name
			group.Go(func() { reactions[i] = c.react(t, d, ns, node, elsewhere, block) })
		}
		group.Wait()
		row := []string{name, fmt.Sprintf("%v to %v", blocks[0], blocks[len(blocks)-1])}
		rows = append(rows, append(row, table.Spread(reactions)...))
	}
	kubelet := func(name string) func(string) drainer {
		return func(node string) drainer { return ours(t, name, c.kubelet(t, node), api.DefaultQPS) }
	}
	scheduler := ours(t, "k8s-framework", c.Config(), api.DefaultQPS)
	measure(short, func(string) drainer { return scheduler })
	measure(long, func(string) drainer { return scheduler })
	measure(short, kubelet("k8s-framework, a kubelet's identity"))
	measure(long, kubelet("k8s-framework, a kubelet's identity"))
	c.showBudgetsToKubelets(t)
	measure(long, kubelet("k8s-framework, a kubelet's identity that may see budgets"))
	measure(short, func(string) drainer { return library(t, "kubectl's library", c.Config(), api.DefaultQPS) })
	if d, ok := command(t, c.admin(t)); ok {
		measure(short, func(string) drainer { return d })
	} else {
		rows = append(rows, []string{"kubectl drain", "not measured: no kubectl here", "", "", ""})
	}
	t.Logf("Reaction to a budget that frees up, %d drains at once each\n\n%v", len(short), rows)
}

// react is one drain; blocked from now on for a while.
func (c *cluster) react(t *testing.T, d drainer, ns, node, elsewhere string, block time.Duration) time.Duration {
	budgets, err := c.client.PolicyV1().PodDisruptionBudgets(ns).Watch(t.Context(), metav1.SingleObject(metav1.ObjectMeta{Name: "web"}))
	require.NoError(t, err)
	defer budgets.Stop()
	pods, err := c.client.CoreV1().Pods(ns).Watch(t.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	require.NoError(t, err)
	defer pods.Stop()
	ended := make(chan error, 1)
	go func() { ended <- d.drain(t.Context(), node) }()
	time.AfterFunc(block, func() { c.pods(t, ns, elsewhere, 1) })
	var freed time.Time
	for {
		select {
		case e := <-budgets.ResultChan():
			if b, is := e.Object.(*policyv1.PodDisruptionBudget); is && b.Status.DisruptionsAllowed > 0 && freed.IsZero() {
				freed = time.Now()
			}
		case e := <-pods.ResultChan():
			if e.Type == watch.Deleted {
				reaction := time.Since(freed)
				assert.False(t, freed.IsZero(), "the pod went before its budget allowed it")
				assert.NoError(t, <-ended)
				return reaction
			}
		case <-time.After(time.Minute):
			assert.Fail(t, "the pod is still there", d.name)
			return 0
		}
	}
}

// kubelet is the configuration of a kubelet's own identity.
func (c *cluster) kubelet(t *testing.T, node string) *rest.Config {
	path, err := c.KubeletKubeconfig(node)
	require.NoError(t, err)
	config, err := clientcmd.BuildConfigFromFlags("", path)
	require.NoError(t, err)
	return config
}

func (c *cluster) showBudgetsToKubelets(t *testing.T) {
	text, err := os.ReadFile("../../../examples/rbac-nodes.yaml")
	require.NoError(t, err)
	first, second, _ := bytes.Cut(text, []byte("\n---\n"))
	var role rbacv1.ClusterRole
	var binding rbacv1.ClusterRoleBinding
	require.NoError(t, yaml.UnmarshalStrict(first, &role))
	require.NoError(t, yaml.UnmarshalStrict(second, &binding))
	_, err = c.client.RbacV1().ClusterRoles().Create(t.Context(), &role, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = c.client.RbacV1().ClusterRoleBindings().Create(t.Context(), &binding, metav1.CreateOptions{})
	require.NoError(t, err)
	client, err := api.New(c.kubelet(t, "any"))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return client.Get(context.Background(), "/apis/policy/v1/poddisruptionbudgets", nil) == nil
	}, time.Minute, 20*time.Millisecond)
}
