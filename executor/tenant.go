package executor

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"k8s-framework/internal/kube/api"
	"k8s-framework/internal/kubelet"
)

// amounts are what a pod asks for, by the resource's name.
type amounts map[string]resource.Quantity

// apiContainer and apiPod are what is read of a pod.
type apiContainer struct {
	RestartPolicy string `json:"restartPolicy"`
	Resources     struct {
		Requests amounts `json:"requests"`
	} `json:"resources"`
}

type apiPod struct {
	api.Object
	Spec struct {
		Priority       int32          `json:"priority"`
		InitContainers []apiContainer `json:"initContainers"`
		Containers     []apiContainer `json:"containers"`
		Overhead       amounts        `json:"overhead"`
		Resources      struct {
			Requests amounts `json:"requests"`
		} `json:"resources"`
	} `json:"spec"`
	Status struct {
		Phase string `json:"phase"`
	} `json:"status"`
}

// tenant is a pod as one that takes room on the node.
type tenant struct {
	namespace, name, uid string
	asks                 kubelet.Slice
	priority             int32
	created              time.Time
	evictable            bool // neither a DaemonSet's, which would come back, nor a static one
	leaving              bool // its deletion has begun
	ended                bool // it takes no room any more
}

func (t tenant) String() string { return t.namespace + "/" + t.name }

func tenantOf(p apiPod) tenant {
	t := tenant{
		namespace: p.Metadata.Namespace, name: p.Metadata.Name, uid: p.Metadata.UID, asks: asksOf(p), priority: p.Spec.Priority,
		created: p.Metadata.CreationTimestamp, evictable: true, leaving: p.Metadata.DeletionTimestamp != nil,
		ended: p.Status.Phase == "Succeeded" || p.Status.Phase == "Failed",
	}
	if _, static := p.Metadata.Annotations["kubernetes.io/config.mirror"]; static {
		t.evictable = false
	}
	for _, owner := range p.Metadata.OwnerReferences {
		t.evictable = t.evictable && !(owner.Controller && owner.Kind == "DaemonSet")
	}
	return t
}

// asksOf is what the pod asks for, as kube-scheduler and kubelet count: its containers with the sidecars, or the largest moment
// of its start if that is more; or what it says for itself as a whole; and the overhead of its runtime class.
func asksOf(p apiPod) kubelet.Slice {
	total, sidecars, largest := amounts{}, amounts{}, amounts{}
	for _, c := range p.Spec.Containers {
		total.add(c.Resources.Requests)
	}
	for _, c := range p.Spec.InitContainers {
		now := maps.Clone(sidecars)
		now.add(c.Resources.Requests)
		if c.RestartPolicy == "Always" {
			sidecars = now
		}
		largest.atLeast(now)
	}
	total.add(sidecars)
	total.atLeast(largest)
	for _, name := range []string{"cpu", "memory"} {
		if whole, ok := p.Spec.Resources.Requests[name]; ok {
			total[name] = whole
		}
	}
	total.add(p.Spec.Overhead)
	cpu, memory, disk := total["cpu"], total["memory"], total["ephemeral-storage"]
	return kubelet.Slice{MilliCPU: cpu.MilliValue(), MemoryBytes: memory.Value(), DiskBytes: disk.Value()}
}

func (a amounts) add(more amounts) {
	for name, quantity := range more {
		sum := a[name]
		sum.Add(quantity)
		a[name] = sum
	}
}

func (a amounts) atLeast(other amounts) {
	for name, quantity := range other {
		if have := a[name]; have.Cmp(quantity) < 0 {
			a[name] = quantity
		}
	}
}

// leavers are the pods that have to leave so that the others fit the slice: those that leave already, then the lowest priority
// first, and of one priority the youngest; only such as hold what there is too little of. From a node that is parked all of them
// leave that can be evicted, whatever they ask for. fits reports whether the others fit then; they do not if the pods that cannot
// be evicted hold too much by themselves.
func leavers(pods []tenant, slice kubelet.Slice) (leave []tenant, fits bool) {
	var sum kubelet.Slice
	for _, t := range pods {
		sum = kubelet.Slice{
			MilliCPU: sum.MilliCPU + t.asks.MilliCPU, MemoryBytes: sum.MemoryBytes + t.asks.MemoryBytes, DiskBytes: sum.DiskBytes + t.asks.DiskBytes,
		}
	}
	queue := slices.DeleteFunc(slices.Clone(pods), func(t tenant) bool { return !t.evictable })
	slices.SortFunc(queue, func(a, b tenant) int {
		return cmp.Or(leavingFirst(a, b), cmp.Compare(a.priority, b.priority), b.created.Compare(a.created), cmp.Compare(a.String(), b.String()))
	})
	for _, t := range queue {
		cpu, memory := sum.MilliCPU > slice.MilliCPU, sum.MemoryBytes > slice.MemoryBytes
		disk := slice.DiskBytes != 0 && sum.DiskBytes > slice.DiskBytes
		if !slice.Parked() && !(cpu && t.asks.MilliCPU > 0) && !(memory && t.asks.MemoryBytes > 0) && !(disk && t.asks.DiskBytes > 0) {
			continue
		}
		leave = append(leave, t)
		sum.MilliCPU, sum.MemoryBytes, sum.DiskBytes = sum.MilliCPU-t.asks.MilliCPU, sum.MemoryBytes-t.asks.MemoryBytes, sum.DiskBytes-t.asks.DiskBytes
	}
	return leave, sum.MilliCPU <= slice.MilliCPU && sum.MemoryBytes <= slice.MemoryBytes &&
		(slice.DiskBytes == 0 || sum.DiskBytes <= slice.DiskBytes)
}

func leavingFirst(a, b tenant) int {
	switch {
	case a.leaving == b.leaving:
		return 0
	case a.leaving:
		return -1
	default:
		return 1
	}
}
