package kube

import (
	"time"

	"k8s-framework/internal/kube/api"
	"k8s-framework/scheduler"

	"k8s.io/apimachinery/pkg/api/resource"
)

// wireNode is what is read of a Node. Of ten thousand of them, images, labels and managed fields are never held.
type wireNode struct {
	api.Object
	Spec struct {
		ProviderID    string  `json:"providerID"`
		Unschedulable bool    `json:"unschedulable"`
		Taints        []taint `json:"taints"`
	} `json:"spec"`
	Status struct {
		Allocatable struct {
			CPU    string `json:"cpu"`
			Memory string `json:"memory"`
		} `json:"allocatable"`
		Conditions []struct {
			Type    string `json:"type"`
			Status  string `json:"status"`
			Message string `json:"message"`
		} `json:"conditions"`
	} `json:"status"`
}

// neverReady is why a Node without a Ready condition is not ready: its kubelet has not said anything yet.
const neverReady = "its kubelet has posted no status yet"

func nodeOf(w wireNode) scheduler.KubeNode {
	n := scheduler.KubeNode{
		Host: scheduler.Hostname(w.Metadata.Name), UID: scheduler.UID(w.Metadata.UID), ProviderID: w.Spec.ProviderID,
		Unschedulable: w.Spec.Unschedulable, Starting: w.starting(), Created: w.Metadata.CreationTimestamp, ReadyWhy: neverReady,
	}
	for _, condition := range w.Status.Conditions {
		if condition.Type == "Ready" {
			n.Ready, n.ReadyWhy = condition.Status == "True", condition.Message
		}
	}
	// A quantity that cannot be read is one that the API server did not check; zero raises the alarm about a wrong slice.
	if cpu, err := resource.ParseQuantity(w.Status.Allocatable.CPU); err == nil {
		n.AllocatableCPU = cpu.MilliValue()
	}
	if memory, err := resource.ParseQuantity(w.Status.Allocatable.Memory); err == nil {
		n.AllocatableMem = memory.Value()
	}
	return n
}

// same reports whether the scheduler would see no difference.
func same(a, b scheduler.KubeNode) bool {
	equal := a.Created.Equal(b.Created)
	a.Created, b.Created = time.Time{}, time.Time{}
	return equal && a == b
}
