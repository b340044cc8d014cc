//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"

	"k8s-framework/internal/local/kube/images"
)

const namespace = "default"

// web is a container of our web server.
func web(env map[string]string, cpu, memory string) corev1.Container {
	c := corev1.Container{
		Name: "web", Image: images.Web, ImagePullPolicy: corev1.PullIfNotPresent,
		Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
		}},
		ReadinessProbe: &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)}},
			PeriodSeconds: 1,
		},
	}
	for key, value := range env {
		c.Env = append(c.Env, corev1.EnvVar{Name: key, Value: value})
	}
	return c
}

// deployment runs replicas of the web server, spread over the nodes, until the test ends; it waits until all are ready.
func deployment(t *testing.T, name string, replicas int32, env map[string]string) {
	t.Helper()
	deploymentOn(t, "", name, replicas, env)
}

// deploymentOn is deployment with all replicas on one node, if it is named.
func deploymentOn(t *testing.T, node, name string, replicas int32, env map[string]string) {
	t.Helper()
	labels, grace := map[string]string{"app": name}, int64(30)
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					TerminationGracePeriodSeconds: &grace,
					Containers:                    []corev1.Container{web(env, "50m", "16Mi")},
					TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
						MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway,
						LabelSelector: &metav1.LabelSelector{MatchLabels: labels},
					}},
				},
			},
		},
	}
	if node != "" {
		d.Spec.Template.Spec.NodeSelector = map[string]string{corev1.LabelHostname: node}
	}
	_, err := shared.Kube.Client().AppsV1().Deployments(namespace).Create(t.Context(), d, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		foreground := metav1.DeletePropagationForeground
		require.NoError(t, shared.Kube.Client().AppsV1().Deployments(namespace).Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &foreground}))
	})
	available(t, name, replicas)
}

// available waits until so many replicas are.
func available(t *testing.T, name string, replicas int32) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d replicas of %s", replicas, name), func(ctx context.Context) error {
		d, err := shared.Kube.Client().AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if d.Status.AvailableReplicas != replicas {
			return fmt.Errorf("%d are available", d.Status.AvailableReplicas)
		}
		return nil
	})
}

// budget keeps so many pods of a deployment available; it ends with the test.
func budget(t *testing.T, name string, minAvailable int) {
	t.Helper()
	least := intstr.FromInt(minAvailable)
	b := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &least, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}},
	}
	budgets := shared.Kube.Client().PolicyV1().PodDisruptionBudgets(namespace)
	_, err := budgets.Create(t.Context(), b, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, budgets.Delete(context.Background(), name, metav1.DeleteOptions{})) })
	eventually(t, "the budget to be counted", func(ctx context.Context) error {
		b, err := budgets.Get(ctx, name, metav1.GetOptions{})
		if err == nil && (b.Status.ObservedGeneration == 0 || b.Status.ExpectedPods == 0) {
			err = errNotYet
		}
		return err
	})
}

// pods of a deployment.
func pods(t *testing.T, app string) []corev1.Pod {
	t.Helper()
	list, err := shared.Kube.Client().CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + app})
	require.NoError(t, err)
	return list.Items
}

// podsOn counts the pods of a deployment on one node that are not leaving.
func podsOn(t *testing.T, app, node string) int {
	t.Helper()
	count := 0
	for _, p := range pods(t, app) {
		if p.Spec.NodeName == node && p.DeletionTimestamp == nil {
			count++
		}
	}
	return count
}

// observer watches the pods of a deployment from outside: how few were ready at the worst moment, and which left by
// eviction.
type observer struct {
	mu      sync.Mutex
	pods    map[string]*corev1.Pod
	fewest  int
	evicted map[string]bool // by pod name
	done    chan struct{}
}

// observe begins to watch, from what is there now.
func observe(t *testing.T, app string) *observer {
	t.Helper()
	o := &observer{pods: map[string]*corev1.Pod{}, fewest: 1 << 30, evicted: map[string]bool{}, done: make(chan struct{})}
	list, err := shared.Kube.Client().CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + app})
	require.NoError(t, err)
	for _, p := range list.Items {
		o.pods[p.Name] = &p
	}
	o.count()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(o.done)
		for version := list.ResourceVersion; ctx.Err() == nil; {
			w, err := shared.Kube.Client().CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{LabelSelector: "app=" + app, ResourceVersion: version})
			if err != nil {
				if ctx.Err() == nil {
					t.Errorf("watch the pods of %s: %v", app, err)
				}
				return
			}
			for event := range w.ResultChan() {
				p, isPod := event.Object.(*corev1.Pod)
				if !isPod {
					break // the server ended the watch: go on where it stood
				}
				version = p.ResourceVersion
				o.seen(p, event.Type == watch.Deleted)
			}
			w.Stop()
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-o.done
	})
	return o
}

func (o *observer) seen(p *corev1.Pod, deleted bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pods[p.Name] = p
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.DisruptionTarget && c.Reason == "EvictionByEvictionAPI" {
			o.evicted[p.Name] = true
		}
	}
	if deleted {
		delete(o.pods, p.Name)
	}
	o.count()
}

// count counts as a budget does: ready, and not leaving counts too as long as it is ready.
func (o *observer) count() {
	ready := 0
	for _, p := range o.pods {
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && p.DeletionTimestamp == nil {
				ready++
			}
		}
	}
	o.fewest = min(o.fewest, ready)
}

func (o *observer) result() (fewest int, evicted map[string]bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.fewest, o.evicted
}

// onNodes says how the pods of a deployment lie.
func onNodes(t *testing.T, app string) map[string]int {
	t.Helper()
	count := map[string]int{}
	for _, p := range pods(t, app) {
		count[p.Spec.NodeName]++
	}
	return count
}

// spread waits until every node of a deployment's pods has one at least, deleting pods so that they are placed anew.
func spread(t *testing.T, app string, nodes []string) {
	t.Helper()
	eventually(t, "pods of "+app+" on every node", func(ctx context.Context) error {
		lie := onNodes(t, app)
		for _, n := range nodes {
			if lie[n] > 0 {
				continue
			}
			for _, p := range pods(t, app) {
				if lie[p.Spec.NodeName] > 1 && p.DeletionTimestamp == nil {
					now := int64(0)
					if err := shared.Kube.Client().CoreV1().Pods(namespace).Delete(ctx, p.Name, metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
						return err
					}
					break
				}
			}
			return fmt.Errorf("none on %s: %v", n, lie)
		}
		return nil
	})
}
