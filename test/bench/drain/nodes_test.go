//go:build bench

package drain_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"k8s-framework/internal/kube/api"
	"k8s-framework/test/bench/table"
)

// The scenario of many nodes. What an app may lack at most is a twentieth of it: 150 pods over all apps, while 20 nodes have
// 600 that are to leave.
const (
	manyNodes = 100
	atATime   = 20
	apps      = 10
	replicas  = 300
	floor     = 285
	// manyQPS is the rate of both sides: at the default of 50 requests a second the 3,000 evictions alone would take a minute.
	manyQPS = 200
	// manyLimit is how long one side may take.
	manyLimit = 150 * time.Second
)

// hundredNodes drains every node of a cluster once, and gives it back when it is drained, as a node that is replaced is.
// Deployments, the scheduler and the fake kubelets replace the pods meanwhile.
func hundredNodes(t *testing.T, c *cluster) {
	var nodes []string
	for range manyNodes {
		nodes = append(nodes, c.node(t, "40"))
	}
	rows := table.Table{{"who", "time", "nodes drained", "gave up and was asked again", "API calls a pod", "evictions a pod", "requests/s", fmt.Sprintf("fewest healthy pods of an app (budget: %d)", floor)}}
	measure := func(d drainer, beside func(ns string) func()) {
		ns := c.namespace(t)
		c.kubelets(t, ns)
		seen := observe(t, c, ns)
		c.deploy(t, ns)
		require.Eventually(t, func() bool { return seen.all() == apps*replicas }, 5*time.Minute, 50*time.Millisecond)
		for app := range apps {
			c.budget(t, ns, fmt.Sprintf("app-%d", app), floor, replicas-floor)
		}
		seen.begin()
		stop := beside(ns)
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), manyLimit)
		defer cancel()
		drained, gaveUp := c.drainAll(t, ctx, d, nodes)
		took := time.Since(begun)
		stop()
		seen.stop()
		worst := seen.worst()
		assert.GreaterOrEqual(t, worst, floor, "a budget was violated")
		assert.Less(t, worst, replicas, "the observer saw nothing")
		const pods = apps * replicas
		rows = append(rows, []string{
			d.name, seconds(took), fmt.Sprint(drained), fmt.Sprint(gaveUp), fmt.Sprintf("%.2f", float64(d.calls())/pods), fmt.Sprintf("%.2f", float64(d.meter.count("evict"))/pods),
			fmt.Sprintf("%.0f", float64(d.calls())/took.Seconds()), fmt.Sprint(worst),
		})
		t.Logf("%s: %v in %v", d.name, d.meter.counts, took)
		c.undeploy(t, ns)
	}
	us := ours(t, "k8s-framework", c.Config(), manyQPS)
	measure(us, func(string) func() { return watchAll(t, c, us) })
	measure(library(t, "kubectl's library", c.Config(), manyQPS), func(string) func() { return func() {} })
	t.Logf("%d nodes with %d pods, %d at a time, at most %d requests/s\n\n%v", manyNodes, apps*replicas, atATime, manyQPS, rows)
}

// drainAll drains the nodes, so many at a time. A drain that gives up is asked for again, as an operator would.
func (c *cluster) drainAll(t *testing.T, ctx context.Context, d drainer, nodes []string) (drained, gaveUp int) {
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(atATime)
	for _, node := range nodes {
		group.Go(func() error {
			for ctx.Err() == nil {
				err := d.drain(ctx, node)
				mu.Lock()
				switch {
				case err == nil:
					drained++
				case ctx.Err() == nil:
					if gaveUp++; gaveUp <= 3 {
						t.Logf("%s gave up node %s: %v", d.name, node, err)
					}
				}
				mu.Unlock()
				if err == nil {
					break
				}
			}
			return c.uncordon(node)
		})
	}
	require.NoError(t, group.Wait())
	return drained, gaveUp
}

// watchAll is what one list and watch of all pods would cost, beside the lists and watches of each node that drains use.
func watchAll(t *testing.T, c *cluster, us drainer) (stop func()) {
	all := newMeter()
	config := c.Config()
	config.Wrap(all.wrap)
	client, err := api.New(config)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	listed := make(chan struct{})
	go func() {
		defer close(ended)
		api.Follow(ctx, client, "/api/v1/pods", nil, api.Handler[api.Object]{
			Listing: func() {}, Seen: func(api.Object) {}, Synced: func() { close(listed) }, Gone: func(api.Object) {},
			Trouble: func(err error) { t.Logf("the watch of all pods: %v", err) },
		})
	}()
	<-listed
	list := all.read()
	return func() {
		cancel()
		<-ended
		t.Logf("What one watch of all pods would read\n\n%v", table.Table{
			{"lists and watches of pods", "bytes read"},
			{fmt.Sprintf("of each of the %d nodes, while it is drained", manyNodes), fmt.Sprint(us.meter.read())},
			{fmt.Sprintf("of all pods, as long: the list of %d", apps*replicas), fmt.Sprint(list)},
			{"of all pods, as long: the watch", fmt.Sprint(all.read() - list)},
		})
	}
}

func (c *cluster) uncordon(node string) error {
	_, err := c.client.CoreV1().Nodes().Patch(context.Background(), node, types.MergePatchType, []byte(`{"spec":{"unschedulable":null}}`), metav1.PatchOptions{})
	return err
}

// deploy makes the apps.
func (c *cluster) deploy(t *testing.T, ns string) {
	count, grace := int32(replicas), int64(1)
	for app := range apps {
		labels := map[string]string{"app": fmt.Sprintf("app-%d", app)}
		_, err := c.client.AppsV1().Deployments(ns).Create(t.Context(), &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: labels["app"]},
			Spec: appsv1.DeploymentSpec{
				Replicas: &count, Selector: &metav1.LabelSelector{MatchLabels: labels},
				Template: corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: labels},
					Spec: corev1.PodSpec{
						TerminationGracePeriodSeconds: &grace, Containers: []corev1.Container{{Name: "c", Image: "none"}},
					},
				},
			},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
}

// undeploy deletes the namespace, and waits until its pods are gone.
func (c *cluster) undeploy(t *testing.T, ns string) {
	require.NoError(t, c.client.CoreV1().Namespaces().Delete(t.Context(), ns, metav1.DeleteOptions{}))
	require.Eventually(t, func() bool {
		_, err := c.client.CoreV1().Namespaces().Get(t.Context(), ns, metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	}, 5*time.Minute, 100*time.Millisecond)
}
