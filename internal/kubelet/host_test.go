package kubelet

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// plant writes files below a new directory: each line is "path content", an empty content makes a directory.
func plant(t *testing.T, lines string) string {
	t.Helper()
	dir := t.TempDir()
	for line := range strings.Lines(lines) {
		file, content, _ := strings.Cut(strings.TrimSpace(line), " ")
		if file == "" {
			continue
		}
		if content == "" {
			require.NoError(t, os.MkdirAll(filepath.Join(dir, file), 0o755))
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(content+"\n"), 0o644))
	}
	return dir
}

func TestReadHostCountsAsAKubelet(t *testing.T) {
	for _, test := range []struct {
		name, tree string
		want       Host
		wrong      string
	}{
		{
			name: "two nodes, one CPU unplugged, one without topology, two sizes of huge pages",
			tree: `proc/meminfo MemTotal:       24684084 kB
				sys/devices/system/cpu/online 0-2,4
				sys/devices/system/node/node0/cpu0/topology/core_id 0
				sys/devices/system/node/node0/cpu0/topology/physical_package_id 0
				sys/devices/system/node/node0/cpu1/topology/core_id 0
				sys/devices/system/node/node0/cpu1/topology/physical_package_id 0
				sys/devices/system/node/node0/cpumap 3
				sys/devices/system/node/node1/cpu2/topology
				sys/devices/system/node/node1/cpu3/topology/core_id 0
				sys/devices/system/node/node1/cpu3/topology/physical_package_id 1
				sys/devices/system/node/node1/cpu4/topology/core_id 1
				sys/devices/system/node/node1/cpu4/topology/physical_package_id 1
				sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages 3
				sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages 1
				proc/driver/nvidia/gpus/0000:3b:00.0/information Model: x
				proc/driver/nvidia/gpus/0000:af:00.0/information Model: x`,
			want: Host{MilliCPU: 3000, MemoryBytes: 24684084 * 1024, HugePagesBytes: 3*2<<20 + 1<<30, MilliGPU: 2000},
		},
		{
			name: "no nodes",
			tree: `proc/meminfo MemTotal: 1024 kB
				sys/devices/system/cpu/cpu0
				sys/devices/system/cpu/cpu11
				sys/devices/system/cpu/cpufreq`,
			want: Host{MilliCPU: 2000, MemoryBytes: 1 << 20},
		},
		{name: "no memory", tree: "proc/meminfo MemFree: 1 kB\nsys/devices/system/cpu/cpu0", wrong: "has no line MemTotal"},
		{name: "no CPU", tree: "proc/meminfo MemTotal: 1 kB\nsys/devices/system/cpu/online 0", wrong: "has no cpu directories"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := plant(t, test.tree)
			host, err := ReadHost(dir+"/proc", dir+"/sys", dir)
			if test.wrong != "" {
				require.ErrorContains(t, err, test.wrong)
				return
			}
			require.NoError(t, err)
			assert.Positive(t, host.DiskBytes)
			host.DiskBytes = 0
			assert.Equal(t, test.want, host)
		})
	}
}

func TestReadHostOfThisMachine(t *testing.T) {
	host, err := ReadHost("/proc", "/sys", t.TempDir())
	require.NoError(t, err)
	assert.Positive(t, host.MilliCPU)
	assert.Zero(t, host.MilliCPU%1000)
	assert.Greater(t, host.MemoryBytes, int64(64<<20))
}
