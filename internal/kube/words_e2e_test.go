//go:build e2e

package kube_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"k8s-framework/internal/kube"
	"k8s-framework/scheduler"
)

// operator is one that performs with our rights, and what it delivers.
func (w world) operator(t *testing.T) (perform func(scheduler.Op), events chan scheduler.Event) {
	t.Helper()
	o, err := kube.NewOperator(kube.OperatorOptions{Client: w.ours, Component: "k8s-framework"})
	require.NoError(t, err)
	t.Cleanup(o.Wait)
	events = make(chan scheduler.Event, 100)
	return func(op scheduler.Op) { o.Perform(t.Context(), op, func(e scheduler.Event) { events <- e }) }, events
}

func (w world) get(t *testing.T, name string) *corev1.Node {
	t.Helper()
	node, err := w.admin.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return node
}

// last is the next event that is no progress.
func last(t *testing.T, events <-chan scheduler.Event) scheduler.Event {
	t.Helper()
	for {
		event := wait(t, events)
		if _, is := event.(scheduler.DrainProgressed); !is {
			return event
		}
	}
}

func uncordons(t *testing.T, w world) {
	w.node(t, "host-2", "mesos://f/w-2")
	w.pod(t, "host-2", "held")
	none := intstr.FromInt(0)
	_, err := w.admin.PolicyV1().PodDisruptionBudgets("default").Create(t.Context(), &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "held"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MaxUnavailable: &none, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	perform, events := w.operator(t)
	drain := scheduler.Drain{Node: "w-2", Host: "host-2", ProviderID: "mesos://f/w-2", Why: "maintenance"}
	uncordon := scheduler.Uncordon{Node: "w-2", Host: "HOST-2", ProviderID: "mesos://f/w-2", Why: "the maintenance is off"}

	perform(drain)
	require.Eventually(t, func() bool { return w.get(t, "host-2").Spec.Unschedulable }, time.Minute, 20*time.Millisecond)
	perform(uncordon) // while the drain runs
	assert.Equal(t, scheduler.Uncordoned{Node: "w-2"}, last(t, events))
	assert.False(t, w.get(t, "host-2").Spec.Unschedulable)
	perform(uncordon) // again: nothing to do
	assert.Equal(t, scheduler.Uncordoned{Node: "w-2"}, last(t, events))

	// In one breath: the drain that was asked for last holds.
	for _, op := range []scheduler.Op{drain, uncordon, drain, uncordon, drain} {
		perform(op)
	}
	for range 2 {
		assert.Equal(t, scheduler.Uncordoned{Node: "w-2"}, last(t, events))
	}
	require.Eventually(t, func() bool { return w.get(t, "host-2").Spec.Unschedulable }, time.Minute, 20*time.Millisecond)

	// Another launch's cordon is not ours to take, and a Node that is gone has none.
	other := uncordon
	other.Node, other.ProviderID = "w-9", "mesos://f/w-9"
	perform(other)
	assert.Equal(t, scheduler.Uncordoned{Node: "w-9"}, last(t, events))
	assert.True(t, w.get(t, "host-2").Spec.Unschedulable)
	other.Host = "nowhere"
	perform(other)
	assert.Equal(t, scheduler.Uncordoned{Node: "w-9"}, last(t, events))

	perform(scheduler.CancelDrain{Node: "w-2"})
	require.NoError(t, w.admin.PolicyV1().PodDisruptionBudgets("default").Delete(t.Context(), "held", metav1.DeleteOptions{}))
	told, err := w.admin.CoreV1().Events("default").List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.name=host-2,reason=DrainCalledOff"})
	require.NoError(t, err)
	require.NotEmpty(t, told.Items)
	assert.Equal(t, "The drain is called off, pods may come again: the maintenance is off", told.Items[0].Message)
}

func marks(t *testing.T, w world) {
	_, err := w.admin.CoreV1().Nodes().Create(t.Context(), &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: "host-3", Labels: map[string]string{"kubernetes.io/hostname": "host-3", "old": "1", "both": "1"},
			Annotations: map[string]string{"theirs": "1", "old": "1"},
		},
		Spec: corev1.NodeSpec{ProviderID: "mesos://f/w-3", Taints: []corev1.Taint{
			{Key: "theirs", Effect: corev1.TaintEffectNoSchedule},
			{Key: "old", Value: "1", Effect: corev1.TaintEffectNoSchedule},
			{Key: "both", Value: "1", Effect: corev1.TaintEffectNoExecute},
		}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	perform, events := w.operator(t)
	op := scheduler.MarkKubeNode{
		Node: "w-3", Host: "host-3", ProviderID: "mesos://f/w-3",
		Before: scheduler.Marks{
			Labels: map[string]string{"old": "1", "both": "1", "gone": "1"}, Annotations: map[string]string{"old": "1"},
			Taints: []string{"old=1:NoSchedule", "both=1:NoExecute"},
		},
		Marks: scheduler.Marks{
			Labels: map[string]string{"both": "2", "new": ""}, Annotations: map[string]string{"new": "a b"},
			Taints: []string{"both=2:NoExecute", "new:PreferNoSchedule"},
		},
	}
	for range 2 { // the second time there is nothing to do
		perform(op)
		assert.Equal(t, scheduler.KubeNodeMarked{Node: "w-3", Marks: op.Marks}, wait(t, events))
	}
	node := w.get(t, "host-3")
	assert.Equal(t, map[string]string{"kubernetes.io/hostname": "host-3", "both": "2", "new": ""}, node.Labels)
	assert.Equal(t, "1", node.Annotations["theirs"])
	assert.Equal(t, "a b", node.Annotations["new"])
	assert.NotContains(t, node.Annotations, "old")
	var taints []string
	for _, each := range node.Spec.Taints {
		if each.Key != corev1.TaintNodeNotReady { // the controller's
			taints = append(taints, fmt.Sprintf("%s=%s:%s", each.Key, each.Value, each.Effect))
		}
	}
	assert.Equal(t, []string{"theirs=:NoSchedule", "both=2:NoExecute", "new=:PreferNoSchedule"}, taints)

	other := op
	other.ProviderID = "mesos://f/w-4"
	perform(other)
	failed := wait(t, events).(scheduler.OpFailed)
	assert.Equal(t, `find Node host-3: the Node is another one: its providerID is "mesos://f/w-3", want "mesos://f/w-4"`, failed.Why)
	other.Host = "nowhere"
	perform(other)
	assert.Equal(t, "find Node nowhere: there is no such Node", wait(t, events).(scheduler.OpFailed).Why)
}

func counts(t *testing.T, w world) {
	perform, events := w.operator(t)
	perform(scheduler.ReadLease{Node: "w-5", Host: "host-5"})
	assert.Equal(t, scheduler.LeaseSeen{Node: "w-5"}, wait(t, events), "there is none")
	renewed := metav1.NewMicroTime(time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC))
	_, err := w.admin.CoordinationV1().Leases("kube-node-lease").Create(t.Context(), &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: "host-5"}, Spec: coordinationv1.LeaseSpec{RenewTime: &renewed},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	perform(scheduler.ReadLease{Node: "w-5", Host: "Host-5"})
	seen := wait(t, events).(scheduler.LeaseSeen)
	assert.True(t, renewed.Time.Equal(seen.Renewed), "%v", seen.Renewed)

	w.node(t, "host-5", "mesos://f/w-5")
	w.pod(t, "host-5", "one")
	w.pod(t, "host-5", "two")
	_, err = w.admin.AppsV1().DaemonSets("default").Create(t.Context(), &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "agents"},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "agent"}},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "agent"}}, Spec: corev1.PodSpec{
				Containers:   []corev1.Container{{Name: "c", Image: "none"}},
				NodeSelector: map[string]string{"kubernetes.io/hostname": "host-5"},
				Tolerations:  []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = w.admin.CoreV1().Nodes().Patch(t.Context(), "host-5", types.MergePatchType, []byte(`{"metadata":{"labels":{"kubernetes.io/hostname":"host-5"}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		agents, err := w.admin.CoreV1().Pods("default").List(t.Context(), metav1.ListOptions{LabelSelector: "app=agent"})
		return err == nil && len(agents.Items) == 1
	}, time.Minute, 50*time.Millisecond)

	hosts := []scheduler.Hostname{"HOST-5", "nowhere"}
	want := map[scheduler.Hostname]int{"HOST-5": 2, "nowhere": 0}
	perform(scheduler.CountPods{Pool: "w", Hosts: hosts})
	assert.Equal(t, scheduler.PodsCounted{Pool: "w", Pods: want}, wait(t, events))
	for i := range 20 { // by one list
		host := scheduler.Hostname(fmt.Sprintf("nowhere-%d", i))
		hosts, want[host] = append(hosts, host), 0
	}
	perform(scheduler.CountPods{Pool: "w", Hosts: hosts})
	assert.Equal(t, scheduler.PodsCounted{Pool: "w", Pods: want}, wait(t, events))
}

// stateful makes a StatefulSet of one pod, which Kubernetes places on the node by its label, and returns the pod.
func (w world) stateful(t *testing.T, node string) *corev1.Pod {
	t.Helper()
	one := int32(1)
	_, err := w.admin.AppsV1().StatefulSets("default").Create(t.Context(), &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "db"},
		Spec: appsv1.StatefulSetSpec{
			Replicas: &one, ServiceName: "db", Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "db"}}, Spec: corev1.PodSpec{
				NodeName: node, Containers: []corev1.Container{{Name: "c", Image: "none"}},
			}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	var pod *corev1.Pod
	require.Eventually(t, func() bool {
		pod, err = w.admin.CoreV1().Pods("default").Get(t.Context(), "db-0", metav1.GetOptions{})
		return err == nil && pod.Spec.NodeName == node
	}, time.Minute, 50*time.Millisecond)
	return pod
}

func releases(t *testing.T, w world) {
	w.node(t, "host-6", "mesos://f/w-6")
	w.ready(t, "host-6", "Unknown", "2026-01-02T03:04:05Z")
	before := w.stateful(t, "host-6")
	// A pod of the node itself tolerates everything, as those do that a kubelet makes from files; it does not keep us.
	_, err := w.admin.CoreV1().Pods("default").Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "static"},
		Spec: corev1.PodSpec{
			NodeName: "host-6", Containers: []corev1.Container{{Name: "c", Image: "none"}},
			Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)

	perform, events := w.operator(t)
	op := scheduler.ForgetKubeNode{Node: "w-6", Host: "host-6", ProviderID: "mesos://f/w-6", OutOfService: true}
	other := op
	other.ProviderID = "mesos://f/w-1"
	perform(other)
	assert.Equal(t, scheduler.KubeNodeForgotten{Node: "w-6"}, wait(t, events))
	for _, each := range w.get(t, "host-6").Spec.Taints {
		assert.NotEqual(t, corev1.TaintNodeOutOfService, each.Key, "another launch's Node got the taint")
	}

	began := time.Now()
	perform(op)
	assert.Equal(t, scheduler.KubeNodeForgotten{Node: "w-6"}, waitFor(t, events, 90*time.Second))
	t.Logf("the pods were gone and the Node deleted after %v", time.Since(began).Round(100*time.Millisecond))
	_, err = w.admin.CoreV1().Nodes().Get(t.Context(), "host-6", metav1.GetOptions{})
	require.ErrorContains(t, err, "not found")
	// The controller may make the pod again, and with its name: so the one of before is gone.
	after, err := w.admin.CoreV1().Pods("default").Get(t.Context(), "db-0", metav1.GetOptions{})
	if err == nil {
		assert.NotEqual(t, before.UID, after.UID)
	}
	require.NoError(t, w.admin.AppsV1().StatefulSets("default").Delete(t.Context(), "db", metav1.DeleteOptions{}))
}

func waitFor(t *testing.T, events <-chan scheduler.Event, limit time.Duration) scheduler.Event {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(limit):
		require.Fail(t, "nothing was told")
		return nil
	}
}
