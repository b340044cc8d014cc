//go:build e2e

package drain_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	kubectl "k8s.io/kubectl/pkg/drain"

	"k8s-framework/internal/kube/api"
	"k8s-framework/internal/kube/drain"
)

func drains110(t *testing.T, c *cluster) {
	node, ns := c.node(t).Name, c.namespace(t)
	for i := range 110 {
		c.pod(t, ns, node, fmt.Sprintf("p-%03d", i))
	}
	d, calls := newDrainer(t, c.Config())
	begun := time.Now()
	result := start(t, d, drain.Request{Node: node}).succeeds()
	t.Logf("110 pods in %v with %d calls, %.2f a pod: %v", time.Since(begun), calls.total(), float64(calls.total())/110, calls.counts)
	assert.Equal(t, 110, result.Gone)
	assert.LessOrEqual(t, calls.total(), 110*21/10)
	n, err := c.client.CoreV1().Nodes().Get(t.Context(), node, metav1.GetOptions{})
	require.NoError(t, err)
	assert.True(t, n.Spec.Unschedulable)
}

// The same work by the library behind kubectl drain, at the same rate. Its pods are gone as ours are, without a kubelet.
func drainsBesideKubectl(t *testing.T, c *cluster) {
	node, ns := c.node(t).Name, c.namespace(t)
	for i := range 110 {
		c.pod(t, ns, node, fmt.Sprintf("p-%03d", i))
	}
	counted := &calls{}
	config := c.Config()
	config.QPS, config.Burst, config.RateLimiter = api.DefaultQPS, api.DefaultBurst, nil
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { counted.next = next; return counted })
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	begun := time.Now()
	require.NoError(t, kubectl.RunNodeDrain(&kubectl.Helper{
		Ctx: t.Context(), Client: client, Force: true, IgnoreAllDaemonSets: true, DeleteEmptyDirData: true,
		GracePeriodSeconds: -1, Out: io.Discard, ErrOut: io.Discard,
	}, node))
	t.Logf("kubectl's library: 110 pods in %v with %d calls: %v", time.Since(begun), counted.total(), counted.counts)
}

func waitsForABudget(t *testing.T, c *cluster) {
	node, ns := c.node(t).Name, c.namespace(t)
	c.pod(t, ns, node, "web-1")
	elsewhere := c.node(t).Name
	c.pod(t, ns, elsewhere, "web-2")
	c.budget(t, ns, "web", 2, 0)
	d, calls := newDrainer(t, c.Config())
	run := start(t, d, drain.Request{Node: node})
	p := run.until(blocked(1))
	assert.Contains(t, p.Why(), "1 pods left; blocked: pod "+ns+"/web-1 by budget web since ")
	assert.Contains(t, p.Why(), "The disruption budget web needs 2 healthy pods and has 2 currently")
	freed := c.freedAt(t, ns, "web")
	c.pod(t, ns, elsewhere, "web-3")
	run.succeeds()
	reaction := time.Since(<-freed)
	t.Logf("reaction to a freed budget: %v after the observer saw it", reaction)
	assert.Equal(t, 1, calls.count("evict"), "it asks when there is a place")
}

// freedAt sends the time at which an observer with a watch of its own saw that a budget allows a disruption.
func (c *cluster) freedAt(t *testing.T, namespace, name string) <-chan time.Time {
	w, err := c.client.PolicyV1().PodDisruptionBudgets(namespace).Watch(t.Context(), metav1.SingleObject(metav1.ObjectMeta{Name: name}))
	require.NoError(t, err)
	freed := make(chan time.Time, 1)
	go func() {
		defer w.Stop()
		for e := range w.ResultChan() {
			if b, ok := e.Object.(*policyv1.PodDisruptionBudget); ok && b.Status.DisruptionsAllowed > 0 {
				freed <- time.Now()
				return
			}
		}
	}()
	return freed
}

// Eight pods behind a budget that allows one at a time, while a test in the place of a ReplicaSet replaces each elsewhere.
func goesOneByOne(t *testing.T, c *cluster) {
	node, ns := c.node(t).Name, c.namespace(t)
	elsewhere := c.node(t).Name
	const pods = 8
	for i := range pods {
		c.pod(t, ns, node, fmt.Sprintf("web-%d", i))
	}
	c.budget(t, ns, "web", pods-1, 1)
	defer c.replace(t, ns, elsewhere, func(watch.Event) {})()
	d, calls := newDrainer(t, c.Config())
	begun := time.Now()
	run := start(t, d, drain.Request{Node: node})
	result := run.succeeds()
	assert.Equal(t, pods, result.Gone)
	t.Logf("%d pods one by one in %v, %d calls, %v", pods, time.Since(begun), calls.total(), calls.counts)
	assert.LessOrEqual(t, calls.total(), 21*pods/10)
}

// Ten nodes whose pods share budgets, replaced elsewhere as they go; an observer of its own counts those that are ready.
func drainsMany(t *testing.T, c *cluster) {
	const nodes, apps, floor = 10, 3, 8
	ns, elsewhere := c.namespace(t), c.node(t).Name
	labelled := func(app int) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Labels = map[string]string{"app": fmt.Sprintf("app-%d", app)} }
	}
	var names []string
	for range nodes {
		name := c.node(t).Name
		names = append(names, name)
		for app := range apps {
			c.pod(t, ns, name, fmt.Sprintf("%s-%d", name, app), labelled(app))
		}
	}
	for app := range apps {
		c.budgetFor(t, ns, fmt.Sprintf("app-%d", app), floor, nodes-floor)
	}
	ready, least := map[string]int{}, nodes
	up := map[types.UID]bool{}
	all := 0
	stop := c.replace(t, ns, elsewhere, func(e watch.Event) {
		p := e.Object.(*corev1.Pod)
		is := e.Type != watch.Deleted && len(p.Status.Conditions) > 0 && p.Status.Conditions[0].Status == corev1.ConditionTrue
		app := p.Labels["app"]
		switch {
		case is && !up[p.UID]:
			ready[app]++
			all++
		case !is && up[p.UID]:
			ready[app]--
		}
		up[p.UID] = is
		if all >= nodes*apps { // all of them were up
			least = min(least, ready[app])
		}
	})
	d, calls := newDrainer(t, c.Config())
	begun := time.Now()
	var runs []*running
	for _, name := range names {
		runs = append(runs, start(t, d, drain.Request{Node: name}))
	}
	for _, run := range runs {
		assert.Equal(t, apps, run.succeeds().Gone)
	}
	t.Logf("%d nodes with %d pods each, %d of each app must stay: %v, %d calls, %v", nodes, apps, floor, time.Since(begun), calls.total(), calls.counts)
	stop()
	assert.LessOrEqual(t, calls.count("evict"), nodes*apps*11/10, "what one drain knows of a budget, all know")
	assert.GreaterOrEqual(t, least, floor)
	assert.Less(t, least, nodes, "the observer saw nothing")
}
