//go:build e2e

package lab_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"k8s-framework/internal/local/cgroup"
	"k8s-framework/internal/local/host"
	"k8s-framework/internal/local/kube"
	"k8s-framework/internal/local/lab"
	"k8s-framework/internal/local/process"
)

// The slice of each host that is for pods.
var (
	sliceCPU    = resource.MustParse("1")
	sliceMemory = resource.MustParse("1Gi")
)

// join is how a kubelet shows who it is.
type join int

const (
	withCertificate join = iota
	withToken
)

// startKubelet starts a kubelet by hand, as the executor will: pods in a cgroup below the host's, the rest of the machine
// as systemReserved. The node is named differently from the host, to see that the host name does not matter.
func startKubelet(t *testing.T, l *lab.Lab, cp *kube.ControlPlane, h *host.Host, how join) (node string) {
	t.Helper()
	node = h.Name() + ".local"
	var credentials []string
	switch how {
	case withCertificate:
		kubeconfig, err := cp.KubeletKubeconfig(node)
		require.NoError(t, err)
		credentials = []string{"--kubeconfig=" + kubeconfig}
	case withToken:
		credentials = []string{"--bootstrap-kubeconfig=" + cp.BootstrapKubeconfig(), "--kubeconfig=" + filepath.Join(h.Dir(), "kubelet.conf")}
	}
	root := h.CgroupRoot() + "/container"
	require.NoError(t, cgroup.Make(root))
	file := filepath.Join(h.Dir(), "kubelet.yaml")
	require.NoError(t, os.WriteFile(file, []byte(kubeletConfiguration(t, cp.CAFile(), root)), 0o644))
	_, err := h.Start(context.WithoutCancel(t.Context()), process.Options{
		Name: h.Name() + "-kubelet",
		Cmd: exec.Command(filepath.Join(l.BinDir(), "kubelet"), append(credentials, "--config="+file,
			"--hostname-override="+node, "--node-ip="+h.Address().String())...),
	})
	require.NoError(t, err)
	return node
}

func kubeletConfiguration(t *testing.T, ca, cgroupRoot string) string {
	t.Helper()
	return fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: %s}}
authorization: {mode: Webhook}
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: %s
enforceNodeAllocatable: [pods]
systemReserved: {cpu: %q, memory: %q}
evictionHard: {memory.available: "0%%", nodefs.available: "0%%", nodefs.inodesFree: "0%%", imagefs.available: "0%%", imagefs.inodesFree: "0%%"}
failSwapOn: false
oomScoreAdj: 0
maxOpenFiles: 20000
rotateCertificates: true
volumePluginDir: /var/lib/kubelet/volume-plugins
`, ca, cgroupRoot, rest(t, "cpu").String(), rest(t, "memory").String())
}

// rest is what the machine has more than the slice.
func rest(t *testing.T, what string) *resource.Quantity {
	t.Helper()
	if what == "cpu" {
		q := resource.NewMilliQuantity(int64(processors(t))*1000, resource.DecimalSI)
		q.Sub(sliceCPU)
		return q
	}
	q := resource.NewQuantity(memory(t), resource.BinarySI)
	q.Sub(sliceMemory)
	return q
}

func nodeReady(client kubernetes.Interface, name string) func(context.Context) error {
	return func(ctx context.Context) error {
		node, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, c := range node.Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
				return nil
			}
		}
		return errors.New("the node is not Ready")
	}
}
