//go:build e2e

package drain_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s-framework/internal/kube/drain"
	"k8s-framework/internal/local/cgroup"
	"k8s-framework/internal/local/host"
	"k8s-framework/internal/local/kube"
	"k8s-framework/internal/local/kube/images"
	"k8s-framework/internal/local/lab"
	"k8s-framework/internal/local/process"
)

// TestDrainOfRealPods has a real kubelet with real processes: one that goes on for a minute after SIGTERM; then the host is
// gone, with what runs on it.
func TestDrainOfRealPods(t *testing.T) {
	l, err := lab.Start(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close(context.Background())) })
	cp, err := l.StartControlPlane(t.Context(), kube.Options{ControllerManagerFlags: []string{"--node-monitor-grace-period=6s"}})
	require.NoError(t, err)
	h, err := l.StartHost(t.Context(), "host-1")
	require.NoError(t, err)
	startKubelet(t, l, cp, h)
	c := &cluster{ControlPlane: cp, client: cp.Client()}
	c.untilTrue(t, func() (any, bool) {
		n, err := c.client.CoreV1().Nodes().Get(t.Context(), "host-1", metav1.GetOptions{})
		return n, err == nil && isReady(n.Status.Conditions)
	})
	ns := c.namespace(t)

	c.deaf(t, ns, 3)
	d, calls := newDrainer(t, c.kubelet(t, "host-1"))
	begun := time.Now()
	assert.Equal(t, 1, start(t, d, drain.Request{Node: "host-1"}).succeeds().Gone)
	t.Logf("a pod that ignores SIGTERM for its grace of 3 s: %v, %v", time.Since(begun), calls.counts)
	assert.GreaterOrEqual(t, time.Since(begun), 3*time.Second, "it had its grace period")

	c.deaf(t, ns, 1)
	require.NoError(t, h.Kill())
	c.untilTrue(t, func() (any, bool) {
		n, err := c.client.CoreV1().Nodes().Get(t.Context(), "host-1", metav1.GetOptions{})
		return n, err == nil && !isReady(n.Status.Conditions)
	})
	scheduler, _ := newDrainer(t, c.Config())
	_, err = scheduler.Drain(t.Context(), drain.Request{Node: "host-1", Deadline: time.Now().Add(8 * time.Second)}, nil)
	require.ErrorIs(t, err, drain.ErrDeadline)
	assert.ErrorContains(t, err, "its kubelet does not answer")
	there, leaving := c.exists(t, ns, "deaf")
	assert.True(t, there && leaving, "it is not deleted by force")
}

// deaf runs a pod that serves for a minute after SIGTERM, and waits until it is ready.
func (c *cluster) deaf(t *testing.T, ns string, grace int64) {
	_, err := c.client.CoreV1().Pods(ns).Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "deaf"},
		Spec: corev1.PodSpec{
			NodeName: "host-1", TerminationGracePeriodSeconds: &grace,
			Containers: []corev1.Container{{Name: "c", Image: images.Web, Env: []corev1.EnvVar{{Name: "DELAY", Value: "60s"}}}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	c.untilTrue(t, func() (any, bool) {
		p, err := c.client.CoreV1().Pods(ns).Get(t.Context(), "deaf", metav1.GetOptions{})
		return p, err == nil && p.Status.Phase == corev1.PodRunning
	})
}

func isReady(conditions []corev1.NodeCondition) bool {
	for _, each := range conditions {
		if each.Type == corev1.NodeReady {
			return each.Status == corev1.ConditionTrue
		}
	}
	return false
}

func (c *cluster) untilTrue(t *testing.T, is func() (any, bool)) {
	t.Helper()
	var last any
	if !assert.Eventually(t, func() (ok bool) {
		last, ok = is()
		return ok
	}, time.Minute, 50*time.Millisecond) {
		t.Fatalf("it stays %+v", last)
	}
}

// startKubelet starts one by hand whose pods may use the whole machine.
func startKubelet(t *testing.T, l *lab.Lab, cp *kube.ControlPlane, h *host.Host) {
	kubeconfig, err := cp.KubeletKubeconfig(h.Name())
	require.NoError(t, err)
	root := h.CgroupRoot() + "/container"
	require.NoError(t, cgroup.Make(root))
	file := filepath.Join(h.Dir(), "kubelet.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: %s}}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: %s
evictionHard: {memory.available: "0%%", nodefs.available: "0%%", nodefs.inodesFree: "0%%", imagefs.available: "0%%", imagefs.inodesFree: "0%%"}
failSwapOn: false
oomScoreAdj: 0
maxOpenFiles: 20000
volumePluginDir: /var/lib/kubelet/volume-plugins
`, cp.CAFile(), root), 0o644))
	_, err = h.Start(context.WithoutCancel(t.Context()), process.Options{
		Name: h.Name() + "-kubelet",
		Cmd: exec.Command(filepath.Join(l.BinDir(), "kubelet"), "--kubeconfig="+kubeconfig, "--config="+file,
			"--hostname-override="+h.Name(), "--node-ip="+h.Address().String()),
	})
	require.NoError(t, err)
}
