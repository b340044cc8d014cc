package drain

import (
	"context"
	"net/url"
	"slices"
	"time"

	"k8s-framework/internal/kube/api"
)

// A volume that is attached to the node can be used elsewhere only after this node's kubelet has unmounted it and said so:
// the name leaves the Node's status.volumesInUse. If the kubelet ends before that, Kubernetes waits for six minutes in case the
// volume is written to, and the pod that needs it cannot start. So a drain waits, after the pods, until no volume is in
// use but those of pods that stay.
//
// This looks at status.volumesInUse because every identity that drains may read it, a kubelet's too. Objects of kind
// VolumeAttachment, which a kubelet may not list, go later, when the attach-detach controller has acted; it does not need
// this kubelet for that. A kubelet writes the status every ten seconds, so long a node with volumes may take. A node
// whose pods had none is not asked.

// volumes is what a drain knows of the node's volumes.
type volumes struct {
	// inUse is what the kubelet said last, and known whether that was after the last pod had gone.
	inUse []string
	known bool
	// since is when they began to be waited for.
	since time.Time
}

// detached reports whether no volume holds the drain up. follow begins to follow the Node.
func (r *run) detached(now time.Time, follow func()) bool {
	if len(r.volumes.inUse) == 0 && !r.ledger.claims && r.volumes.since.IsZero() {
		return true
	}
	if r.volumes.since.IsZero() {
		r.volumes.since = now
		follow()
	}
	return r.volumes.known && len(r.volumes.inUse) <= r.ledger.stayingClaims()
}

// stayingClaims counts the claims of pods that stay. Which of the volumes are theirs is not known to all who drain.
func (l *ledger) stayingClaims() int {
	var claims []string
	for _, each := range l.staying {
		claims = append(claims, each...)
	}
	slices.Sort(claims)
	return len(slices.Compact(claims))
}

// followNode tells of the Node, and of its end. The field selector is what the Node authorizer demands of a kubelet.
func (r *run) followNode(ctx context.Context, tell func(func(time.Time) error)) {
	query := url.Values{"fieldSelector": {"metadata.name=" + r.request.Node}}
	gone := func(time.Time) error { return ErrNodeGone }
	there := false
	api.Follow(ctx, r.drainer.client, "/api/v1/nodes", query, api.Handler[wireNode]{
		Listing: func() { there = false },
		Seen: func(w wireNode) {
			there = true
			tell(func(time.Time) error {
				r.volumes.known = true
				return r.look(w)
			})
		},
		Synced: func() {
			if !there {
				tell(gone)
			}
		},
		Gone: func(wireNode) { tell(gone) },
		Trouble: func(err error) {
			tell(func(now time.Time) error {
				r.nodeTrouble = troubled(r.nodeTrouble, now, err)
				return nil
			})
		},
	})
}
