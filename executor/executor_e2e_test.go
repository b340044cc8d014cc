//go:build e2e

package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"k8s-framework/internal/kubelet"
	machine "k8s-framework/internal/local/host"
	"k8s-framework/internal/local/kube"
	"k8s-framework/internal/local/kube/images"
	"k8s-framework/internal/local/lab"
	programs "k8s-framework/internal/local/process"
)

// theatre of the test: a real control plane, a host with a real containerd, the real executor and kubelet; the agent is a
// server of this test that speaks the executor API.
type theatre struct {
	t       *testing.T
	lab     *lab.Lab
	cp      *kube.ControlPlane
	host    *machine.Host
	agent   *wireAgent
	program string
}

func set(t *testing.T) *theatre {
	t.Helper()
	s := &theatre{t: t}
	s.program = filepath.Join(t.TempDir(), "k8s-executor")
	text, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", s.program, "k8s-framework/cmd/k8s-executor").CombinedOutput()
	require.NoError(t, err, string(text))
	s.lab, err = lab.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.lab.Close(context.Background())) })
	s.cp, err = s.lab.StartControlPlane(t.Context(), kube.Options{})
	require.NoError(t, err)
	s.host, err = s.lab.StartHost(t.Context(), "h1")
	require.NoError(t, err)
	s.agent = startWireAgent(t)
	return s
}

func (s *theatre) spec(node string) kubelet.Spec {
	kubeconfig, err := s.cp.KubeletKubeconfig("h1")
	require.NoError(s.t, err)
	spec := kubelet.Defaults()
	spec.Node, spec.Host, spec.ProviderID = node, "h1", "mesos://f-1/"+node
	spec.Labels = map[string]string{"pool": "workers"}
	spec.Kubelet, spec.Kubeconfig = filepath.Join(s.lab.BinDir(), "kubelet"), kubeconfig
	spec.NodeIP = s.host.Address().String()
	spec.Extra = json.RawMessage(fmt.Sprintf(
		`{"oomScoreAdj":0,"maxOpenFiles":20000,"authentication":{"x509":{"clientCAFile":%q}}}`, s.cp.CAFile()))
	return spec
}

func (s *theatre) await(what string, probe func(context.Context) error) {
	s.t.Helper()
	require.NoError(s.t, programs.WaitFor(s.t.Context(), what, probe), "statuses: %q", s.agent.history())
}

// awaitSubscription waits for the nth one.
func (s *theatre) awaitSubscription(n int) {
	s.t.Helper()
	s.await("subscription", func(context.Context) error {
		s.agent.mu.Lock()
		defer s.agent.mu.Unlock()
		if s.agent.subscribed < n {
			return errors.New("not yet")
		}
		return nil
	})
}

func (s *theatre) awaitStatus(prefix string) {
	s.t.Helper()
	s.await(prefix, func(context.Context) error {
		if !slices.ContainsFunc(s.agent.history(), func(entry string) bool { return strings.HasPrefix(entry, prefix) }) {
			return errors.New("not said yet")
		}
		return nil
	})
}

func (s *theatre) node(ctx context.Context) (*corev1.Node, error) {
	return s.cp.Client().CoreV1().Nodes().Get(ctx, "h1", metav1.GetOptions{})
}

func (s *theatre) awaitAllocatable(cpu, memory string) {
	s.t.Helper()
	s.await("Ready with "+cpu+", "+memory, func(ctx context.Context) error {
		node, err := s.node(ctx)
		if err != nil {
			return err
		}
		ready := slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		})
		have := node.Status.Allocatable
		if !ready || have.Cpu().Cmp(resource.MustParse(cpu)) != 0 || have.Memory().Cmp(resource.MustParse(memory)) != 0 {
			return fmt.Errorf("ready %v, allocatable %s, %s", ready, have.Cpu(), have.Memory())
		}
		return nil
	})
}

func (s *theatre) web(replicas int32) {
	s.t.Helper()
	labels := map[string]string{"app": "web"}
	_, err := s.cp.Client().AppsV1().Deployments("default").Create(s.t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: images.Web}}},
			},
		},
	}, metav1.CreateOptions{})
	require.NoError(s.t, err)
}

func (s *theatre) pods(ctx context.Context) ([]corev1.Pod, error) {
	list, err := s.cp.Client().CoreV1().Pods("default").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=h1"})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

func (s *theatre) awaitRunning(number int) []corev1.Pod {
	s.t.Helper()
	var pods []corev1.Pod
	s.await(fmt.Sprintf("%d pods running", number), func(ctx context.Context) (err error) {
		pods, err = s.pods(ctx)
		running := 0
		for _, pod := range pods {
			if pod.Status.Phase == corev1.PodRunning {
				running++
			}
		}
		if err == nil && running != number {
			err = fmt.Errorf("%d are", running)
		}
		return err
	})
	return pods
}

// sandboxes are the pods that containerd knows.
func (s *theatre) sandboxes() string {
	s.t.Helper()
	text, err := s.host.Exec(s.t.Context(), "ctr", "--namespace", "k8s.io", "containers", "list", "-q")
	require.NoError(s.t, err)
	return strings.TrimSpace(text)
}

// processes are those in any cgroup below the path, in every hierarchy.
func (s *theatre) processes(path string) string {
	found := ""
	files, err := filepath.Glob("/sys/fs/cgroup/*" + path)
	require.NoError(s.t, err)
	for _, top := range files {
		_ = filepath.WalkDir(top, func(file string, _ os.DirEntry, err error) error {
			if err == nil && filepath.Base(file) == "cgroup.procs" {
				text, _ := os.ReadFile(file)
				found += string(text)
			}
			return nil
		})
	}
	return strings.TrimSpace(found)
}

func (s *theatre) awaitExit(p *programs.Process) {
	s.t.Helper()
	select {
	case <-p.Done():
		assert.Equal(s.t, 0, p.ExitCode(), "%q", p.LastLines(10))
	case <-time.After(time.Minute):
		s.t.Fatalf("the executor did not end: %q", p.LastLines(20))
	}
}

func controllers(paths []string) (names []string) {
	for _, path := range paths {
		names = append(names, strings.Split(path, "/")[4])
	}
	return names
}

func residentKiB(t *testing.T, pid int) (resident, anonymous int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			_, err = fmt.Sscan(value, &resident)
			require.NoError(t, err)
		}
		if value, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			_, err = fmt.Sscan(value, &anonymous)
			require.NoError(t, err)
		}
	}
	return resident, anonymous
}

func TestARealNodeFromLaunchToKill(t *testing.T) {
	s := set(t)
	root := s.host.CgroupRoot() + "/mesos/c-1"
	began := time.Now()
	executor := s.agent.start(s.host, s.program, s.spec("workers-1"), "c-1", true)
	s.awaitSubscription(1)
	t.Logf("subscribed %v after the start", time.Since(began))
	launched := time.Now()
	s.agent.launch("t1", 0.75, 700.5, 800.5)
	s.awaitStatus("t1 RUNNING")
	t.Logf("RUNNING %v after LAUNCH", time.Since(launched))
	s.awaitAllocatable("750m", "734527488") // 700.5 × 2^20
	t.Logf("Ready %v after LAUNCH", time.Since(launched))
	node, err := s.node(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "mesos://f-1/workers-1", node.Spec.ProviderID)
	assert.Equal(t, "workers", node.Labels["pool"])
	limit, err := os.ReadFile("/sys/fs/cgroup/memory" + root + "/kubepods/memory.limit_in_bytes")
	require.NoError(t, err)
	assert.Equal(t, "734527488\n", string(limit))

	s.web(3)
	before := s.awaitRunning(3)
	launched = time.Now()
	s.agent.launch("t2", 0.25, 323.5, 223.5)
	s.awaitStatus("t2 RUNNING")
	t.Logf("grown %v after LAUNCH", time.Since(launched))
	s.awaitAllocatable("1", "1Gi")
	node, err = s.node(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 1<<30, node.Status.Allocatable.StorageEphemeral().Value())

	s.agent.outage(1500 * time.Millisecond)
	s.await("subscription", func(context.Context) error {
		s.agent.mu.Lock()
		defer s.agent.mu.Unlock()
		if s.agent.stream == nil {
			return errors.New("not yet")
		}
		return nil
	})
	assert.Less(t, s.agent.backAfter, 2*time.Second)
	t.Logf("subscribed again %v after the agent came back", s.agent.backAfter)
	for i, pod := range s.awaitRunning(3) {
		assert.Equal(t, before[i].Status.ContainerStatuses[0].ContainerID, pod.Status.ContainerStatuses[0].ContainerID, "untouched")
	}
	resident, anonymous := residentKiB(t, executor.Pid())
	t.Logf("executor: resident %d KiB, of that anonymous %d KiB", resident, anonymous)
	assert.LessOrEqual(t, resident, 20<<10, "KiB")

	one := intstr.FromInt32(3)
	_, err = s.cp.Client().PolicyV1().PodDisruptionBudgets("default").Create(t.Context(), &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "keep"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &one, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	s.await("the budget to count", func(ctx context.Context) error {
		pdb, err := s.cp.Client().PolicyV1().PodDisruptionBudgets("default").Get(ctx, "keep", metav1.GetOptions{})
		if err == nil && pdb.Status.CurrentHealthy != 3 {
			err = errors.New("not yet")
		}
		return err
	})
	s.agent.kill("t1")
	s.agent.kill("t2")
	s.await("the report to name pod and budget", func(context.Context) error {
		if told := s.agent.told(); !strings.Contains(told, "pod default/web-") || !strings.Contains(told, "keep") {
			return fmt.Errorf("reports: %s", told)
		}
		return nil
	})
	s.awaitRunning(3)
	require.NoError(t, s.cp.Client().PolicyV1().PodDisruptionBudgets("default").Delete(t.Context(), "keep", metav1.DeleteOptions{}))
	freed := time.Now()
	s.awaitExit(executor)
	t.Logf("ended %v after the budget was freed", time.Since(freed))
	s.awaitStatus("t1 KILLED")
	s.awaitStatus("t2 KILLED")
	assert.Empty(t, s.sandboxes())
	assert.Empty(t, s.processes(root))
	left, err := filepath.Glob("/sys/fs/cgroup/*" + root)
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"cpu", "cpuacct", "memory", "freezer"}, controllers(left), "what Mesos made is Mesos's")
	t.Logf("%q", s.agent.history())
}

func TestWhatARealExecutorLeavesWhenItIsKilled(t *testing.T) {
	s := set(t)
	executor := s.agent.start(s.host, s.program, s.spec("workers-1"), "c-1", false)
	s.awaitSubscription(1)
	s.agent.launch("t1", 1, 1024)
	s.awaitAllocatable("1", "1Gi")
	s.web(2)
	s.awaitRunning(2)
	root := s.host.CgroupRoot() + "/posix/workers-1.c-1"
	require.NotEmpty(t, s.processes(root))

	require.NoError(t, executor.Signal(syscall.SIGKILL))
	<-executor.Done()
	s.await("the kubelet to die with it", func(ctx context.Context) error {
		text, err := s.host.Exec(ctx, "pidof", "kubelet")
		if err == nil {
			return errors.New("it lives: " + text)
		}
		return nil
	})
	require.NotEmpty(t, s.processes(root), "pods live on: nobody ends them")
	require.NoError(t, s.cp.Client().CoreV1().Nodes().Delete(t.Context(), "h1", metav1.DeleteOptions{}))

	// The next one joins with a bootstrap token, and drains with what it got for it.
	joining := s.spec("workers-2")
	joining.Kubeconfig, joining.BootstrapKubeconfig = "", s.cp.BootstrapKubeconfig()
	next := s.agent.start(s.host, s.program, joining, "c-2", false)
	s.awaitSubscription(2)
	s.agent.launch("t9", 0.5, 512)
	s.awaitStatus("t9 RUNNING")
	assert.Empty(t, s.processes(root))
	s.awaitAllocatable("500m", "512Mi")
	node, err := s.node(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "mesos://f-1/workers-2", node.Spec.ProviderID)
	pods := s.awaitRunning(2)
	s.agent.kill("t9")
	s.awaitExit(next)
	s.awaitStatus("t9 KILLED")
	for _, pod := range pods {
		_, err := s.cp.Client().CoreV1().Pods("default").Get(t.Context(), pod.Name, metav1.GetOptions{})
		assert.True(t, apierrors.IsNotFound(err), "evicted: %v", err)
	}
	assert.Empty(t, s.sandboxes())
	left, err := filepath.Glob("/sys/fs/cgroup/*" + s.host.CgroupRoot() + "/posix")
	require.NoError(t, err)
	assert.Empty(t, left)
}
