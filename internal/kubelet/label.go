package kubelet

import (
	"slices"
	"strings"
)

// mayLabel reports whether a kubelet accepts the key in --node-labels (k8s.io/kubelet/pkg/apis; it refuses to start with
// others): in the name space of Kubernetes, a few keys and those of nodes and kubelets only.
func mayLabel(key string) bool {
	space, _, hasSpace := strings.Cut(key, "/")
	within := func(parent string) bool { return space == parent || strings.HasSuffix(space, "."+parent) }
	if !hasSpace || (!within("kubernetes.io") && !within("k8s.io")) {
		return true
	}
	return within("node.kubernetes.io") || within("kubelet.kubernetes.io") || slices.Contains(kubeletLabels(), key)
}

func kubeletLabels() []string {
	return []string{
		"beta.kubernetes.io/arch",
		"beta.kubernetes.io/instance-type",
		"beta.kubernetes.io/os",
		"failure-domain.beta.kubernetes.io/region",
		"failure-domain.beta.kubernetes.io/zone",
		"kubernetes.io/arch",
		"kubernetes.io/hostname",
		"kubernetes.io/os",
		"node.kubernetes.io/instance-type",
		"topology.kubernetes.io/region",
		"topology.kubernetes.io/zone",
	}
}
