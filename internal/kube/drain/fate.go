package drain

import (
	"time"

	"k8s-framework/internal/kube/api"
)

// wirePod is what is read of a pod.
type wirePod struct {
	api.Object
	Spec struct {
		PriorityClassName string `json:"priorityClassName"`
		Priority          int32  `json:"priority"`
		Volumes           []struct {
			Name                  string `json:"name"`
			PersistentVolumeClaim struct {
				ClaimName string `json:"claimName"`
			} `json:"persistentVolumeClaim"`
			Ephemeral *struct{} `json:"ephemeral"`
		} `json:"volumes"`
	} `json:"spec"`
	Status struct {
		Phase      string `json:"phase"`
		Conditions []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"conditions"`
	} `json:"status"`
}

// fate is what a drain does with a pod.
type fate int

const (
	// evict: the pod leaves first. Bare pods, pods with an emptyDir and completed pods are among them; a completed pod is
	// not guarded by its budget.
	evict fate = iota
	// evictLast: the pod is critical to the cluster or the node and leaves when no pod of the first kind is left.
	evictLast
	// leave: the pod stays until the kubelet ends.
	leave
)

// systemCritical is the lowest priority of the two built-in critical classes (scheduling.SystemCriticalPriority).
const systemCritical = 2_000_000_000

// mirrorAnnotation marks the API server's picture of a pod that the kubelet runs from a file
// (corev1.MirrorPodAnnotationKey). Evicting it deletes the picture, which comes back, and not the pod.
const mirrorAnnotation = "kubernetes.io/config.mirror"

// fateOf classifies a pod. A controller of any API group whose kind is DaemonSet counts, because those of others (such as
// OpenKruise) put a pod back on a cordoned node as well; so does a completed pod of one, which would be replaced at once.
func fateOf(p wirePod) fate {
	if _, mirror := p.Metadata.Annotations[mirrorAnnotation]; mirror {
		return leave
	}
	for _, owner := range p.Metadata.OwnerReferences {
		if owner.Controller && owner.Kind == "DaemonSet" {
			return leave
		}
	}
	switch {
	case p.Spec.Priority >= systemCritical,
		p.Spec.PriorityClassName == "system-cluster-critical",
		p.Spec.PriorityClassName == "system-node-critical":
		return evictLast
	default:
		return evict
	}
}

// pod is what a drain remembers of a pod.
type pod struct {
	namespace, name, uid string
	labels               map[string]string
	fate                 fate
	ready                bool
	// unguarded: it has not begun or is over, so its budget does not count it.
	unguarded bool
	// leaving: its deletion has begun; it is gone when the kubelet and the finalizers' owners have done their part.
	leaving bool
	// due is when its grace period ends, if it is leaving.
	due        time.Time
	finalizers []string
	// claims are the claims of the volumes that it has.
	claims []string
}

func podOf(w wirePod) pod {
	p := pod{
		namespace: w.Metadata.Namespace, name: w.Metadata.Name, uid: w.Metadata.UID, labels: w.Metadata.Labels,
		fate: fateOf(w), unguarded: w.Status.Phase == "Pending" || w.Status.Phase == "Succeeded" || w.Status.Phase == "Failed",
		finalizers: w.Metadata.Finalizers,
	}
	if due := w.Metadata.DeletionTimestamp; due != nil {
		p.leaving, p.due = true, *due
	}
	for _, condition := range w.Status.Conditions {
		if condition.Type == "Ready" {
			p.ready = condition.Status == "True"
		}
	}
	for _, volume := range w.Spec.Volumes {
		switch {
		case volume.Ephemeral != nil: // its claim's name is made of these two
			p.claims = append(p.claims, p.name+"-"+volume.Name)
		case volume.PersistentVolumeClaim.ClaimName != "":
			p.claims = append(p.claims, volume.PersistentVolumeClaim.ClaimName)
		}
	}
	return p
}

func (p pod) String() string { return p.namespace + "/" + p.name }
