package kube

import (
	"context"

	"k8s-framework/internal/kube/api"
	"k8s-framework/scheduler"
)

// Watcher follows the Node objects of a cluster.
type Watcher struct {
	client *api.Client
	// trouble is told of lists and watches that fail, at each attempt, and with nil that they go on; it may be nil.
	trouble func(error)

	// known is what was told last; Watch's goroutine has it for itself.
	known map[scheduler.Hostname]scheduler.KubeNode
	// listed holds the names of the list that is being read; nil: none is.
	listed map[scheduler.Hostname]bool
	synced bool
}

// NewWatcher makes a Watcher. trouble, unless nil, is called from Watch's goroutine when the API server does not answer
// as it should, at each attempt, and with nil when it does again.
func NewWatcher(client *api.Client, trouble func(error)) *Watcher {
	return &Watcher{client: client, trouble: trouble, known: map[scheduler.Hostname]scheduler.KubeNode{}}
}

// Watch tells of all nodes until ctx ends: KubeNodeSeen for each that exists and for each that changes, KubeSynced once when
// all that existed were told, KubeNodeDeleted for each that went. It never gives up. Call it once; deliver is called
// from this goroutine, and must return when ctx ends.
func (w *Watcher) Watch(ctx context.Context, deliver func(scheduler.Event)) {
	api.Follow(ctx, w.client, "/api/v1/nodes", nil, api.Handler[wireNode]{
		Listing: func() { w.listed = make(map[scheduler.Hostname]bool, len(w.known)) },
		Seen:    func(node wireNode) { w.seen(nodeOf(node), deliver) },
		Synced:  func() { w.complete(deliver) },
		Gone:    func(node wireNode) { w.gone(scheduler.Hostname(node.Metadata.Name), deliver) },
		Trouble: func(err error) {
			if w.trouble != nil {
				w.trouble(err)
			}
		},
	})
}

func (w *Watcher) seen(node scheduler.KubeNode, deliver func(scheduler.Event)) {
	if w.listed != nil {
		w.listed[node.Host] = true
	}
	before, told := w.known[node.Host]
	switch {
	case told && same(before, node):
		return
	case told && before.UID != node.UID:
		// Deleted and made anew while nobody watched.
		deliver(scheduler.KubeNodeDeleted{Host: node.Host})
	}
	w.known[node.Host] = node
	deliver(scheduler.KubeNodeSeen{Node: node})
}

func (w *Watcher) complete(deliver func(scheduler.Event)) {
	for host := range w.known {
		if !w.listed[host] {
			w.gone(host, deliver)
		}
	}
	w.listed = nil
	if !w.synced {
		w.synced = true
		deliver(scheduler.KubeSynced{})
	}
}

func (w *Watcher) gone(host scheduler.Hostname, deliver func(scheduler.Event)) {
	if _, told := w.known[host]; told {
		delete(w.known, host)
		deliver(scheduler.KubeNodeDeleted{Host: host})
	}
}
