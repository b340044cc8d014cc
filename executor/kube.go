package executor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"k8s-framework/internal/kube/api"
	"k8s-framework/internal/kube/drain"
	"k8s-framework/internal/kubelet"
)

// kubeNode is the node's side at the API server: it implements Drainer, Room and Witness with the kubelet's own identity, which
// may cordon its Node and evict the pods that are bound to it, and hardly anything else. It reads the credentials when they are
// needed: a kubelet that joins by bootstrap writes them late, and renews them.
type kubeNode struct{}

// soon bounds what is asked once, and not waited for.
const soon = 3 * time.Second

func connect(spec kubelet.Spec) (*api.Client, error) {
	config, err := api.Access{Kubeconfig: spec.KubeconfigPath(), UserAgent: "k8s-executor"}.Config()
	if err != nil {
		return nil, err
	}
	return api.New(config)
}

// Drain implements Drainer.
func (kubeNode) Drain(ctx context.Context, spec kubelet.Spec, progress func(DrainProgressed)) error {
	client, err := connect(spec)
	if err != nil {
		return err
	}
	drainer, err := drain.New(drain.Options{Client: client})
	if err != nil {
		return err
	}
	_, err = drainer.Drain(ctx, drain.Request{Node: spec.Host, ProviderID: spec.ProviderID}, func(p drain.Progress) {
		told := DrainProgressed{PodsLeft: p.PodsLeft, Blocked: p.Waits(), Why: p.Why()}
		if p.Trouble != nil {
			told.Away = p.Trouble.String()
		}
		progress(told)
	})
	if errors.Is(err, drain.ErrNodeGone) || errors.Is(err, drain.ErrOtherNode) {
		return nil // there is nothing of ours to drain
	}
	return err
}

// node is what is read of a Node object.
type node struct {
	api.Object
	Spec struct {
		ProviderID    string `json:"providerID"`
		Unschedulable bool   `json:"unschedulable"`
	} `json:"spec"`
	Status struct {
		Conditions []struct {
			Type    string `json:"type"`
			Status  string `json:"status"`
			Reason  string `json:"reason"`
			Message string `json:"message"`
		} `json:"conditions"`
	} `json:"status"`
}

func nodePath(spec kubelet.Spec) string { return "/api/v1/nodes/" + spec.Host }

// Node implements Witness.
func (kubeNode) Node(ctx context.Context, spec kubelet.Spec) (NodeView, error) {
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	if _, err := os.Stat(spec.KubeconfigPath()); errors.Is(err, os.ErrNotExist) {
		return NodeView{}, fmt.Errorf("the kubelet has not got its credentials yet: %w", err)
	}
	client, err := connect(spec)
	if err != nil {
		return NodeView{}, err
	}
	var seen node
	err = client.Get(ctx, nodePath(spec), &seen)
	switch {
	case apierrors.IsNotFound(err):
		return NodeView{State: NodeMissing, Why: "there is no Node " + spec.Host}, nil
	case apierrors.IsUnauthorized(err), apierrors.IsForbidden(err):
		return NodeView{State: NodeMissing, Why: "the API server refuses the kubelet's credentials: " + err.Error()}, nil
	case err != nil:
		return NodeView{}, err
	default:
		return viewOf(seen, spec), nil
	}
}

func viewOf(seen node, spec kubelet.Spec) NodeView {
	if seen.Spec.ProviderID != spec.ProviderID {
		return NodeView{State: NodeMissing, Why: fmt.Sprintf("the Node %s is another one: its providerID is %q", spec.Host, seen.Spec.ProviderID)}
	}
	for _, condition := range seen.Status.Conditions {
		if condition.Type != "Ready" {
			continue
		}
		why := condition.Reason + ": " + condition.Message
		switch condition.Status {
		case "True":
			return NodeView{State: NodeReady}
		case "False":
			return NodeView{State: NodeNotReady, Why: why}
		default:
			return NodeView{State: NodeMissing, Why: why}
		}
	}
	return NodeView{State: NodeMissing, Why: "the Node has no condition Ready"}
}

// Pods implements Witness.
func (kubeNode) Pods(ctx context.Context, spec kubelet.Spec) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	client, err := connect(spec)
	if err != nil {
		return nil, err
	}
	pods, err := listPods(ctx, client, spec)
	var names []string
	for _, p := range pods {
		if p.evictable {
			names = append(names, p.String())
		}
	}
	return names, err
}

// Cordon implements Room.
func (kubeNode) Cordon(ctx context.Context, spec kubelet.Spec, unschedulable bool) (changed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*soon)
	defer cancel()
	client, err := connect(spec)
	if err != nil {
		return false, err
	}
	var seen node
	if err := client.Get(ctx, nodePath(spec), &seen); err != nil {
		return false, fmt.Errorf("read Node %s: %w", spec.Host, err)
	}
	if seen.Spec.ProviderID != spec.ProviderID {
		return false, fmt.Errorf("the Node %s is another one: its providerID is %q", spec.Host, seen.Spec.ProviderID)
	}
	if seen.Spec.Unschedulable == unschedulable {
		return false, nil
	}
	// The UID is a precondition: a Node that took the name meanwhile stays as it is.
	patch := map[string]any{
		"metadata": map[string]any{"uid": seen.Metadata.UID},
		"spec":     map[string]any{"unschedulable": unschedulable},
	}
	if err := client.Do(ctx, http.MethodPatch, nodePath(spec), api.MergePatch, patch, nil); err != nil {
		refusal := (*apierrors.StatusError)(nil)
		return !errors.As(err, &refusal), fmt.Errorf("change unschedulable of Node %s to %t: %w", spec.Host, unschedulable, err)
	}
	return true, nil
}

// listPods are the pods of the node that have not ended.
func listPods(ctx context.Context, client *api.Client, spec kubelet.Spec) ([]tenant, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var pods []tenant
	done := errors.New("listed")
	followPods(ctx, client, spec, api.Handler[apiPod]{
		Listing: func() { pods = nil },
		Seen:    func(p apiPod) { pods = append(pods, tenantOf(p)) },
		Synced:  func() { cancel(done) },
		Gone:    func(apiPod) {},
		Trouble: cancel,
	})
	if err := context.Cause(ctx); !errors.Is(err, done) {
		return nil, fmt.Errorf("list the pods of Node %s: %w", spec.Host, err)
	}
	return slices.DeleteFunc(pods, func(t tenant) bool { return t.ended }), nil
}

// followPods tells of the node's pods until ctx ends. The field selector is what the Node authorizer demands of a kubelet.
func followPods(ctx context.Context, client *api.Client, spec kubelet.Spec, handler api.Handler[apiPod]) {
	api.Follow(ctx, client, "/api/v1/pods", url.Values{"fieldSelector": {"spec.nodeName=" + spec.Host}}, handler)
}

// refusalOf is what the API server says to an eviction, in a sentence: for a budget its own, which names it.
func refusalOf(err error) string {
	var refusal *apierrors.StatusError
	if !errors.As(err, &refusal) {
		return err.Error()
	}
	if details := refusal.ErrStatus.Details; details != nil {
		for _, cause := range details.Causes {
			if cause.Type == "DisruptionBudget" {
				return strings.TrimSuffix(cause.Message, ".")
			}
		}
	}
	return refusal.ErrStatus.Message
}
