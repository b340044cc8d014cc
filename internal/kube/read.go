package kube

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"k8s-framework/internal/kube/api"
	"k8s-framework/internal/kube/drain"
	"k8s-framework/scheduler"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

const (
	// fewHosts are asked about one by one; the API server finds the pods of a node by an index. Of more the list of all
	// pods is read once.
	fewHosts = 16
	// countWithin bounds that list.
	countWithin = 2 * time.Minute
)

// renewed is when the kubelet of a host last renewed its lease; zero if there is no lease, or it was never renewed.
func (o *Operator) renewed(ctx context.Context, host scheduler.Hostname) (time.Time, error) {
	if host == "" {
		return time.Time{}, fmt.Errorf("host is %q, want the host of a node", host)
	}
	var lease struct {
		Spec struct {
			RenewTime time.Time `json:"renewTime"`
		} `json:"spec"`
	}
	err := o.client.Get(ctx, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/"+nodeName(host), &lease)
	if err != nil && !apierrors.IsNotFound(err) {
		return time.Time{}, fmt.Errorf("read the lease of Node %s: %w", host, err)
	}
	return lease.Spec.RenewTime, nil
}

// placed is a pod with its node.
type placed struct {
	drain.Pod
	Spec struct {
		NodeName string `json:"nodeName"`
	} `json:"spec"`
}

// count is how many pods that a drain evicts are on each of the hosts.
func (o *Operator) count(ctx context.Context, hosts []scheduler.Hostname) (map[scheduler.Hostname]int, error) {
	ctx, cancel := context.WithTimeout(ctx, countWithin)
	defer cancel()
	pods, hostOf := make(map[scheduler.Hostname]int, len(hosts)), make(map[string]scheduler.Hostname, len(hosts))
	for _, host := range hosts {
		pods[host], hostOf[nodeName(host)] = 0, host
	}
	var queries []url.Values
	if len(hosts) > fewHosts {
		queries = append(queries, nil)
	} else {
		for node := range hostOf {
			queries = append(queries, url.Values{"fieldSelector": {"spec.nodeName=" + node}})
		}
	}
	for _, query := range queries {
		err := api.List(ctx, o.client, "/api/v1/pods", query, func(p placed) {
			if host, asked := hostOf[p.Spec.NodeName]; asked && p.Evicted() {
				pods[host]++
			}
		})
		if err != nil {
			return nil, fmt.Errorf("count pods of %d hosts: %w", len(hosts), err)
		}
	}
	return pods, nil
}
