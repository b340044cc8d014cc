//go:build e2e

package drain_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"k8s-framework/internal/kube/drain"
)

func TestDrainOnARealAPIServer(t *testing.T) {
	c := startCluster(t)
	type scenario struct {
		name string
		run  func(*testing.T, *cluster)
	}
	for _, group := range []struct {
		name      string
		scenarios []scenario
		parallel  bool
	}{
		{"figures", []scenario{
			{"110 pods", drains110},
			{"110 pods beside kubectl's library", drainsBesideKubectl},
			{"a budget that frees up", waitsForABudget},
			{"a budget that lets them go one by one", goesOneByOne},
		}, false},
		{"behaviour", []scenario{
			{"order and what stays", keepsOrder},
			{"two budgets on one pod", namesTwoBudgets},
			{"as the kubelet itself", drainsAsKubelet},
			{"as a kubelet that may see budgets", drainsAsKubeletThatSeesBudgets},
			{"volumes that are in use", waitsForVolumes},
			{"a kubelet that does not answer", namesADeadKubelet},
			{"another Node of the name", sparesAnotherNode},
			{"another pod of the name", sparesAnotherPod},
			{"finalizers and grace", waitsForFinalizers},
			{"a namespace that ends", waitsForTheNamespace},
			{"the Node object goes away", endsWithItsNode},
			{"ten nodes at a time", drainsMany},
		}, true},
		{"faults", []scenario{
			{"the API server is killed", outlivesTheAPIServer},
			{"the API server hangs", noticesAHang},
		}, false},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, s := range group.scenarios {
				t.Run(s.name, func(t *testing.T) {
					if group.parallel {
						t.Parallel()
					}
					s.run(t, c)
				})
			}
		})
		require.NoError(t, c.Err())
	}
}

func keepsOrder(t *testing.T, c *cluster) {
	node, ns := c.node(t).Name, c.namespace(t)
	// Its controller makes a pod for the node by itself; the scheduler binds it, tolerating what a DaemonSet's pod tolerates.
	labels := map[string]string{"app": "daemon"}
	set, err := c.client.AppsV1().DaemonSets(ns).Create(t.Context(), &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "daemon"},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "none"}}},
			},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		pods, err := c.client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
		return err == nil && len(pods.Items) == 1 && pods.Items[0].OwnerReferences[0].UID == set.UID
	}, time.Minute, 20*time.Millisecond)
	c.pod(t, ns, node, "critical", func(p *corev1.Pod) { p.Spec.PriorityClassName = "system-node-critical" })
	c.pod(t, ns, node, "bare")
	c.pod(t, ns, node, "scratch", func(p *corev1.Pod) {
		p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	})
	c.status(t, c.pod(t, ns, node, "done"), `{"status":{"phase":"Succeeded"}}`)

	w, err := c.client.CoreV1().Pods(ns).Watch(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	defer w.Stop()
	d, _ := newDrainer(t, c.Config())
	result := start(t, d, drain.Request{Node: node}).succeeds()
	assert.Equal(t, 4, result.Gone)
	left, err := c.client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	require.NoError(t, err)
	require.Len(t, left.Items, 1)
	assert.Nil(t, left.Items[0].DeletionTimestamp, "the DaemonSet's pod stays")
	var order []string
	for len(order) < 4 {
		e, open := <-w.ResultChan()
		require.True(t, open, "the watch ended after %q", order)
		if e.Type == watch.Deleted {
			order = append(order, e.Object.(*corev1.Pod).Name)
		}
	}
	assert.Equal(t, "critical", order[3], "%q", order)
}

func namesTwoBudgets(t *testing.T, c *cluster) {
	node, ns := c.node(t).Name, c.namespace(t)
	c.pod(t, ns, node, "web-1")
	c.budget(t, ns, "web", 0, 1)
	c.budget(t, ns, "zone", 0, 1)
	d, calls := newDrainer(t, c.Config())
	run := start(t, d, drain.Request{Node: node})
	p := run.until(func(p drain.Progress) bool { return len(p.Blocked) == 1 && len(p.Blocked[0].Budgets) == 2 })
	assert.Equal(t, []string{"web", "zone"}, p.Blocked[0].Budgets)
	assert.Contains(t, p.Why(), "by budgets web, zone since ")
	calls.evicts(t, 4) // the next try without news would come after 2 s
	require.NoError(t, c.client.PolicyV1().PodDisruptionBudgets(ns).Delete(t.Context(), "zone", metav1.DeleteOptions{}))
	begun := time.Now()
	run.succeeds()
	t.Logf("reaction to the deletion of one of two budgets: %v", time.Since(begun))
}

// The Node authorizer and NodeRestriction are on: this is all that a kubelet may do.
func drainsAsKubelet(t *testing.T, c *cluster) {
	node, ns := c.node(t), c.namespace(t)
	c.pod(t, ns, node.Name, "free", func(p *corev1.Pod) { p.Labels = nil })
	c.pod(t, ns, node.Name, "web-1")
	c.budget(t, ns, "web", 1, 0)
	d, calls := newDrainer(t, c.kubelet(t, node.Name))
	run := start(t, d, drain.Request{Node: node.Name, UID: string(node.UID), ProviderID: node.Spec.ProviderID})
	p := run.until(func(p drain.Progress) bool { return len(p.Blocked) == 1 && p.PodsLeft == 1 })
	assert.Equal(t, []string{"web"}, p.Blocked[0].Budgets)
	n, err := c.client.CoreV1().Nodes().Get(t.Context(), node.Name, metav1.GetOptions{})
	require.NoError(t, err)
	assert.True(t, n.Spec.Unschedulable)
	freed := c.freedAt(t, ns, "web")
	c.pod(t, ns, c.node(t).Name, "web-2")
	run.succeeds()
	t.Logf("reaction of a kubelet's identity to a freed budget: %v, %d calls, %v", time.Since(<-freed), calls.total(), calls.counts)

	_, err = d.Drain(t.Context(), drain.Request{Node: c.node(t).Name}, nil)
	assert.ErrorContains(t, err, "forbidden", "another's node")
}

// A ClusterRole is enough for a kubelet's identity to react as fast as the scheduler's.
func drainsAsKubeletThatSeesBudgets(t *testing.T, c *cluster) {
	node, ns := c.node(t), c.namespace(t)
	c.pod(t, ns, node.Name, "web-1")
	c.budget(t, ns, "web", 1, 0)
	text, err := os.ReadFile("../../../examples/rbac-nodes.yaml")
	require.NoError(t, err)
	first, second, _ := bytes.Cut(text, []byte("\n---\n"))
	var role rbacv1.ClusterRole
	var binding rbacv1.ClusterRoleBinding
	require.NoError(t, yaml.UnmarshalStrict(first, &role))
	require.NoError(t, yaml.UnmarshalStrict(second, &binding))
	require.Equal(t, "system:nodes", binding.Subjects[0].Name)
	// Only this one: others in this cluster are to be blind.
	binding.Subjects[0].Kind, binding.Subjects[0].Name = "User", "system:node:"+node.Name
	_, err = c.client.RbacV1().ClusterRoles().Create(t.Context(), &role, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = c.client.RbacV1().ClusterRoleBindings().Create(t.Context(), &binding, metav1.CreateOptions{})
	require.NoError(t, err)
	as, err := kubernetes.NewForConfig(c.kubelet(t, node.Name))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := as.PolicyV1().PodDisruptionBudgets("").List(t.Context(), metav1.ListOptions{})
		return err == nil
	}, time.Minute, 20*time.Millisecond, "the server has not read the binding")
	d, calls := newDrainer(t, c.kubelet(t, node.Name))
	run := start(t, d, drain.Request{Node: node.Name})
	run.until(blocked(1))
	assert.Zero(t, calls.count("evict"))
	freed := c.freedAt(t, ns, "web")
	c.pod(t, ns, c.node(t).Name, "web-2")
	run.succeeds()
	t.Logf("reaction of a kubelet's identity that sees budgets: %v, %v", time.Since(<-freed), calls.counts)
	assert.Equal(t, 1, calls.count("evict"))
}

// The status is what a kubelet writes; here the test is the kubelet. One claim belongs to a pod that stays.
func waitsForVolumes(t *testing.T, c *cluster) {
	node, ns := c.node(t), c.namespace(t)
	claim := func(name string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name},
			}}}
		}
	}
	controller := true
	c.pod(t, ns, node.Name, "daemon", claim("logs"), func(p *corev1.Pod) {
		p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "DaemonSet", Name: "none", UID: "none", Controller: &controller}}
		p.Finalizers = []string{"example.org/hold"} // the garbage collector looks for the DaemonSet
	})
	c.pod(t, ns, node.Name, "db", claim("db"))
	inUse := func(names string) {
		_, err := c.client.CoreV1().Nodes().Patch(t.Context(), node.Name, types.MergePatchType,
			[]byte(`{"status":{"volumesInUse":[`+names+`]}}`), metav1.PatchOptions{}, "status")
		require.NoError(t, err)
	}
	inUse(`"kubernetes.io/csi/d^logs","kubernetes.io/csi/d^db"`)
	d, _ := newDrainer(t, c.kubelet(t, node.Name))
	run := start(t, d, drain.Request{Node: node.Name, UID: string(node.UID)})
	p := run.until(func(p drain.Progress) bool { return p.Volumes != nil && len(p.Volumes.InUse) == 2 })
	assert.Zero(t, p.PodsLeft)
	assert.Contains(t, p.Why(), "0 pods left; waiting since ")
	assert.Contains(t, p.Why(), " for 2 volumes to be unmounted: kubernetes.io/csi/d^logs, kubernetes.io/csi/d^db")
	assert.Equal(t, 1, d.Stats().WaitingForVolumes)
	inUse(`"kubernetes.io/csi/d^logs"`)
	assert.Equal(t, 1, run.succeeds().Gone)

	// It is the last thing that is waited for, and the deadline ends it as well.
	inUse(`"kubernetes.io/csi/d^logs","kubernetes.io/csi/d^db"`)
	_, err := d.Drain(t.Context(), drain.Request{Node: node.Name, Deadline: time.Now().Add(time.Second)}, nil)
	require.ErrorIs(t, err, drain.ErrDeadline)
	assert.ErrorContains(t, err, "for 2 volumes to be unmounted")
	assert.Equal(t, drain.Stats{
		Blocked: map[drain.Cause]int{}, Evictions: map[string]uint64{"accepted": 1}, Drained: 1, Undrained: 1,
	}, d.Stats())
}

// The status is what the node controller writes of a kubelet that has not been heard of.
func namesADeadKubelet(t *testing.T, c *cluster) {
	node, ns := c.node(t), c.namespace(t)
	grace := int64(1)
	c.pod(t, ns, node.Name, "p", func(p *corev1.Pod) { p.Spec.TerminationGracePeriodSeconds = &grace })
	_, err := c.client.CoreV1().Nodes().Patch(t.Context(), node.Name, types.StrategicMergePatchType, []byte(`{"status":{"conditions":[
		{"type":"Ready","status":"Unknown","reason":"NodeStatusUnknown","lastTransitionTime":"2026-01-02T03:04:05Z"}]}}`), metav1.PatchOptions{}, "status")
	require.NoError(t, err)
	d, _ := newDrainer(t, c.Config())
	_, err = d.Drain(t.Context(), drain.Request{Node: node.Name, Deadline: time.Now().Add(3 * time.Second)}, nil)
	require.ErrorIs(t, err, drain.ErrDeadline)
	assert.ErrorContains(t, err, "1 pods left, 1 of them leaving; blocked: pod "+ns+"/p since 03:04:05Z: its kubelet does not answer")
	there, leaving := c.exists(t, ns, "p")
	assert.True(t, there && leaving, "it is not deleted by force")
}

func sparesAnotherNode(t *testing.T, c *cluster) {
	node, ns := c.node(t), c.namespace(t)
	c.pod(t, ns, node.Name, "p")
	d, _ := newDrainer(t, c.Config())
	for _, r := range []drain.Request{
		{Node: node.Name, UID: "0b2c"}, {Node: node.Name, ProviderID: "mesos://f/other"}, {Node: node.Name, UID: string(node.UID), ProviderID: "x"},
	} {
		_, err := d.Drain(t.Context(), r, nil)
		require.ErrorIs(t, err, drain.ErrOtherNode)
	}
	_, err := d.Drain(t.Context(), drain.Request{Node: "nowhere"}, nil)
	require.ErrorIs(t, err, drain.ErrNodeGone)
	there, leaving := c.exists(t, ns, "p")
	assert.True(t, there && !leaving)
	n, err := c.client.CoreV1().Nodes().Get(t.Context(), node.Name, metav1.GetOptions{})
	require.NoError(t, err)
	assert.False(t, n.Spec.Unschedulable)
}

// A pod that is deleted and made anew under its name on another node, as a StatefulSet does, while its eviction waits.
func sparesAnotherPod(t *testing.T, c *cluster) {
	node, other, ns := c.node(t).Name, c.node(t).Name, c.namespace(t)
	c.pod(t, ns, node, "web-0")
	c.budget(t, ns, "web", 1, 0)
	d, _ := newDrainer(t, c.Config())
	run := start(t, d, drain.Request{Node: node})
	run.until(blocked(1))
	require.NoError(t, c.client.CoreV1().Pods(ns).Delete(t.Context(), "web-0", metav1.DeleteOptions{}))
	c.pod(t, ns, other, "web-0")
	run.succeeds()
	there, leaving := c.exists(t, ns, "web-0")
	assert.True(t, there && !leaving)
}

func waitsForFinalizers(t *testing.T, c *cluster) {
	node, ns := c.node(t).Name, c.namespace(t)
	hold := func(p *corev1.Pod) { p.Finalizers = []string{"example.org/hold"} }
	grace := int64(30)
	c.pod(t, ns, node, "leaving", hold)
	require.NoError(t, c.client.CoreV1().Pods(ns).Delete(t.Context(), "leaving", metav1.DeleteOptions{}))
	c.pod(t, ns, node, "staying", hold)
	c.pod(t, ns, node, "graceful", func(p *corev1.Pod) { p.Spec.TerminationGracePeriodSeconds = &grace })
	d, calls := newDrainer(t, c.Config())
	run := start(t, d, drain.Request{Node: node})
	run.until(func(p drain.Progress) bool { return p.PodsLeft == 3 && p.Leaving == 3 })
	assert.Equal(t, 2, calls.count("evict"), "the one that is leaving is left alone")
	p := run.until(blocked(2)) // after some seconds
	assert.Contains(t, p.Why(), "blocked: pod "+ns+"/leaving since ")
	assert.Contains(t, p.Why(), "its grace period is over, and it has the finalizer example.org/hold")

	// A kubelet that has ended the pod's processes deletes it with a grace of zero; here the test is the kubelet.
	require.NoError(t, c.client.CoreV1().Pods(ns).Delete(t.Context(), "graceful", metav1.DeleteOptions{GracePeriodSeconds: new(int64)}))
	for _, name := range []string{"leaving", "staying"} {
		p, err := c.client.CoreV1().Pods(ns).Get(t.Context(), name, metav1.GetOptions{})
		require.NoError(t, err)
		p.Finalizers = nil
		_, err = c.client.CoreV1().Pods(ns).Update(t.Context(), p, metav1.UpdateOptions{})
		require.NoError(t, err)
	}
	assert.Equal(t, 3, run.succeeds().Gone)

	// And a drain may give the pods less time than they ask for.
	c.pod(t, ns, node, "slow", func(p *corev1.Pod) { p.Spec.TerminationGracePeriodSeconds = &grace })
	none := time.Duration(0)
	start(t, d, drain.Request{Node: node, GracePeriod: &none}).succeeds()
}

func waitsForTheNamespace(t *testing.T, c *cluster) {
	node, ns := c.node(t).Name, c.namespace(t)
	c.pod(t, ns, node, "p", func(p *corev1.Pod) { p.Finalizers = []string{"example.org/hold"} })
	require.NoError(t, c.client.CoreV1().Namespaces().Delete(t.Context(), ns, metav1.DeleteOptions{}))
	d, _ := newDrainer(t, c.Config())
	run := start(t, d, drain.Request{Node: node})
	run.until(func(p drain.Progress) bool { return p.Leaving == 1 && len(p.Blocked) == 0 })
	p, err := c.client.CoreV1().Pods(ns).Get(t.Context(), "p", metav1.GetOptions{})
	require.NoError(t, err)
	p.Finalizers = nil
	_, err = c.client.CoreV1().Pods(ns).Update(t.Context(), p, metav1.UpdateOptions{})
	require.NoError(t, err)
	run.succeeds()
}

func endsWithItsNode(t *testing.T, c *cluster) {
	node, ns := c.node(t), c.namespace(t)
	c.pod(t, ns, node.Name, "p", func(p *corev1.Pod) { p.Finalizers = []string{"example.org/hold"} })
	d, _ := newDrainer(t, c.Config())
	run := start(t, d, drain.Request{Node: node.Name, ProviderID: node.Spec.ProviderID})
	run.until(func(p drain.Progress) bool { return p.Leaving == 1 })
	require.NoError(t, c.client.CoreV1().Nodes().Delete(t.Context(), node.Name, metav1.DeleteOptions{}))
	<-run.ended
	require.ErrorIs(t, run.err, drain.ErrNodeGone)
}
