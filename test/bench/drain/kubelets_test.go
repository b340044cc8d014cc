//go:build bench

package drain_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// kubelets is all kubelets of the cluster at once, without containers: a pod that is bound to a node is said to be ready, and
// one that is being deleted is said to have ended. It ends with the test.
func (c *cluster) kubelets(t *testing.T, namespace string) {
	work := make(chan *corev1.Pod, 10000)
	for range 32 {
		go func() {
			for p := range work {
				c.sync(t, p)
			}
		}()
	}
	stop := c.watchPods(t, namespace, func(e watch.Event, p *corev1.Pod) {
		if e.Type != watch.Deleted && p.Spec.NodeName != "" && (p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodPending) {
			work <- p
		}
	})
	t.Cleanup(func() {
		stop()
		close(work)
	})
}

// sync does what a kubelet does about one pod.
func (c *cluster) sync(t *testing.T, p *corev1.Pod) {
	pods := c.client.CoreV1().Pods(p.Namespace)
	var err error
	if p.DeletionTimestamp != nil {
		err = pods.Delete(context.Background(), p.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64), Preconditions: &metav1.Preconditions{UID: &p.UID}})
	} else {
		_, err = pods.Patch(context.Background(), p.Name, types.MergePatchType, []byte(ready), metav1.PatchOptions{}, "status")
	}
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) && t.Context().Err() == nil {
		t.Logf("the kubelet of pod %s: %v", p.Name, err)
	}
}

// watchPods tells of all pods of a namespace, from the state of now on, one after another, until the returned function is
// called. It goes on where it stood when the server ends the watch.
func (c *cluster) watchPods(t *testing.T, namespace string, see func(watch.Event, *corev1.Pod)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	started := make(chan struct{})
	go func() {
		defer close(done)
		list, err := c.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if !assert.NoError(t, err) {
			close(started)
			return
		}
		for i := range list.Items {
			see(watch.Event{Type: watch.Added}, &list.Items[i])
		}
		close(started)
		for version := list.ResourceVersion; ctx.Err() == nil; {
			w, err := c.client.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: version})
			if err != nil {
				if ctx.Err() == nil {
					assert.NoError(t, err, "watch pods")
				}
				return
			}
			for e := range w.ResultChan() {
				p, isPod := e.Object.(*corev1.Pod)
				if !isPod {
					break
				}
				version = p.ResourceVersion
				see(e, p)
			}
			w.Stop()
		}
	}()
	select {
	case <-started:
	case <-time.After(time.Minute):
		assert.Fail(t, "pods were not listed")
	}
	return func() {
		cancel()
		<-done
	}
}

var getOptions = metav1.GetOptions{}
