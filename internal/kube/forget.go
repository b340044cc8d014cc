package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"k8s-framework/scheduler"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// nodeName is the name of the Node of a host: the kubelet writes it in lower case.
func nodeName(host scheduler.Hostname) string { return strings.ToLower(string(host)) }

// forget deletes the Node of an operation, and no other: its provider ID is compared, and its UID is the precondition, so that
// a Node that takes the name in between stays. A Node that is not there, or another one, is forgotten already. Of a Node
// that is out of service the pods go first.
func (o *Operator) forget(ctx context.Context, op scheduler.ForgetKubeNode) error {
	if err := identified(op.Host, op.ProviderID); err != nil {
		return err
	}
	if op.OutOfService {
		if err := o.release(ctx, op); gone(err) {
			return nil
		} else if err != nil {
			return err
		}
	}
	path := "/api/v1/nodes/" + nodeName(op.Host)
	var node wireNode
	switch err := o.client.Get(ctx, path, &node); {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("read Node %s: %w", op.Host, err)
	case node.Spec.ProviderID != op.ProviderID:
		return nil
	}
	options := map[string]any{
		"apiVersion": "v1", "kind": "DeleteOptions",
		"preconditions": map[string]string{"uid": node.Metadata.UID},
	}
	err := o.client.Do(ctx, http.MethodDelete, path, "", options, nil)
	var refusal *apierrors.StatusError
	if errors.As(err, &refusal) && (apierrors.IsNotFound(err) || apierrors.IsConflict(err)) {
		return nil // gone meanwhile, or another one has its name
	}
	if err != nil {
		return fmt.Errorf("delete Node %s: %w", op.Host, err)
	}
	return nil
}
