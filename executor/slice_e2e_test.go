//go:build e2e

package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"k8s-framework/internal/local/kube/images"
)

// asking is a template of pods that ask for something.
func asking(app, milliCPU, memory, class string) corev1.PodTemplateSpec {
	grace := int64(1)
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}},
		Spec: corev1.PodSpec{
			PriorityClassName: class, TerminationGracePeriodSeconds: &grace,
			Containers: []corev1.Container{{Name: "web", Image: images.Web, Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{"cpu": resource.MustParse(milliCPU), "memory": resource.MustParse(memory)},
			}}},
		},
	}
}

func (s *theatre) deploy(app string, replicas int32, template corev1.PodTemplateSpec) {
	s.t.Helper()
	_, err := s.cp.Client().AppsV1().Deployments("default").Create(s.t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: app},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}, Template: template,
		},
	}, metav1.CreateOptions{})
	require.NoError(s.t, err)
}

// daemon makes a DaemonSet, whose pods no drain evicts.
func (s *theatre) daemon() {
	s.t.Helper()
	template := asking("daemon", "100m", "32Mi", "")
	_, err := s.cp.Client().AppsV1().DaemonSets("default").Create(s.t.Context(), &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "daemon"},
		Spec:       appsv1.DaemonSetSpec{Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: template},
	}, metav1.CreateOptions{})
	require.NoError(s.t, err)
}

// running are the pods of the app on the node that run, by name, with their container and its restarts.
func (s *theatre) running(ctx context.Context, app string) (map[string]string, error) {
	pods, err := s.pods(ctx)
	found := map[string]string{}
	for _, pod := range pods {
		if pod.Labels["app"] == app && pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil && len(pod.Status.ContainerStatuses) == 1 {
			c := pod.Status.ContainerStatuses[0]
			found[pod.Name] = fmt.Sprintf("%s restarted %d times", c.ContainerID, c.RestartCount)
		}
	}
	return found, err
}

func (s *theatre) awaitApp(app string, number int) map[string]string {
	s.t.Helper()
	var found map[string]string
	s.await(fmt.Sprintf("%d pods of %s", number, app), func(ctx context.Context) (err error) {
		if found, err = s.running(ctx, app); err == nil && len(found) != number {
			err = fmt.Errorf("%d are", len(found))
		}
		return err
	})
	return found
}

func (s *theatre) unschedulable() bool {
	s.t.Helper()
	node, err := s.node(s.t.Context())
	require.NoError(s.t, err)
	return node.Spec.Unschedulable
}

// TestARealNodeGrowsAndShrinks changes the tasks of one executor: more, fewer, none to speak of, and more again; and lets a pod use
// more memory than there is.
func TestARealNodeGrowsAndShrinks(t *testing.T) {
	s := set(t)
	_, err := s.cp.Client().SchedulingV1().PriorityClasses().Create(t.Context(), &schedulingv1.PriorityClass{
		ObjectMeta: metav1.ObjectMeta{Name: "important"}, Value: 1000,
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	executor := s.agent.start(s.host, s.program, s.spec("workers-1"), "c-1", true)
	s.awaitSubscription(1)
	s.agent.launch("t1", 0.5, 512)
	s.agent.launch("t2", 0.5, 512)
	s.awaitAllocatable("1", "1Gi")
	s.deploy("important", 1, asking("important", "200m", "64Mi", "important"))
	important := s.awaitApp("important", 1)
	s.daemon()
	daemons := s.awaitApp("daemon", 1)
	s.deploy("web", 1, asking("web", "200m", "64Mi", ""))
	oldest := s.awaitApp("web", 1)
	time.Sleep(time.Second) // in which Kubernetes counts what is older
	s.scaleWeb(3)
	s.awaitApp("web", 3)

	// 900m are asked for. 500m hold the DaemonSet's, the important one and one more: the oldest.
	began := time.Now()
	s.agent.kill("t2")
	s.awaitStatus("t2 KILLED")
	t.Logf("smaller %v after KILL", time.Since(began))
	s.awaitAllocatable("500m", "512Mi")
	assert.False(t, s.unschedulable())
	assert.Equal(t, oldest, s.awaitApp("web", 1), "untouched")
	assert.Equal(t, important, s.awaitApp("important", 1), "untouched")
	assert.Equal(t, daemons, s.awaitApp("daemon", 1), "untouched")
	assert.Contains(t, s.agent.told(), "making room for 500m CPU, 536870912 bytes of memory")
	assert.Equal(t, int64(512<<20), s.podsLimit())

	began = time.Now()
	s.agent.launch("t3", 0.5, 512)
	s.awaitStatus("t3 RUNNING")
	t.Logf("larger %v after LAUNCH", time.Since(began))
	full := s.awaitApp("web", 3)
	for name, container := range oldest {
		assert.Equal(t, container, full[name], "untouched")
	}
	assert.Equal(t, important, s.awaitApp("important", 1), "untouched")

	s.shrinkAgainstABudget()
	s.eatMemory()
	s.park()
	s.agent.kill("t4")
	s.awaitExit(executor)
	assert.Empty(t, s.processes(s.host.CgroupRoot()+"/mesos/c-1"))
}

func (s *theatre) scaleWeb(replicas int32) {
	s.t.Helper()
	scale, err := s.cp.Client().AppsV1().Deployments("default").GetScale(s.t.Context(), "web", metav1.GetOptions{})
	require.NoError(s.t, err)
	scale.Spec.Replicas = replicas
	_, err = s.cp.Client().AppsV1().Deployments("default").UpdateScale(s.t.Context(), "web", scale, metav1.UpdateOptions{})
	require.NoError(s.t, err)
}

// podsLimit is the memory limit of all pods together.
func (s *theatre) podsLimit() int64 {
	s.t.Helper()
	text, err := os.ReadFile("/sys/fs/cgroup/memory" + s.host.CgroupRoot() + "/mesos/c-1/kubepods/memory.limit_in_bytes")
	require.NoError(s.t, err)
	limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	require.NoError(s.t, err)
	return limit
}

// shrinkAgainstABudget kills a task with a grace that a budget outlasts: both are named, and the time is kept.
func (s *theatre) shrinkAgainstABudget() {
	s.t.Helper()
	all := intstr.FromInt32(3)
	budgets := s.cp.Client().PolicyV1().PodDisruptionBudgets("default")
	_, err := budgets.Create(s.t.Context(), &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "keep"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &all, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
	}, metav1.CreateOptions{})
	require.NoError(s.t, err)
	s.await("the budget to count", func(ctx context.Context) error {
		pdb, err := budgets.Get(ctx, "keep", metav1.GetOptions{})
		if err == nil && pdb.Status.CurrentHealthy != 3 {
			err = errors.New("not yet")
		}
		return err
	})
	began := time.Now()
	s.agent.killWithin("t3", 8*time.Second)
	s.await("the budget in a status message", func(context.Context) error {
		said := func(entry string) bool {
			return strings.HasPrefix(entry, "t3 RUNNING: making room") && strings.Contains(entry, "disruption budget keep")
		}
		if told := s.agent.told(); !strings.Contains(told, "disruption budget keep") {
			return errors.New("no report yet: " + told)
		}
		if !slices.ContainsFunc(s.agent.history(), said) && time.Since(began) < 3*time.Second {
			return errors.New("not yet") // it may be due only after the time for making room
		}
		return nil
	})
	assert.Len(s.t, s.awaitApp("web", 3), 3, "the budget holds while there is time")
	s.awaitStatus("t3 KILLED")
	assert.GreaterOrEqual(s.t, time.Since(began), 4*time.Second, "half of the grace is for making room")
	s.awaitAllocatable("500m", "512Mi")
	s.awaitApp("web", 1) // the kubelet's choice
	assert.False(s.t, s.unschedulable())
	require.NoError(s.t, budgets.Delete(s.t.Context(), "keep", metav1.DeleteOptions{}))
	s.scaleWeb(1)
}

// eatMemory runs a pod without a limit that takes what it can get: it ends, and nothing else does.
func (s *theatre) eatMemory() {
	s.t.Helper()
	before := s.awaitApp("important", 1)
	mount := func(name, at string) (corev1.Volume, corev1.VolumeMount) {
		return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: at}}},
			corev1.VolumeMount{Name: name, MountPath: strings.Replace(at, "/usr/lib", "/lib", 1), ReadOnly: true}
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "hog"}, Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{
		{Name: "hog", Image: images.Web, Command: []string{"/machine/tail", "/dev/zero"}},
	}}}
	for name, at := range map[string]string{"lib": "/usr/lib", "lib64": "/usr/lib64"} {
		volume, where := mount(name, at)
		pod.Spec.Volumes = append(pod.Spec.Volumes, volume)
		pod.Spec.Containers[0].VolumeMounts = append(pod.Spec.Containers[0].VolumeMounts, where)
	}
	volume, _ := mount("bin", "/usr/bin")
	pod.Spec.Volumes = append(pod.Spec.Volumes, volume)
	pod.Spec.Containers[0].VolumeMounts = append(pod.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: "bin", MountPath: "/machine", ReadOnly: true})
	kubelet, err := s.host.Exec(s.t.Context(), "pidof", "kubelet")
	require.NoError(s.t, err)
	_, err = s.cp.Client().CoreV1().Pods("default").Create(s.t.Context(), pod, metav1.CreateOptions{})
	require.NoError(s.t, err)
	s.await("the kernel to end it", func(ctx context.Context) error {
		seen, err := s.cp.Client().CoreV1().Pods("default").Get(ctx, "hog", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, c := range seen.Status.ContainerStatuses {
			if c.State.Terminated != nil && c.State.Terminated.Reason == "OOMKilled" {
				return nil
			}
		}
		return fmt.Errorf("it is %v %+v", seen.Status.Phase, seen.Status.ContainerStatuses)
	})
	after, err := s.host.Exec(s.t.Context(), "pidof", "kubelet")
	require.NoError(s.t, err)
	assert.Equal(s.t, kubelet, after, "the node lives on")
	assert.Equal(s.t, before, s.awaitApp("important", 1), "untouched")
	require.NoError(s.t, s.cp.Client().CoreV1().Pods("default").Delete(s.t.Context(), "hog", metav1.DeleteOptions{}))
}

// park leaves a task of exactly nothing on the node, and then lets it grow again.
func (s *theatre) park() {
	s.t.Helper()
	s.agent.launch("t0", 0, 0)
	s.awaitStatus("t0 RUNNING")
	s.agent.kill("t1")
	s.awaitStatus("t1 KILLED")
	s.awaitAllocatable("0", "0")
	assert.True(s.t, s.unschedulable(), "pods that ask for nothing would come")
	for _, app := range []string{"web", "important"} {
		s.awaitApp(app, 0)
	}
	limit := s.podsLimit()
	s.t.Logf("parked, the limit of all pods is %d bytes", limit)
	assert.Less(s.t, limit, int64(64<<20))
	s.agent.launch("t4", 1, 1024)
	s.awaitStatus("t4 RUNNING")
	s.awaitAllocatable("1", "1Gi")
	s.awaitApp("important", 1)
	assert.False(s.t, s.unschedulable())
	assert.Equal(s.t, int64(1<<30), s.podsLimit())
	s.agent.kill("t0")
	s.awaitStatus("t0 KILLED")
}
