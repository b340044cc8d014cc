package agent

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"golang.org/x/sys/unix"
)

// DetectResources adds what the flags do not say: all cpus, the host's memory and the disk's size each less a reserve of 1 GB
// and 5 GB (half of it where there is less than twice that), and the ports from 31000 to 32000.
func DetectResources(given []mesos.Resource, workDir string) ([]mesos.Resource, error) {
	all := append([]mesos.Resource(nil), given...)
	has := func(name string) bool {
		for i := range given {
			if given[i].Name == name {
				return true
			}
		}
		return false
	}
	add := func(name string, value float64) {
		all = append(all, mesos.Resource{Name: name, Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: value}})
	}
	if !has("cpus") {
		add("cpus", float64(runtime.NumCPU()))
	}
	if !has("mem") {
		mb, err := hostMemory()
		if err != nil {
			return nil, err
		}
		add("mem", float64(lessReserve(mb, 1<<10)))
	}
	if !has("disk") {
		var fs unix.Statfs_t
		if err := unix.Statfs(workDir, &fs); err != nil {
			return nil, fmt.Errorf("size of the disk of --work_dir=%s: %w", workDir, err)
		}
		add("disk", float64(lessReserve(int64(fs.Blocks)*fs.Bsize>>20, 5<<10)))
	}
	if !has("ports") {
		all = append(all, mesos.Resource{Name: "ports", Type: mesos.RANGES.Enum(), Ranges: &mesos.Value_Ranges{
			Range: []mesos.Value_Range{{Begin: 31000, End: 32000}},
		}})
	}
	return all, nil
}

func lessReserve(mb, reserve int64) int64 {
	if mb < 2*reserve {
		return mb / 2
	}
	return mb - reserve
}

func hostMemory() (int64, error) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("size of the memory: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "MemTotal:" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("size of the memory: %w", err)
			}
			return kb >> 10, nil
		}
	}
	return 0, fmt.Errorf("size of the memory: no MemTotal in /proc/meminfo")
}
