//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What Kubernetes may use on each node is exactly what Mesos granted; a pod beyond it is refused or killed.
func allocatableIsTheSlice(t *testing.T) {
	nodes := nodesReady(t, 3)
	view := state(t)
	for _, n := range nodes {
		node := kubeNode(t, string(n.Host))
		require.Equal(t, n.Name.ProviderID(view.FrameworkID), node.Spec.ProviderID)
		cpu, memory := node.Status.Allocatable.Cpu(), node.Status.Allocatable.Memory()
		require.True(t, resource.MustParse(sliceCPUs).Equal(*cpu), "%s: %s", n.Host, cpu)
		require.True(t, resource.MustParse(sliceMem+"Mi").Equal(*memory), "%s: %s", n.Host, memory)
		require.Empty(t, n.Drift)
		t.Logf("%s: LAUNCH → Ready: %s", n.Name, n.Since.Sub(n.Launched).Round(time.Millisecond))
		require.Len(t, kubelets(t, string(n.Host)), 1)
	}
	text, err := shared.Command(t.Context(), "status")
	require.NoError(t, err)
	t.Log("\n" + text)

	tooBig := pod(t, "too-big", web(nil, "1600m", "16Mi"))
	eventually(t, "a pod beyond the slice to be refused", func(ctx context.Context) error {
		p, err := tooBig(ctx)
		if err != nil {
			return err
		}
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodScheduled && c.Reason == corev1.PodReasonUnschedulable {
				return nil
			}
		}
		return fmt.Errorf("it is %s on %q", p.Status.Phase, p.Spec.NodeName)
	})
	greedy := pod(t, "greedy", web(map[string]string{"MEM_MB": "1500"}, "50m", "16Mi"))
	eventually(t, "a pod that takes more memory than the slice to be killed", func(ctx context.Context) error {
		p, err := greedy(ctx)
		if err != nil {
			return err
		}
		for _, c := range p.Status.ContainerStatuses {
			if ended := c.State.Terminated; ended != nil && ended.ExitCode == 137 {
				return nil
			}
		}
		return fmt.Errorf("it is %s: %+v", p.Status.Phase, p.Status.ContainerStatuses)
	})
	nodesReady(t, 3)
}

// pod starts a pod that is not restarted, and returns how to look at it.
func pod(t *testing.T, name string, c corev1.Container) func(context.Context) (*corev1.Pod, error) {
	t.Helper()
	c.ReadinessProbe = nil
	api := shared.Kube.Client().CoreV1().Pods(namespace)
	now := int64(0)
	_, err := api.Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, TerminationGracePeriodSeconds: &now, Containers: []corev1.Container{c}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, api.Delete(context.Background(), name, metav1.DeleteOptions{GracePeriodSeconds: &now}))
	})
	return func(ctx context.Context) (*corev1.Pod, error) { return api.Get(ctx, name, metav1.GetOptions{}) }
}
