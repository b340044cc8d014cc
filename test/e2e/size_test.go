//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"

	"k8s-framework/scheduler"
)

// Nodes grow and shrink in place: Allocatable follows, Node objects and pods stay what they are.
func nodesChangeTheirSize(t *testing.T) {
	before := nodesReady(t, 3)
	deployment(t, "settled", 6, nil)
	spread(t, "settled", hosts(before))
	available(t, "settled", 6)
	containers, objects := containerIDs(t, "settled"), nodeUIDs(t, before)
	for _, size := range []struct {
		cpus float64
		mem  int
		want corev1.ResourceList
	}{
		{1.7, 1280, slice("1.7", "1280Mi")},
		{1.5, 1024, slice(sliceCPUs, sliceMem+"Mi")},
	} {
		file := edited(t, map[string]any{"resources": map[string]any{"cpus": size.cpus, "mem": size.mem}, "maxUnavailable": 3})
		began := time.Now()
		order(t, "apply", "-f", file, "--wait")
		for _, n := range before {
			capacityOf(t, string(n.Host), size.want)
		}
		took(t, "3 nodes to "+size.want.Cpu().String()+" CPUs", began)
		require.Equal(t, names(before), names(nodesReady(t, 3)))
		require.Equal(t, objects, nodeUIDs(t, before), "other Node objects")
		available(t, "settled", 6)
		require.Equal(t, containers, containerIDs(t, "settled"), "other pods or containers, or restarts")
		for _, n := range before {
			reserved(t, string(n.Host), size.cpus+0.15, float64(size.mem)+256)
		}
		consistent(t)
	}
	order(t, "apply", "-f", edited(t, map[string]any{"maxUnavailable": 1}))
}

func slice(cpus, memory string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpus), corev1.ResourceMemory: resource.MustParse(memory)}
}

// nodeUIDs tell Node objects of one name apart.
func nodeUIDs(t *testing.T, nodes []scheduler.NodeView) map[string]types.UID {
	t.Helper()
	ids := map[string]types.UID{}
	for _, n := range nodes {
		ids[string(n.Host)] = kubeNode(t, string(n.Host)).UID
	}
	return ids
}
