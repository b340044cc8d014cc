package kube

import (
	"context"
	"time"

	"k8s-framework/scheduler"
)

// settle is how long an uncordon waits after a drain that was under way: the server may still be at the drain's last request, which
// may be the cordon.
const settle = time.Second

// startUncordon ends the drain of the node, waits until it has ended, and uncordons. A drain that is asked for meanwhile waits.
func (o *Operator) startUncordon(ctx context.Context, op scheduler.Uncordon, deliver func(scheduler.Event)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := o.drains[op.Node]
	if before != nil {
		before.cancelled = true
		before.cancel()
	}
	this := &job{cancel: func() {}, cancelled: true, done: make(chan struct{})}
	o.drains[op.Node] = this
	o.start(ctx, op, deliver, func() (scheduler.Event, error) {
		defer o.ended(op.Node, this)
		if before != nil {
			<-before.done
			select {
			case <-time.After(settle):
			case <-ctx.Done():
			}
		}
		return scheduler.Uncordoned{Node: op.Node}, o.uncordon(ctx, op)
	})
}

// ended takes a job out of those that run for a node.
func (o *Operator) ended(node scheduler.NodeName, this *job) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.drains[node] == this {
		delete(o.drains, node)
	}
	close(this.done)
}

// uncordon makes the Node of an operation schedulable. One that is gone, or another one, is nobody's cordon any more.
func (o *Operator) uncordon(ctx context.Context, op scheduler.Uncordon) error {
	cordoned := false
	err := o.edit(ctx, op.Host, op.ProviderID, func(node editable, patch *nodePatch) bool {
		cordoned = node.Spec.Unschedulable
		patch.Spec.Unschedulable = new(bool)
		return cordoned
	})
	if gone(err) {
		return nil
	}
	if err == nil && cordoned {
		o.scribe.write(nodeName(op.Host), "Normal", drainCalledOff, "The drain is called off, pods may come again: "+op.Why)
	}
	return err
}
