package executor

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/kubelet"
)

// Counted by hand by the rules of k8s.io/component-helpers/resource.
func TestWhatAPodAsksFor(t *testing.T) {
	const (
		small = `"resources":{"requests":{"cpu":"100m","memory":"64Mi","ephemeral-storage":"1Gi"}}`
		large = `"resources":{"requests":{"cpu":"1","memory":"1Gi"}}`
	)
	for name, test := range map[string]struct {
		spec string
		want kubelet.Slice
	}{
		"nothing":    {`{"containers":[{}]}`, kubelet.Slice{}},
		"containers": {`{"containers":[{` + small + `},{` + large + `}]}`, kubelet.Slice{MilliCPU: 1100, MemoryBytes: 1088 << 20, DiskBytes: 1 << 30}},
		"a start that needs more": {
			`{"initContainers":[{` + large + `},{` + small + `}],"containers":[{` + small + `}]}`,
			kubelet.Slice{MilliCPU: 1000, MemoryBytes: 1 << 30, DiskBytes: 1 << 30},
		},
		"a sidecar": {
			`{"initContainers":[{"restartPolicy":"Always",` + small + `},{` + large + `}],"containers":[{` + small + `}]}`,
			kubelet.Slice{MilliCPU: 1100, MemoryBytes: 1088 << 20, DiskBytes: 2 << 30},
		},
		"a sidecar after the start": {
			`{"initContainers":[{` + small + `},{"restartPolicy":"Always",` + large + `}],"containers":[{` + small + `}]}`,
			kubelet.Slice{MilliCPU: 1100, MemoryBytes: 1088 << 20, DiskBytes: 1 << 30},
		},
		"for itself as a whole": {
			`{"resources":{"requests":{"cpu":"300m"}},"containers":[{` + large + `}]}`, kubelet.Slice{MilliCPU: 300, MemoryBytes: 1 << 30},
		},
		"with overhead": {
			`{"overhead":{"cpu":"10m","memory":"8Mi"},"containers":[{` + small + `}]}`,
			kubelet.Slice{MilliCPU: 110, MemoryBytes: 72 << 20, DiskBytes: 1 << 30},
		},
	} {
		var pod apiPod
		require.NoError(t, json.Unmarshal([]byte(`{"spec":`+test.spec+`}`), &pod), name)
		assert.Equal(t, test.want, asksOf(pod), name)
	}
}

func TestWhoLeaves(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2030, 1, 1, 0, minute, 0, 0, time.UTC) }
	cpu := func(name string, milli int64, priority int32, minute int) tenant {
		return tenant{namespace: "a", name: name, asks: kubelet.Slice{MilliCPU: milli}, priority: priority, created: at(minute), evictable: true}
	}
	memory := tenant{namespace: "a", name: "memory", asks: kubelet.Slice{MemoryBytes: 1 << 30}, created: at(9), evictable: true}
	daemon := cpu("daemon", 500, -10, 9)
	daemon.evictable = false
	leaving := cpu("leaving", 300, 100, 1)
	leaving.leaving = true
	pods := []tenant{cpu("old", 200, 0, 1), cpu("young", 200, 0, 5), cpu("important", 300, 10, 8), memory, daemon}
	slice := func(milli int64) kubelet.Slice { return kubelet.Slice{MilliCPU: milli, MemoryBytes: 1 << 30} }
	for _, test := range []struct {
		name  string
		pods  []tenant
		slice kubelet.Slice
		want  string
		fits  bool
	}{
		{"all fit", pods, slice(1200), "", true},
		{"the youngest of the lowest priority", pods, slice(1000), "a/young", true},
		{"then the next", pods, slice(900), "a/young a/old", true},
		{"then those of more priority", pods, slice(500), "a/young a/old a/important", true},
		{"what cannot be evicted is counted", pods, slice(499), "a/young a/old a/important", false},
		{"only what there is too little of", pods, kubelet.Slice{MilliCPU: 1200, MemoryBytes: 1 << 29}, "a/memory", true},
		{"parked: all", pods, kubelet.Slice{}, "a/memory a/young a/old a/important", false},
		{"what leaves already makes room first", append([]tenant{leaving}, pods...), slice(1200), "a/leaving", true},
		{"disk counts where the tasks hold some", []tenant{{namespace: "a", name: "disk", asks: kubelet.Slice{DiskBytes: 2}, evictable: true}}, kubelet.Slice{MilliCPU: 1000, MemoryBytes: 1 << 30, DiskBytes: 1}, "a/disk", true},
		{"and not where they hold none", []tenant{{namespace: "a", name: "disk", asks: kubelet.Slice{DiskBytes: 2}, evictable: true}}, slice(1000), "", true},
	} {
		leave, fits := leavers(test.pods, test.slice)
		var names []string
		for _, each := range leave {
			names = append(names, each.String())
		}
		assert.Equal(t, test.want, strings.Join(names, " "), test.name)
		assert.Equal(t, test.fits, fits, test.name)
	}
}

func TestWhoCanBeEvicted(t *testing.T) {
	for text, want := range map[string]bool{
		`{"metadata":{"name":"bare"}}`: true,
		`{"metadata":{"ownerReferences":[{"kind":"ReplicaSet","controller":true}]}}`:                    true,
		`{"metadata":{"ownerReferences":[{"kind":"DaemonSet","controller":true}]}}`:                     false,
		`{"metadata":{"ownerReferences":[{"kind":"DaemonSet"}]}}`:                                       true,
		`{"metadata":{"annotations":{"kubernetes.io/config.mirror":"x"}},"status":{"phase":"Running"}}`: false,
	} {
		var pod apiPod
		require.NoError(t, json.Unmarshal([]byte(text), &pod))
		assert.Equal(t, want, tenantOf(pod).evictable, text)
	}
}
