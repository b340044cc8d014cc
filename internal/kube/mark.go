package kube

import (
	"context"

	"k8s-framework/scheduler"
)

// mark gives a Node the labels, annotations and taints of its pool.
func (o *Operator) mark(ctx context.Context, op scheduler.MarkKubeNode) error {
	return o.edit(ctx, op.Host, op.ProviderID, func(node editable, patch *nodePatch) bool {
		patch.Metadata.Labels = remark(node.Metadata.Labels, op.Before.Labels, op.Marks.Labels)
		patch.Metadata.Annotations = remark(node.Metadata.Annotations, op.Before.Annotations, op.Marks.Annotations)
		taints, changed := retaint(node.Spec.Taints, op.Before.Taints, op.Marks.Taints)
		if changed {
			patch.Spec.Taints = &taints
		}
		return changed || len(patch.Metadata.Labels) > 0 || len(patch.Metadata.Annotations) > 0
	})
}

// remark is the patch from what is present to what is wanted. Only what was there by our doing before is taken away.
func remark(present, before, wanted map[string]string) map[string]*string {
	patch := map[string]*string{}
	for key := range before {
		_, there := present[key]
		if _, stays := wanted[key]; there && !stays {
			patch[key] = nil
		}
	}
	for key, value := range wanted {
		if now, there := present[key]; !there || now != value {
			patch[key] = &value
		}
	}
	return patch
}
