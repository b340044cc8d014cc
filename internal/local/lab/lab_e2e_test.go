//go:build e2e

package lab_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"

	"k8s-framework/internal/local/cgroup"
	"k8s-framework/internal/local/host"
	"k8s-framework/internal/local/kube"
	"k8s-framework/internal/local/kube/images"
	"k8s-framework/internal/local/lab"
	"k8s-framework/internal/local/process"
)

// TestCluster goes the way of a whole-system test: control plane, two hosts, a kubelet by hand on each, a Deployment; then
// faults; then the end, after which nothing is left.
func TestCluster(t *testing.T) {
	mountsBefore := mountTable(t)
	ctx := t.Context()
	l, err := lab.Start(ctx)
	require.NoError(t, err)
	closed := false
	defer func() {
		if !closed {
			require.NoError(t, l.Close(context.WithoutCancel(ctx)))
		}
	}()

	begin := time.Now()
	cp, err := l.StartControlPlane(ctx, kube.Options{})
	require.NoError(t, err)
	t.Logf("control plane: %s", time.Since(begin))
	hosts := startHosts(t, l, "h1", "h2")

	begin = time.Now()
	var nodes []string
	nodes = append(nodes, startKubelet(t, l, cp, hosts[0], withCertificate), startKubelet(t, l, cp, hosts[1], withToken))
	for _, node := range nodes {
		require.NoError(t, process.WaitFor(ctx, "node "+node+" Ready", nodeReady(cp.Client(), node)))
		t.Logf("node %s Ready after %s", node, time.Since(begin))
		checkAllocatable(t, cp.Client(), node)
	}

	begin = time.Now()
	createWeb(t, cp.Client(), 3)
	pods := waitForPods(t, cp.Client(), 3)
	t.Logf("3 pods Ready: %s", time.Since(begin))
	checkReach(t, hosts, pods)
	checkKubectl(t, l, cp, pods[0].Name)
	checkCgroups(t, hosts[0])

	checkOrphansAreReaped(t, hosts[0])
	checkCable(t, hosts[1])
	checkAPIServerAway(t, cp)
	checkPowerCut(t, l, cp, hosts[0], nodes[0])
	require.NoError(t, cp.Err())

	begin = time.Now()
	require.NoError(t, l.Close(ctx))
	closed = true
	t.Logf("closed: %s", time.Since(begin))
	assert.Empty(t, others(t), "processes")
	assert.ElementsMatch(t, []string{"lo"}, interfaces(t))
	assert.Equal(t, mountsBefore, mountTable(t))
	assert.Empty(t, cgroupFolders(t, l.CgroupRoot()))
}

func startHosts(t *testing.T, l *lab.Lab, names ...string) []*host.Host {
	t.Helper()
	begin := time.Now()
	hosts := make([]*host.Host, len(names))
	errs := make([]error, len(names))
	var group sync.WaitGroup
	for i, name := range names {
		group.Go(func() {
			hosts[i], errs[i] = l.StartHost(t.Context(), name)
			t.Logf("host %s: %s", name, time.Since(begin))
		})
	}
	group.Wait()
	require.NoError(t, errors.Join(errs...))
	return hosts
}

func checkAllocatable(t *testing.T, client kubernetes.Interface, name string) {
	t.Helper()
	node, err := client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	assert.Zero(t, sliceCPU.Cmp(*node.Status.Allocatable.Cpu()), "cpu %s", node.Status.Allocatable.Cpu())
	assert.Zero(t, sliceMemory.Cmp(*node.Status.Allocatable.Memory()), "memory %s", node.Status.Allocatable.Memory())
}

func createWeb(t *testing.T, client kubernetes.Interface, replicas int32) {
	t.Helper()
	labels := map[string]string{"app": "web"}
	_, err := client.AppsV1().Deployments("default").Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					Containers: []corev1.Container{{
						Name:  "web",
						Image: images.Web,
						Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
							corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("32Mi"),
						}},
						ReadinessProbe: &corev1.Probe{
							PeriodSeconds: 1,
							ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
								Path: "/healthz", Port: intstr.FromInt32(8080),
							}},
						},
					}},
					TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
						MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.DoNotSchedule,
						LabelSelector: &metav1.LabelSelector{MatchLabels: labels},
					}},
				},
			},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

func waitForPods(t *testing.T, client kubernetes.Interface, want int) []corev1.Pod {
	t.Helper()
	var ready []corev1.Pod
	require.NoError(t, process.WaitFor(t.Context(), "pods Ready", func(ctx context.Context) error {
		list, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
		if err != nil {
			return err
		}
		ready = nil
		for _, p := range list.Items {
			for _, c := range p.Status.Conditions {
				if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
					ready = append(ready, p)
				}
			}
		}
		if len(ready) != want {
			return fmt.Errorf("%d of %d", len(ready), want)
		}
		return nil
	}))
	return ready
}

// checkReach asks every pod from the lab, and through the hosts, which hold pods on the other host too.
func checkReach(t *testing.T, hosts []*host.Host, pods []corev1.Pod) {
	t.Helper()
	used := map[string]bool{}
	for _, h := range hosts {
		address, err := hosts[0].Exec(t.Context(), "getent", "hosts", h.Name())
		require.NoError(t, err)
		assert.Contains(t, address, h.Address().String())
	}
	for _, p := range pods {
		used[p.Spec.NodeName] = true
		response, err := (&http.Client{Timeout: 5 * time.Second}).Get("http://" + p.Status.PodIP + ":8080/healthz")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, http.StatusOK, response.StatusCode)
		for _, h := range hosts {
			_, err := h.Exec(t.Context(), "socat", "-u", "OPEN:/dev/null", "TCP:"+p.Status.PodIP+":8080,connect-timeout=5")
			assert.NoError(t, err)
		}
	}
	assert.Len(t, used, len(hosts), "the pods are spread over the hosts")
}

// checkKubectl sees that the API server reaches kubelets, which kubectl logs needs.
func checkKubectl(t *testing.T, l *lab.Lab, cp *kube.ControlPlane, pod string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(l.BinDir(), "kubectl"), "--kubeconfig="+cp.AdminKubeconfig(), "logs", pod)
	text, err := cmd.CombinedOutput()
	assert.NoError(t, err)
	assert.Equal(t, "holds 0 MiB\n", string(text))
}

// checkCgroups sees that the host's processes can read and write the hierarchies, and that pods are where they belong.
func checkCgroups(t *testing.T, h *host.Host) {
	t.Helper()
	probe := h.CgroupRoot() + "/probe"
	_, err := h.Exec(t.Context(), "sh", "-ec", fmt.Sprintf(`
		for c in cpu cpuacct freezer memory; do
			mkdir /sys/fs/cgroup/$c%[1]s
			echo $$ > /sys/fs/cgroup/$c%[1]s/cgroup.procs
			grep -q ":%[1]s$" /proc/self/cgroup
		done
		echo 67108864 > /sys/fs/cgroup/memory%[1]s/memory.limit_in_bytes
		for c in cpu cpuacct freezer memory; do
			echo $$ > /sys/fs/cgroup/$c/cgroup.procs
			rmdir /sys/fs/cgroup/$c%[1]s
		done`, probe))
	assert.NoError(t, err)
	kubepods := h.CgroupRoot() + "/container/kubepods"
	limit, err := h.Exec(t.Context(), "cat", "/sys/fs/cgroup/memory"+kubepods+"/memory.limit_in_bytes")
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprint(sliceMemory.Value()), strings.TrimSpace(limit))
	procs, err := h.Exec(t.Context(), "find", "/sys/fs/cgroup/memory"+kubepods, "-name", "cgroup.procs", "-exec", "cat", "{}", "+")
	require.NoError(t, err)
	assert.NotEmpty(t, strings.Fields(procs), "processes of pods")
}

// checkOrphansAreReaped leaves a process behind, as container runtimes do, and waits for it to go when it ends.
func checkOrphansAreReaped(t *testing.T, h *host.Host) {
	t.Helper()
	orphan, err := h.Exec(t.Context(), "sh", "-c", "sleep 0.1 >/dev/null 2>&1 & echo $!")
	require.NoError(t, err)
	require.NoError(t, process.WaitFor(t.Context(), "the orphan to be reaped", func(ctx context.Context) error {
		if state, err := h.Exec(ctx, "grep", "^State", "/proc/"+strings.TrimSpace(orphan)+"/status"); err == nil {
			return errors.New(state)
		}
		return nil
	}))
}

func checkCable(t *testing.T, h *host.Host) {
	t.Helper()
	ping := func(ctx context.Context) error {
		client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := client.Get("http://" + h.Address().String() + ":10250/")
		if err != nil && !strings.Contains(err.Error(), "malformed HTTP") {
			return err
		}
		if err == nil { // the kubelet answers plain HTTP with a 400
			return response.Body.Close()
		}
		return nil
	}
	require.NoError(t, ping(t.Context()))
	require.NoError(t, h.CutNetwork(t.Context()))
	assert.Error(t, ping(t.Context()))
	require.NoError(t, h.RestoreNetwork(t.Context()))
	require.NoError(t, process.WaitFor(t.Context(), "the host to be back", ping))
}

func checkAPIServerAway(t *testing.T, cp *kube.ControlPlane) {
	t.Helper()
	list := func() error {
		_, err := cp.Client().CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		return err
	}
	require.NoError(t, cp.StopAPIServer())
	require.Error(t, list())
	begin := time.Now()
	require.NoError(t, cp.StartAPIServer(t.Context()))
	t.Logf("API server back: %s", time.Since(begin))
	require.NoError(t, list())
}

// checkPowerCut kills a host, looks for what is left of it, and boots it again.
func checkPowerCut(t *testing.T, l *lab.Lab, cp *kube.ControlPlane, h *host.Host, node string) {
	t.Helper()
	// Beside the host, in the lab's namespaces, and alive whatever happens to the host.
	bystander, err := process.Start(t.Context(), process.Options{
		Name: "bystander", Cmd: exec.Command("sleep", "600"), LogDir: l.LogDir(),
	})
	require.NoError(t, err)
	onHost, err := h.Start(t.Context(), process.Options{Name: "on-host", Cmd: exec.Command("sleep", "601")})
	require.NoError(t, err)
	name, err := h.Exec(t.Context(), "hostname")
	require.NoError(t, err)
	assert.Equal(t, h.Name(), strings.TrimSpace(name))

	frozen := h.CgroupRoot() + "/frozen"
	require.NoError(t, cgroup.Make(frozen))
	for file, text := range map[string]string{"cgroup.procs": fmt.Sprint(onHost.Pid()), "freezer.state": "FROZEN"} {
		require.NoError(t, os.WriteFile(filepath.Join("/sys/fs/cgroup/freezer", frozen, file), []byte(text), 0o644))
	}

	begin := time.Now()
	require.NoError(t, h.Kill())
	t.Logf("host killed: %s", time.Since(begin))
	<-onHost.Done()
	assert.ErrorContains(t, onHost.Err(), "killed")
	assert.NotContains(t, strings.Join(others(t), "\n"), "on "+h.Name())
	assert.Empty(t, cgroupFolders(t, h.CgroupRoot()))
	_, err = h.Exec(t.Context(), "true")
	assert.ErrorContains(t, err, "the host is down")
	select {
	case <-bystander.Done():
		t.Errorf("a process beside the host ended with it: %v", bystander.Err())
	default:
	}
	require.NoError(t, bystander.Kill())

	begin = time.Now()
	require.NoError(t, h.Boot(t.Context()))
	t.Logf("host booted again: %s", time.Since(begin))
	before, err := cp.Client().CoreV1().Nodes().Get(t.Context(), node, metav1.GetOptions{})
	require.NoError(t, err)
	startKubelet(t, l, cp, h, withCertificate)
	require.NoError(t, process.WaitFor(t.Context(), "the kubelet to report again", func(ctx context.Context) error {
		after, err := cp.Client().CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if after.ResourceVersion == before.ResourceVersion {
			return errors.New("the Node object is the old one")
		}
		return nodeReady(cp.Client(), node)(ctx)
	}))
	waitForPods(t, cp.Client(), 3)
}
