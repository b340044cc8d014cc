//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s-framework/scheduler"
)

// A host loses its power and is marked gone in Mesos: its Node is out of service at once, its place is taken without
// backoff, and a pod of a StatefulSet runs elsewhere though no kubelet has seen it end.
func goneAgentIsReplaced(t *testing.T) {
	before := nodesReady(t, 3)
	lost := before[0]
	host := string(lost.Host)
	statefulSet(t, "db", host)
	uid := podNamed(t, "db-0").UID
	id, err := shared.AgentID(t.Context(), host)
	require.NoError(t, err)
	require.NoError(t, shared.Host(host).Kill())
	_, err = shared.Operate(t.Context(), fmt.Sprintf(`{"type":"MARK_AGENT_GONE","mark_agent_gone":{"agent_id":{"value":%q}}}`, id))
	require.NoError(t, err)
	marked := time.Now()
	eventually(t, "the Node to be out of service or gone", func(ctx context.Context) error {
		node, err := shared.Kube.Client().CoreV1().Nodes().Get(ctx, host, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		} else if err != nil {
			return err
		}
		for _, taint := range node.Spec.Taints {
			if taint.Key == corev1.TaintNodeOutOfService {
				return nil
			}
		}
		return fmt.Errorf("its taints are %v", node.Spec.Taints)
	})
	took(t, "MARK_AGENT_GONE → Node out of service", marked)
	replaced := seen(t, "another node to be launched", func(view scheduler.View) error {
		for _, n := range view.Nodes {
			if n.Launched.After(marked) {
				return nil
			}
		}
		return errNotYet
	})
	require.Nil(t, workers(replaced).Backoff, "nobody tried to run it: there is no backoff")
	eventually(t, "db-0 to run elsewhere", func(ctx context.Context) error {
		p, err := shared.Kube.Client().CoreV1().Pods(namespace).Get(ctx, "db-0", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if p.UID == uid || p.Status.Phase != corev1.PodRunning || p.Spec.NodeName == host {
			return fmt.Errorf("it is %s on %s, deleted at %v", p.Status.Phase, p.Spec.NodeName, p.DeletionTimestamp)
		}
		return nil
	})
	took(t, "MARK_AGENT_GONE → the StatefulSet's pod runs elsewhere", marked)
	gone(t, lost.Name)
	nodesReady(t, 3)
	require.NoError(t, shared.Agent(host).StartAnew(t.Context()))
	consistent(t)
}

// statefulSet runs one pod, at first on one node, until the test ends. It leaves the node when that is lost, and not before.
func statefulSet(t *testing.T, name, node string) {
	t.Helper()
	labels, grace := map[string]string{"app": name}, int64(30)
	api := shared.Kube.Client().AppsV1().StatefulSets(namespace)
	_, err := api.Create(t.Context(), &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.StatefulSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					TerminationGracePeriodSeconds: &grace,
					Containers:                    []corev1.Container{web(nil, "50m", "16Mi")},
					Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
						PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{
							Weight: 100,
							Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{
								Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node},
							}}},
						}},
					}},
				},
			},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, api.Delete(context.Background(), name, metav1.DeleteOptions{}))
	})
	eventually(t, name+"-0 to run on "+node, func(ctx context.Context) error {
		p, err := shared.Kube.Client().CoreV1().Pods(namespace).Get(ctx, name+"-0", metav1.GetOptions{})
		if err == nil && (p.Status.Phase != corev1.PodRunning || p.Spec.NodeName != node) {
			err = fmt.Errorf("it is %s on %q", p.Status.Phase, p.Spec.NodeName)
		}
		return err
	})
}

func podNamed(t *testing.T, name string) *corev1.Pod {
	t.Helper()
	p, err := shared.Kube.Client().CoreV1().Pods(namespace).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return p
}
