//go:build e2e

package drain_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"k8s-framework/internal/kube/api"
	"k8s-framework/internal/kube/drain"
	"k8s-framework/internal/local/kube"
	"k8s-framework/internal/local/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m.Run)) }

// cluster is a real control plane without kubelets: Node objects are written by the test, and pods are bound to them by
// their nodeName. What a drain talks to, evictions, budgets and their controller, needs no more than that.
type cluster struct {
	*kube.ControlPlane
	client kubernetes.Interface
	nodes  atomic.Int64
}

func startCluster(t *testing.T) *cluster {
	l, err := lab.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close(context.Background())) })
	cp, err := l.StartControlPlane(t.Context(), kube.Options{
		// Nobody sends the heartbeats of these nodes; the node controller would mark their pods as not ready.
		ControllerManagerFlags: []string{"--node-monitor-grace-period=1h", "--node-startup-grace-period=1h"},
	})
	require.NoError(t, err)
	return &cluster{ControlPlane: cp, client: cp.Client()}
}

// node makes a Node of a new name.
func (c *cluster) node(t *testing.T) *corev1.Node {
	name := fmt.Sprintf("host-%d", c.nodes.Add(1))
	n, err := c.client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{ProviderID: "mesos://f/" + name},
		Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{"pods": resource.MustParse("200")}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return n
}

// namespace makes one with a name of the test's, with the service account without which no pod is accepted.
func (c *cluster) namespace(t *testing.T) string {
	n, err := c.client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := c.client.CoreV1().ServiceAccounts(n.Name).Get(t.Context(), "default", metav1.GetOptions{})
		return err == nil
	}, time.Minute, 20*time.Millisecond)
	return n.Name
}

// pod makes a pod on a node that is running and ready, as its kubelet would say. Its grace period is zero, so that the API
// server deletes it at once: there is no kubelet that would confirm its end.
func (c *cluster) pod(t *testing.T, namespace, node, name string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{
			NodeName: node, TerminationGracePeriodSeconds: new(int64),
			Containers: []corev1.Container{{Name: "c", Image: "none"}},
		},
	}
	for _, do := range change {
		do(p)
	}
	p, err := c.client.CoreV1().Pods(namespace).Create(t.Context(), p, metav1.CreateOptions{})
	require.NoError(t, err)
	c.status(t, p, `{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`)
	return p
}

func (c *cluster) status(t *testing.T, p *corev1.Pod, patch string) {
	_, err := c.client.CoreV1().Pods(p.Namespace).Patch(t.Context(), p.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
	require.NoError(t, err)
}

// budget makes a PodDisruptionBudget for the pods of label app=web and waits until its controller has computed it.
func (c *cluster) budget(t *testing.T, namespace, name string, minAvailable, allowed int) {
	c.budgetOf(t, namespace, name, "web", minAvailable, allowed)
}

// budgetFor is the same for the pods of the label app=name.
func (c *cluster) budgetFor(t *testing.T, namespace, name string, minAvailable, allowed int) {
	c.budgetOf(t, namespace, name, name, minAvailable, allowed)
}

func (c *cluster) budgetOf(t *testing.T, namespace, name, app string, minAvailable, allowed int) {
	min := intstr.FromInt(minAvailable)
	_, err := c.client.PolicyV1().PodDisruptionBudgets(namespace).Create(t.Context(), &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &min, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		b, err := c.client.PolicyV1().PodDisruptionBudgets(namespace).Get(t.Context(), name, metav1.GetOptions{})
		return err == nil && b.Status.ObservedGeneration >= b.Generation && int(b.Status.DisruptionsAllowed) == allowed &&
			int(b.Status.ExpectedPods) > 0
	}, time.Minute, 20*time.Millisecond)
}

// replace is a ReplicaSet controller of sorts, for pods that exist already: for each that is deleted it makes another one on
// the node elsewhere. see is told of every event of a pod, from the same goroutine, until the returned function is called.
func (c *cluster) replace(t *testing.T, namespace, elsewhere string, see func(watch.Event)) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	from := func(version string) (watch.Interface, error) {
		return c.client.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: version})
	}
	w, err := from("0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for version := "0"; ctx.Err() == nil; {
			for e := range w.ResultChan() {
				p, isPod := e.Object.(*corev1.Pod)
				if !isPod { // the server ends a watch, with a Status, when it is busy: go on where it stood
					t.Logf("the watch of the pods ended: %+v", e.Object)
					break
				}
				version = p.ResourceVersion
				see(e)
				if e.Type == watch.Deleted {
					c.pod(t, namespace, elsewhere, p.Name+"-again", func(again *corev1.Pod) { again.Labels = p.Labels })
				}
			}
			w.Stop()
			if ctx.Err() != nil {
				return
			}
			if w, err = from(version); err != nil {
				assert.True(t, ctx.Err() != nil, "watch the pods again from %s: %v", version, err)
				return
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// exists reports whether a pod is there, and being deleted.
func (c *cluster) exists(t *testing.T, namespace, name string) (there, leaving bool) {
	p, err := c.client.CoreV1().Pods(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, false
	}
	require.NoError(t, err)
	return true, p.DeletionTimestamp != nil
}

// calls counts the requests of a client by their kind.
type calls struct {
	mu     sync.Mutex
	counts map[string]int
	next   http.RoundTripper
}

func (c *calls) RoundTrip(r *http.Request) (*http.Response, error) {
	kind := r.Method
	switch {
	case strings.HasSuffix(r.URL.Path, "/eviction"):
		kind = "evict"
	case r.URL.Query().Get("watch") != "":
		kind = "watch"
	}
	c.mu.Lock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	c.counts[kind]++
	c.mu.Unlock()
	return c.next.RoundTrip(r)
}

func (c *calls) total() (sum int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.counts {
		sum += n
	}
	return sum
}

func (c *calls) count(kind string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[kind]
}

// evicts waits until that many evictions were asked for: the waits between two of them have grown by then.
func (c *calls) evicts(t *testing.T, want int) {
	t.Helper()
	require.Eventually(t, func() bool { return c.count("evict") >= want }, time.Minute, time.Millisecond)
}

// newDrainer makes one with the identity of config, at the rate that our programs use, whose requests are counted.
func newDrainer(t *testing.T, config *rest.Config) (*drain.Drainer, *calls) {
	counted := &calls{}
	config = rest.CopyConfig(config)
	config.QPS, config.Burst, config.RateLimiter = api.DefaultQPS, api.DefaultBurst, nil
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { counted.next = next; return counted })
	client, err := api.New(config)
	require.NoError(t, err)
	d, err := drain.New(drain.Options{Client: client, ProgressEvery: time.Millisecond})
	require.NoError(t, err)
	return d, counted
}

// kubelet is the configuration of a kubelet's own identity.
func (c *cluster) kubelet(t *testing.T, node string) *rest.Config {
	path, err := c.KubeletKubeconfig(node)
	require.NoError(t, err)
	config, err := clientcmd.BuildConfigFromFlags("", path)
	require.NoError(t, err)
	return config
}

// running is a drain that goes on while the test looks at it.
type running struct {
	t      *testing.T
	result drain.Result
	err    error
	ended  chan struct{}

	mu   sync.Mutex
	last drain.Progress
}

func start(t *testing.T, d *drain.Drainer, r drain.Request) *running {
	run := &running{t: t, ended: make(chan struct{})}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	go func() {
		defer close(run.ended)
		run.result, run.err = d.Drain(ctx, r, func(p drain.Progress) {
			run.mu.Lock()
			defer run.mu.Unlock()
			run.last = p
		})
	}()
	return run
}

// until waits for a progress of which is is true.
func (r *running) until(is func(drain.Progress) bool) drain.Progress {
	r.t.Helper()
	var p drain.Progress
	require.Eventually(r.t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		p = r.last
		return is(p)
	}, time.Minute, time.Millisecond, "the drain did not come so far")
	return p
}

func blocked(count int) func(drain.Progress) bool {
	return func(p drain.Progress) bool { return len(p.Blocked) == count }
}

// succeeds waits for the drain's good end.
func (r *running) succeeds() drain.Result {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(time.Minute):
		require.Fail(r.t, "the drain did not end", r.last.Why())
	}
	require.NoError(r.t, r.err)
	return r.result
}
