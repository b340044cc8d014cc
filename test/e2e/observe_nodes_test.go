//go:build e2e

package e2e

import (
	"context"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"

	"github.com/stretchr/testify/require"
)

// nodeObserver watches the Node objects from outside: how few of them took pods at the worst moment.
type nodeObserver struct {
	mu      sync.Mutex
	serving map[string]bool
	fewest  int
	begun   bool
}

// observeNodes begins to watch, and knows all Node objects of now when it returns.
func observeNodes(t *testing.T) *nodeObserver {
	t.Helper()
	o := &nodeObserver{serving: map[string]bool{}}
	factory := informers.NewSharedInformerFactory(shared.Kube.Client(), 0)
	informer := factory.Core().V1().Nodes().Informer()
	registered, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    o.saw,
		UpdateFunc: func(_, node any) { o.saw(node) },
		DeleteFunc: o.lost,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	factory.Start(ctx.Done())
	t.Cleanup(func() {
		cancel()
		factory.Shutdown()
	})
	require.True(t, cache.WaitForCacheSync(ctx.Done(), registered.HasSynced))
	o.begin()
	return o
}

func (o *nodeObserver) begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.begun, o.fewest = true, o.count()
}

func (o *nodeObserver) saw(object any) {
	node := object.(*corev1.Node)
	serves := false
	for _, c := range node.Status.Conditions {
		serves = serves || c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue && !node.Spec.Unschedulable
	}
	o.set(node.Name, serves)
}

func (o *nodeObserver) lost(object any) {
	if last, unseen := object.(cache.DeletedFinalStateUnknown); unseen {
		object = last.Obj
	}
	o.set(object.(*corev1.Node).Name, false)
}

func (o *nodeObserver) set(name string, serves bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.serving[name] = serves
	if o.begun {
		o.fewest = min(o.fewest, o.count())
	}
}

func (o *nodeObserver) count() int {
	count := 0
	for _, serves := range o.serving {
		if serves {
			count++
		}
	}
	return count
}

// result is the fewest Node objects that were Ready and not cordoned at once.
func (o *nodeObserver) result() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.fewest
}
