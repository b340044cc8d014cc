//go:build e2e

package kube_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"

	"k8s-framework/internal/kube"
	"k8s-framework/internal/kube/api"
	local "k8s-framework/internal/local/kube"
	"k8s-framework/internal/local/lab"
	"k8s-framework/scheduler"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m.Run)) }

// world is a real control plane, its admin, and our client with the least rights.
type world struct {
	*local.ControlPlane
	admin kubernetes.Interface
	ours  *api.Client
	// kubeconfig is that of ours.
	kubeconfig string
}

func start(t *testing.T) world {
	l, err := lab.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close(context.Background())) })
	cp, err := l.StartControlPlane(t.Context(), local.Options{
		// Nobody sends the heartbeats of the nodes in this test, and nobody else approves.
		ControllerManagerFlags: []string{"--node-monitor-grace-period=1h", "--node-startup-grace-period=1h", "--controllers=-csrapproving"},
	})
	require.NoError(t, err)
	w := world{ControlPlane: cp, admin: cp.Client()}
	readRights(t).grant(t, w.admin)
	w.kubeconfig, err = cp.Kubeconfig("k8s-framework")
	require.NoError(t, err)
	config, err := api.Access{Kubeconfig: w.kubeconfig, UserAgent: "k8s-framework"}.Config()
	require.NoError(t, err)
	w.ours, err = api.New(config)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return w.ours.Get(t.Context(), "/api/v1/nodes", nil) == nil }, time.Minute, 20*time.Millisecond)
	return w
}

func (w world) node(t *testing.T, name, provider string) {
	_, err := w.admin.CoreV1().Nodes().Create(t.Context(), &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{ProviderID: provider},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

func (w world) ready(t *testing.T, name, status, heartbeat string) {
	patch := `{"status":{"allocatable":{"cpu":"1500m","memory":"1Gi"},
		"conditions":[{"type":"Ready","status":"` + status + `","message":"m","lastHeartbeatTime":"` + heartbeat + `"}]}}`
	_, err := w.admin.CoreV1().Nodes().Patch(t.Context(), name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
	require.NoError(t, err)
}

// pod makes a pod on a node that its kubelet would call ready. Its grace period is zero: there is no kubelet that would
// confirm its end, so the API server deletes it at once.
func (w world) pod(t *testing.T, node, name string) {
	require.Eventually(t, func() bool {
		_, err := w.admin.CoreV1().ServiceAccounts("default").Get(t.Context(), "default", metav1.GetOptions{})
		return err == nil
	}, time.Minute, 20*time.Millisecond)
	_, err := w.admin.CoreV1().Pods("default").Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{
			NodeName: node, TerminationGracePeriodSeconds: new(int64),
			Containers: []corev1.Container{{Name: "c", Image: "none"}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = w.admin.CoreV1().Pods("default").Patch(t.Context(), name, types.MergePatchType,
		[]byte(`{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`), metav1.PatchOptions{}, "status")
	require.NoError(t, err)
}

func wait(t *testing.T, events <-chan scheduler.Event) scheduler.Event {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(time.Minute):
		require.Fail(t, "nothing was told")
		return nil
	}
}

func TestWatcherAndOperatorOnARealAPIServer(t *testing.T) {
	w := start(t)
	t.Run("watcher", func(t *testing.T) { watches(t, w) })
	t.Run("operator", func(t *testing.T) { operates(t, w) })
	t.Run("uncordon", func(t *testing.T) { uncordons(t, w) })
	t.Run("marks", func(t *testing.T) { marks(t, w) })
	t.Run("leases and pods", func(t *testing.T) { counts(t, w) })
	t.Run("out of service", func(t *testing.T) { releases(t, w) })
	require.NoError(t, w.Err())
}

func watches(t *testing.T, w world) {
	w.node(t, "host-a", "mesos://f/w-1")
	events := make(chan scheduler.Event, 100)
	troubles := make(chan error, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		kube.NewWatcher(w.ours, func(err error) { troubles <- err }).Watch(ctx, func(e scheduler.Event) { events <- e })
	}()
	first := wait(t, events).(scheduler.KubeNodeSeen)
	assert.Equal(t, scheduler.Hostname("host-a"), first.Node.Host)
	assert.Equal(t, "mesos://f/w-1", first.Node.ProviderID)
	assert.False(t, first.Node.Ready)
	assert.WithinDuration(t, time.Now(), first.Node.Created, time.Minute)
	assert.Equal(t, scheduler.KubeSynced{}, wait(t, events))

	w.ready(t, "host-a", "True", "2026-01-02T03:04:05Z")
	w.ready(t, "host-a", "True", "2026-01-02T03:04:15Z") // a heartbeat
	w.ready(t, "host-a", "Unknown", "2026-01-02T03:04:25Z")
	ready := wait(t, events).(scheduler.KubeNodeSeen).Node
	want := first.Node
	want.Ready, want.ReadyWhy, want.AllocatableCPU, want.AllocatableMem = true, "m", 1500, 1<<30
	assert.Equal(t, want, ready)
	want.Ready = false
	assert.Equal(t, scheduler.KubeNodeSeen{Node: want}, wait(t, events), "the heartbeat was not told")

	// The API server is away for more than the few failures after which the watch starts anew.
	require.NoError(t, w.StopAPIServer())
	for range 4 {
		require.Error(t, <-troubles)
	}
	require.NoError(t, w.StartAPIServer(t.Context()))
	for err := range troubles {
		if err == nil {
			break
		}
	}
	w.node(t, "host-b", "")
	require.NoError(t, w.admin.CoreV1().Nodes().Delete(t.Context(), "host-a", metav1.DeleteOptions{}))
	assert.Equal(t, scheduler.Hostname("host-b"), wait(t, events).(scheduler.KubeNodeSeen).Node.Host, "host-a was not told again")
	assert.Equal(t, scheduler.KubeNodeDeleted{Host: "host-a"}, wait(t, events))
	cancel()
	<-ended
}

func operates(t *testing.T, w world) {
	w.node(t, "host-1", "mesos://f/w-1")
	w.pod(t, "host-1", "web-1")
	min := intstr.FromInt(1)
	_, err := w.admin.PolicyV1().PodDisruptionBudgets("default").Create(t.Context(), &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &min, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)

	o, err := kube.NewOperator(kube.OperatorOptions{Client: w.ours, Component: "k8s-framework", ProgressEvery: time.Millisecond})
	require.NoError(t, err)
	events := make(chan scheduler.Event, 100)
	deliver := func(e scheduler.Event) { events <- e }
	op := scheduler.Drain{Node: "w-1", Host: "host-1", ProviderID: "mesos://f/w-1", Why: "the pool wants fewer nodes"}
	forget := scheduler.ForgetKubeNode{Node: "w-1", Host: "host-1", ProviderID: "mesos://f/w-1"}

	o.Perform(t.Context(), op, deliver)
	for {
		progress := wait(t, events).(scheduler.DrainProgressed)
		if len(progress.Blocked) > 0 && strings.Contains(progress.Blocked[0], "needs 1 healthy pods") {
			assert.Equal(t, 1, progress.PodsLeft)
			assert.Contains(t, progress.Blocked[0], "pod default/web-1 by budget web since ")
			break
		}
	}
	require.NoError(t, w.admin.PolicyV1().PodDisruptionBudgets("default").Delete(t.Context(), "web", metav1.DeleteOptions{}))
	var last scheduler.Event
	for last = wait(t, events); last != (scheduler.NodeDrained{Node: "w-1"}); last = wait(t, events) {
		require.IsType(t, scheduler.DrainProgressed{}, last)
	}

	other := forget
	other.ProviderID = "mesos://f/w-0" // an earlier launch on this host
	o.Perform(t.Context(), other, deliver)
	assert.Equal(t, scheduler.KubeNodeForgotten{Node: "w-1"}, wait(t, events))
	n, err := w.admin.CoreV1().Nodes().Get(t.Context(), "host-1", metav1.GetOptions{})
	require.NoError(t, err, "it is another launch's")
	assert.True(t, n.Spec.Unschedulable)

	for range 2 { // the second time it is not there
		o.Perform(t.Context(), forget, deliver)
		assert.Equal(t, scheduler.KubeNodeForgotten{Node: "w-1"}, wait(t, events))
	}
	_, err = w.admin.CoreV1().Nodes().Get(t.Context(), "host-1", metav1.GetOptions{})
	assert.ErrorContains(t, err, "not found")
	o.Perform(t.Context(), op, deliver)
	assert.Equal(t, scheduler.NodeDrained{Node: "w-1"}, wait(t, events))
	o.Wait()

	told, err := w.admin.CoreV1().Events("default").List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.name=host-1"})
	require.NoError(t, err)
	messages := map[string]string{}
	for _, e := range told.Items {
		if e.Source.Component == "k8s-framework" {
			messages[e.Reason] = e.Message
		}
	}
	assert.Equal(t, "Draining 1 pods: the pool wants fewer nodes", messages["DrainStarted"])
	assert.Contains(t, messages["DrainBlocked"], "Eviction is refused: pod default/web-1 by budget web since ")
	assert.Equal(t, "Drained: 1 pods are gone", messages["DrainCompleted"])

	w.node(t, "host-1", "mesos://f/w-2") // Events are found by the Node's name
	kubeconfig, err := w.Kubeconfig("admin", "system:masters")
	require.NoError(t, err)
	described, err := exec.Command("../../bin/local/kubectl", "--kubeconfig="+kubeconfig, "describe", "node", "host-1").CombinedOutput()
	require.NoError(t, err, "%s", described)
	assert.Regexp(t, `Normal +DrainStarted +.* k8s-framework +Draining 1 pods: the pool wants fewer nodes`, string(described))
	assert.Regexp(t, `Warning +DrainBlocked +.* k8s-framework +Eviction is refused: pod default/web-1 by budget web since `, string(described))
	assert.Regexp(t, `Normal +DrainCompleted +.* k8s-framework +Drained: 1 pods are gone`, string(described))
}
