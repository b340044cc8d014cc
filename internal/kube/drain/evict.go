package drain

import (
	"context"
	"time"

	"k8s-framework/internal/kube/api"
)

// eviction is policy/v1 Eviction.
type eviction struct {
	APIVersion    string        `json:"apiVersion"`
	Kind          string        `json:"kind"`
	Metadata      api.Meta      `json:"metadata"`
	DeleteOptions deleteOptions `json:"deleteOptions"`
}

type deleteOptions struct {
	GracePeriodSeconds *int64        `json:"gracePeriodSeconds,omitempty"`
	Preconditions      preconditions `json:"preconditions"`
}

type preconditions struct {
	UID string `json:"uid"`
}

// evict sends one eviction of exactly this pod; grace nil: the pod's own grace period.
func (d *Drainer) evict(ctx context.Context, p pod, grace *time.Duration) error {
	e := eviction{
		APIVersion: "policy/v1", Kind: "Eviction",
		Metadata:      api.Meta{Name: p.name, Namespace: p.namespace},
		DeleteOptions: deleteOptions{Preconditions: preconditions{UID: p.uid}},
	}
	if grace != nil {
		seconds := int64(*grace / time.Second)
		e.DeleteOptions.GracePeriodSeconds = &seconds
	}
	return d.client.Post(ctx, "/api/v1/namespaces/"+p.namespace+"/pods/"+p.name+"/eviction", e, nil)
}
