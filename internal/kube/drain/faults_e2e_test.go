//go:build e2e

package drain_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s-framework/internal/kube/drain"
)

func outlivesTheAPIServer(t *testing.T, c *cluster) {
	node, ns := c.node(t).Name, c.namespace(t)
	c.pod(t, ns, node, "web-1")
	c.pod(t, ns, node, "held", func(p *corev1.Pod) { p.Labels, p.Finalizers = nil, []string{"example.org/hold"} })
	c.budget(t, ns, "web", 1, 0)
	d, _ := newDrainer(t, c.Config())
	run := start(t, d, drain.Request{Node: node})
	run.until(func(p drain.Progress) bool { return p.Leaving == 1 && len(p.Blocked) == 1 })
	require.NoError(t, c.StopAPIServer())
	p := run.until(func(p drain.Progress) bool { return p.Trouble != nil })
	assert.Contains(t, p.Why(), "no good answer from the API server since ")
	require.NoError(t, c.StartAPIServer(t.Context()))
	run.until(func(p drain.Progress) bool { return p.Trouble == nil })
	held, err := c.client.CoreV1().Pods(ns).Get(t.Context(), "held", metav1.GetOptions{})
	require.NoError(t, err)
	held.Finalizers = nil
	_, err = c.client.CoreV1().Pods(ns).Update(t.Context(), held, metav1.UpdateOptions{})
	require.NoError(t, err)
	require.NoError(t, c.client.PolicyV1().PodDisruptionBudgets(ns).Delete(t.Context(), "web", metav1.DeleteOptions{}))
	assert.Equal(t, 2, run.succeeds().Gone)

	// The deadline holds while the server is away, too.
	c.pod(t, ns, node, "last")
	require.NoError(t, c.StopAPIServer())
	deadline := time.Now().Add(2 * time.Second)
	_, err = d.Drain(context.Background(), drain.Request{Node: node, Deadline: deadline}, nil)
	require.ErrorIs(t, err, drain.ErrDeadline)
	assert.WithinDuration(t, deadline, time.Now(), time.Second)
	require.NoError(t, c.StartAPIServer(t.Context()))
}

// A server that is stopped answers nothing and closes nothing.
func noticesAHang(t *testing.T, c *cluster) {
	node, ns := c.node(t).Name, c.namespace(t)
	c.pod(t, ns, node, "held", func(p *corev1.Pod) { p.Finalizers = []string{"example.org/hold"} })
	d, _ := newDrainer(t, c.Config())
	run := start(t, d, drain.Request{Node: node})
	run.until(func(p drain.Progress) bool { return p.Leaving == 1 })
	begun := time.Now()
	require.NoError(t, c.APIServer().Signal(syscall.SIGSTOP))
	p := run.until(func(p drain.Progress) bool { return p.Trouble != nil })
	t.Logf("noticed after %v: %s", time.Since(begun), p.Why())
	require.NoError(t, c.APIServer().Signal(syscall.SIGCONT))
	run.until(func(p drain.Progress) bool { return p.Trouble == nil })
	held, err := c.client.CoreV1().Pods(ns).Get(t.Context(), "held", metav1.GetOptions{})
	require.NoError(t, err)
	held.Finalizers = nil
	_, err = c.client.CoreV1().Pods(ns).Update(t.Context(), held, metav1.UpdateOptions{})
	require.NoError(t, err)
	run.succeeds()
}
