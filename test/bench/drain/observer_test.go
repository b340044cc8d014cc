//go:build bench

package drain_test

import (
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// observer counts the healthy pods of every app, as their budgets mean it: ready, and not being deleted. It has a client
// and a watch of its own, and reads the changes in the order in which the API server made them, each of them.
type observer struct {
	mu      sync.Mutex
	healthy map[string]int
	up      map[types.UID]bool
	// least is the smallest count since begin.
	least map[string]int
	stop  func()
}

func observe(t *testing.T, c *cluster, namespace string) *observer {
	o := &observer{healthy: map[string]int{}, up: map[types.UID]bool{}}
	o.stop = c.watchPods(t, namespace, o.see)
	return o
}

func (o *observer) see(e watch.Event, p *corev1.Pod) {
	is := e.Type != watch.Deleted && p.DeletionTimestamp == nil
	if is {
		is = false
		for _, condition := range p.Status.Conditions {
			is = is || condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	app := p.Labels["app"]
	switch {
	case is && !o.up[p.UID]:
		o.healthy[app]++
	case !is && o.up[p.UID]:
		o.healthy[app]--
	}
	if is {
		o.up[p.UID] = true
	} else {
		delete(o.up, p.UID)
	}
	if o.least != nil {
		o.least[app] = min(o.least[app], o.healthy[app])
	}
}

// all counts the healthy pods.
func (o *observer) all() (sum int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, n := range o.healthy {
		sum += n
	}
	return sum
}

// begin starts to look for the smallest counts.
func (o *observer) begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.least = map[string]int{}
	for app, n := range o.healthy {
		o.least[app] = n
	}
}

// worst is the smallest count of any app since begin.
func (o *observer) worst() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	worst := -1
	for _, n := range o.least {
		if worst < 0 || n < worst {
			worst = n
		}
	}
	return worst
}
