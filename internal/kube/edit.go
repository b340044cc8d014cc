package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"k8s-framework/internal/kube/api"
	"k8s-framework/scheduler"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

var (
	errNoNode    = errors.New("there is no such Node")
	errOtherNode = errors.New("the Node is another one")
)

// editTries is how often a Node is read and written again when it changes in between. Its kubelet writes to it several times a
// minute at most.
const editTries = 5

// editable is what is read of a Node that is changed.
type editable struct {
	api.Object
	Spec struct {
		ProviderID    string  `json:"providerID"`
		Unschedulable bool    `json:"unschedulable"`
		Taints        []taint `json:"taints"`
	} `json:"spec"`
}

// nodePatch is a merge patch of a Node. UID and version are its preconditions.
type nodePatch struct {
	Metadata struct {
		UID             string `json:"uid"`
		ResourceVersion string `json:"resourceVersion"`
		// A nil value takes the key away.
		Labels      map[string]*string `json:"labels,omitempty"`
		Annotations map[string]*string `json:"annotations,omitempty"`
	} `json:"metadata"`
	Spec struct {
		Unschedulable *bool `json:"unschedulable,omitempty"`
		// Taints are a list that is written as a whole, which is why the version is a precondition.
		Taints *[]taint `json:"taints,omitempty"`
	} `json:"spec"`
}

// identified checks that an operation says which Node it means.
func identified(host scheduler.Hostname, providerID string) error {
	if host == "" || providerID == "" {
		return fmt.Errorf("host is %q and provider ID is %q, want both: without them any Node could be meant", host, providerID)
	}
	return nil
}

// edit changes the Node of a launch, and no other: change fills the patch, and says whether there is anything to do; it is asked
// again when the Node has changed meanwhile. The error is errNoNode or errOtherNode if that Node is not there.
func (o *Operator) edit(ctx context.Context, host scheduler.Hostname, providerID string, change func(editable, *nodePatch) bool) error {
	if err := identified(host, providerID); err != nil {
		return err
	}
	path := "/api/v1/nodes/" + nodeName(host)
	var err error
	for range editTries {
		var node editable
		switch err = o.client.Get(ctx, path, &node); {
		case apierrors.IsNotFound(err):
			return fmt.Errorf("find Node %s: %w", host, errNoNode)
		case err != nil:
			return fmt.Errorf("read Node %s: %w", host, err)
		case node.Spec.ProviderID != providerID:
			return fmt.Errorf("find Node %s: %w: its providerID is %q, want %q", host, errOtherNode, node.Spec.ProviderID, providerID)
		}
		var patch nodePatch
		if !change(node, &patch) {
			return nil
		}
		patch.Metadata.UID, patch.Metadata.ResourceVersion = node.Metadata.UID, node.Metadata.ResourceVersion
		err = o.client.Do(ctx, http.MethodPatch, path, api.MergePatch, patch, nil)
		if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("change Node %s: %w", host, err)
	}
	return nil
}

// gone reports whether an edit found that the Node of the launch is not there any more.
func gone(err error) bool { return errors.Is(err, errNoNode) || errors.Is(err, errOtherNode) }
