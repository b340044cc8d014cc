package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"k8s-framework/scheduler"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// welcomeTries bounds how often the starting taint is looked for anew, when others change the Node's taints meanwhile.
const welcomeTries = 3

var errOtherNode = errors.New("another Node has the name")

// welcome removes the starting taint, if the Node is the one of the operation. Every condition is part of the patch, so that
// nothing else is changed if the Node is another one by then.
func (o *Operator) welcome(ctx context.Context, op scheduler.WelcomeNode) error {
	if op.Host == "" || op.ProviderID == "" || op.UID == "" {
		return fmt.Errorf("host is %q, provider ID is %q, UID is %q, want all three: without them any Node could be meant", op.Host, op.ProviderID, op.UID)
	}
	path := "/api/v1/nodes/" + nodeName(op.Host)
	var err error
	for range welcomeTries {
		var node wireNode
		if err = o.client.Get(ctx, path, &node); err != nil {
			return fmt.Errorf("read Node %s: %w", op.Host, err)
		}
		if node.Metadata.UID != string(op.UID) || node.Spec.ProviderID != op.ProviderID {
			return fmt.Errorf("%w: UID is %q, provider ID is %q, want %q and %q", errOtherNode, node.Metadata.UID, node.Spec.ProviderID, op.UID, op.ProviderID)
		}
		at := node.startingTaint()
		if at < 0 {
			return nil
		}
		taint := fmt.Sprintf("/spec/taints/%d", at)
		patch := []map[string]any{
			{"op": "test", "path": "/metadata/uid", "value": op.UID},
			{"op": "test", "path": "/spec/providerID", "value": op.ProviderID},
			{"op": "test", "path": taint + "/key", "value": scheduler.StartingTaintKey},
			{"op": "test", "path": taint + "/effect", "value": scheduler.StartingTaintEffect},
			{"op": "remove", "path": taint},
		}
		err = o.client.Do(ctx, http.MethodPatch, path, jsonPatch, patch, nil)
		if err == nil || apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("take the taint %s off Node %s: %w", scheduler.StartingTaintKey, op.Host, err)
	}
	return nil
}

// jsonPatch is the content type of a JSON patch (RFC 6902).
const jsonPatch = "application/json-patch+json"

// startingTaint is the place of the starting taint; below zero: there is none.
func (w wireNode) startingTaint() int {
	for i, taint := range w.Spec.Taints {
		if taint.Key == scheduler.StartingTaintKey && taint.Effect == scheduler.StartingTaintEffect {
			return i
		}
	}
	return -1
}
