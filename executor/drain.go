package executor

import (
	"context"
	"errors"

	"k8s-framework/internal/kube/api"
	"k8s-framework/internal/kube/drain"
	"k8s-framework/internal/kubelet"
)

// kubeDrainer drains with the kubelet's own identity, which may cordon its Node and evict the pods that are bound to it, and
// hardly anything else. It reads the credentials when they are needed: a kubelet that joins by bootstrap writes them late.
type kubeDrainer struct{}

// Drain implements Drainer.
func (kubeDrainer) Drain(ctx context.Context, spec kubelet.Spec, progress func(podsLeft int, blocked []string)) error {
	config, err := api.Access{Kubeconfig: spec.KubeconfigPath(), UserAgent: "k8s-executor"}.Config()
	if err != nil {
		return err
	}
	client, err := api.New(config)
	if err != nil {
		return err
	}
	drainer, err := drain.New(drain.Options{Client: client})
	if err != nil {
		return err
	}
	_, err = drainer.Drain(ctx, drain.Request{Node: spec.Host, ProviderID: spec.ProviderID}, func(p drain.Progress) {
		var blocked []string
		for _, each := range p.Blocked {
			blocked = append(blocked, each.String())
		}
		if p.Trouble != nil {
			blocked = append(blocked, p.Trouble.String())
		}
		progress(p.PodsLeft, blocked)
	})
	if errors.Is(err, drain.ErrNodeGone) || errors.Is(err, drain.ErrOtherNode) {
		return nil // there is nothing of ours to drain
	}
	return err
}
