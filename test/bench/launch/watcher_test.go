//go:build bench

package launch_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"k8s-framework/internal/local/process"
)

// watcher keeps when a client of its own, of neither side, saw each state of Nodes.
type watcher struct {
	mu   sync.Mutex
	seen []sight
}

type sight struct {
	at   time.Time
	node *corev1.Node
}

// watch ends with the test. It is one watch: a server that ends it ends the benchmark too, by a Node that is never seen.
func watch(t *testing.T, client kubernetes.Interface) *watcher {
	w := &watcher{}
	stream, err := client.CoreV1().Nodes().Watch(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	t.Cleanup(stream.Stop)
	go func() {
		for event := range stream.ResultChan() {
			if node, is := event.Object.(*corev1.Node); is {
				w.mu.Lock()
				w.seen = append(w.seen, sight{time.Now(), node})
				w.mu.Unlock()
			}
		}
	}()
	return w
}

// first waits for the first state that is as wanted, and returns when it was seen.
func (w *watcher) first(t *testing.T, what string, wanted func(*corev1.Node) bool) time.Time {
	t.Helper()
	var at time.Time
	require.NoError(t, process.WaitFor(t.Context(), what, func(context.Context) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, s := range w.seen {
			if wanted(s.node) {
				at = s.at
				return nil
			}
		}
		return fmt.Errorf("none of %d states that were seen", len(w.seen))
	}))
	return at
}

// ready waits for the Node with this identity to be Ready.
func (w *watcher) ready(t *testing.T, providerID string) time.Time {
	t.Helper()
	return w.first(t, "Ready of "+providerID, func(n *corev1.Node) bool {
		if n.Spec.ProviderID != providerID {
			return false
		}
		for _, c := range n.Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
				return true
			}
		}
		return false
	})
}

var errNotYet = errors.New("not yet")
