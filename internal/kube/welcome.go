package kube

import (
	"context"
	"errors"
	"fmt"

	"k8s-framework/scheduler"
)

// welcome removes the starting taint, if the Node is the one of the operation; other taints stay.
func (o *Operator) welcome(ctx context.Context, op scheduler.WelcomeNode) error {
	var other error
	err := o.edit(ctx, op.Host, op.ProviderID, func(node editable, patch *nodePatch) bool {
		if other = nil; node.Metadata.UID != string(op.UID) {
			other = fmt.Errorf("find Node %s: %w: its UID is %q, want %q", op.Host, errOtherNode, node.Metadata.UID, op.UID)
			return false
		}
		taints, changed := retaint(node.Spec.Taints, []string{scheduler.StartingTaint}, nil)
		if changed {
			patch.Spec.Taints = &taints
		}
		return changed
	})
	return errors.Join(err, other)
}

// starting reports whether a Node has the starting taint.
func (w wireNode) starting() bool {
	for _, each := range w.Spec.Taints {
		if each.Key == scheduler.StartingTaintKey && each.Effect == scheduler.StartingTaintEffect {
			return true
		}
	}
	return false
}
