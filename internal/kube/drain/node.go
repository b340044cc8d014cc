package drain

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"k8s-framework/internal/kube/api"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// ErrNodeGone: there is no Node of that name.
var ErrNodeGone = errors.New("the Node object does not exist")

// ErrOtherNode: the Node of that name is not the one of the request.
var ErrOtherNode = errors.New("the Node object is another one")

// wireNode is what is read of a Node.
type wireNode struct {
	api.Object
	Spec struct {
		ProviderID    string `json:"providerID"`
		Unschedulable bool   `json:"unschedulable"`
	} `json:"spec"`
	Status struct {
		VolumesInUse []string `json:"volumesInUse"`
		Conditions   []struct {
			Type               string    `json:"type"`
			Status             string    `json:"status"`
			LastTransitionTime time.Time `json:"lastTransitionTime"`
		} `json:"conditions"`
	} `json:"status"`
}

// silent is since when the node's kubelet does not answer, as the node controller sees it; zero: it does.
func (n wireNode) silent() time.Time {
	for _, condition := range n.Status.Conditions {
		if condition.Type == "Ready" && condition.Status == "Unknown" {
			return condition.LastTransitionTime
		}
	}
	return time.Time{}
}

// means returns ErrOtherNode if the Node is not the one of the request.
func (r Request) means(node wireNode) error {
	switch {
	case r.UID != "" && node.Metadata.UID != r.UID:
		return fmt.Errorf("%w: its UID is %q, want %q", ErrOtherNode, node.Metadata.UID, r.UID)
	case r.ProviderID != "" && node.Spec.ProviderID != r.ProviderID:
		return fmt.Errorf("%w: its providerID is %q, want %q", ErrOtherNode, node.Spec.ProviderID, r.ProviderID)
	}
	return nil
}

func nodePath(name string) string { return "/api/v1/nodes/" + name }

// node reads the Node and checks that it is the one of the request: ErrNodeGone or ErrOtherNode if it is not.
func (d *Drainer) node(ctx context.Context, r Request) (wireNode, error) {
	var node wireNode
	err := d.client.Get(ctx, nodePath(r.Node), &node)
	switch {
	case apierrors.IsNotFound(err):
		return node, ErrNodeGone
	case err != nil:
		return node, fmt.Errorf("read Node %s: %w", r.Node, err)
	}
	return node, r.means(node)
}

// cordon makes the Node unschedulable, and returns it as it was before; fresh: it was not unschedulable.
func (d *Drainer) cordon(ctx context.Context, r Request) (node wireNode, fresh bool, err error) {
	node, err = d.node(ctx, r)
	if err != nil || node.Spec.Unschedulable {
		return node, false, err
	}
	// The UID is the precondition (changing it is refused), so that a Node that took the name meanwhile stays as it is.
	// A resource version would be one as well, but the kubelet changes it all the time and the change of one boolean depends
	// on nothing else.
	patch := map[string]any{
		"metadata": map[string]any{"uid": node.Metadata.UID},
		"spec":     map[string]any{"unschedulable": true},
	}
	if err := d.client.Do(ctx, http.MethodPatch, nodePath(r.Node), api.MergePatch, patch, nil); err != nil {
		return node, false, fmt.Errorf("cordon Node %s: %w", r.Node, err)
	}
	return node, true, nil
}

// cordonAtLast tries until the Node is cordoned, there is no such Node, the server refuses for a reason that will stay, or
// ctx ends.
func (d *Drainer) cordonAtLast(ctx context.Context, r Request, trouble func(error)) (node wireNode, fresh bool, err error) {
	for tries := 0; ; tries++ {
		node, fresh, err = d.cordon(ctx, r)
		if err == nil || !passing(err) {
			trouble(nil)
			return node, fresh, err
		}
		if ctx.Err() != nil {
			return node, false, ctx.Err()
		}
		trouble(err)
		select {
		case <-ctx.Done():
			return node, false, ctx.Err()
		case <-time.After(wait(tries, longestWait)):
		}
	}
}

// passing reports whether the same request may succeed later.
func passing(err error) bool {
	if errors.Is(err, ErrNodeGone) || errors.Is(err, ErrOtherNode) {
		return false
	}
	var refusal *apierrors.StatusError
	if !errors.As(err, &refusal) {
		return true // no answer
	}
	code := refusal.ErrStatus.Code
	switch code {
	case http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusTooManyRequests:
		// The Node changed between reading and writing it: reading it again tells what it is now.
		return true
	case http.StatusUnauthorized:
		// A server that starts has not all its authenticators yet; a certificate is being renewed.
		return true
	default:
		return code >= 500
	}
}
