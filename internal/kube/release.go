package kube

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"k8s-framework/internal/kube/api"
	"k8s-framework/scheduler"
)

// outOfService is the taint by which Kubernetes lets go of a dead node: pods that do not tolerate it are deleted, without waiting
// for a kubelet, and their volumes detached at once.
const outOfService = "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"

// releaseWithin bounds the wait for the pods of a dead node. The controller that deletes them looks every 20 seconds.
const releaseWithin = time.Minute

// release puts the taint on the Node of a launch and waits until the pods are gone that do not tolerate it. The error names those
// that are left; it is errNoNode or errOtherNode if that Node is not there.
func (o *Operator) release(ctx context.Context, op scheduler.ForgetKubeNode) error {
	err := o.edit(ctx, op.Host, op.ProviderID, func(node editable, patch *nodePatch) bool {
		taints, changed := retaint(node.Spec.Taints, nil, []string{outOfService})
		patch.Spec.Taints = &taints
		return changed
	})
	if err != nil {
		return err
	}
	left, err := o.leave(ctx, nodeName(op.Host))
	if err != nil || len(left) == 0 {
		return err
	}
	const most = 3
	names := strings.Join(left[:min(len(left), most)], ", ")
	if more := len(left) - most; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Errorf("pods are left on Node %s %v after its taint %s, so it is not deleted: %s. "+
		"They go when the Node is NotReady, and their finalizers' owners have done their part", op.Host, o.releaseWithin, outOfService, names)
}

// leave waits until no pod is on the node that does not tolerate the taint; it returns the names of those that are left at the end.
func (o *Operator) leave(ctx context.Context, node string) ([]string, error) {
	asked := ctx
	ctx, cancel := context.WithTimeout(ctx, o.releaseWithin)
	defer cancel()
	left, complete := map[string]string{}, false
	var trouble error
	look := func() {
		if complete && len(left) == 0 {
			cancel()
		}
	}
	query := url.Values{"fieldSelector": {"spec.nodeName=" + node}}
	api.Follow(ctx, o.client, "/api/v1/pods", query, api.Handler[tolerant]{
		Listing: func() { clear(left); complete = false },
		Seen: func(p tolerant) {
			if !p.tolerates(parseTaint(outOfService)) {
				left[p.Metadata.UID] = p.Metadata.Namespace + "/" + p.Metadata.Name
			}
		},
		Synced:  func() { complete = true; look() },
		Gone:    func(p tolerant) { delete(left, p.Metadata.UID); look() },
		Trouble: func(err error) { trouble = err },
	})
	switch {
	case asked.Err() != nil:
		return nil, asked.Err()
	case !complete:
		return nil, fmt.Errorf("read the pods of Node %s: %w", node, trouble)
	}
	return slices.Sorted(maps.Values(left)), nil
}

// tolerant is a pod with its tolerations.
type tolerant struct {
	api.Object
	Spec struct {
		Tolerations []struct {
			Key               string `json:"key"`
			Operator          string `json:"operator"`
			Value             string `json:"value"`
			Effect            string `json:"effect"`
			TolerationSeconds *int64 `json:"tolerationSeconds"`
		} `json:"tolerations"`
	} `json:"spec"`
}

// tolerates reports whether the taint leaves the pod where it is for ever, as it does with pods that a kubelet makes from files.
// Such a pod ends with its Node.
func (p tolerant) tolerates(t taint) bool {
	for _, each := range p.Spec.Tolerations {
		switch {
		case each.TolerationSeconds != nil, each.Effect != "" && each.Effect != t.Effect, each.Key != "" && each.Key != t.Key:
		case each.Operator == "Exists", each.Key == t.Key && each.Value == t.Value:
			return true
		}
	}
	return false
}
