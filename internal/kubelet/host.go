package kubelet

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ReadHost counts the machine as a kubelet does (cadvisor's machine package), which is not what a process is allowed to use:
// every online CPU that a memory node lists, whatever the affinity; MemTotal of /proc/meminfo, whatever the cgroup's limit.
// GPUs are those that the NVIDIA driver lists, the only ones that Mesos knows. procDir and sysDir are /proc and /sys; rootDir is the kubelet's root directory and must exist.
func ReadHost(procDir, sysDir, rootDir string) (Host, error) {
	cpus, err := countCPUs(sysDir)
	if err != nil {
		return Host{}, fmt.Errorf("count the host's CPUs: %w", err)
	}
	memory, err := memTotal(filepath.Join(procDir, "meminfo"))
	if err != nil {
		return Host{}, fmt.Errorf("read the host's memory: %w", err)
	}
	huge, err := hugePages(filepath.Join(sysDir, "kernel/mm/hugepages"))
	if err != nil {
		return Host{}, fmt.Errorf("count the host's huge pages: %w", err)
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(rootDir, &disk); err != nil {
		return Host{}, fmt.Errorf("size of the file system of %s: %w", rootDir, err)
	}
	gpus, err := os.ReadDir(filepath.Join(procDir, "driver/nvidia/gpus"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Host{}, fmt.Errorf("count the host's GPUs: %w", err)
	}
	return Host{
		MilliCPU: int64(cpus) * 1000, MemoryBytes: memory, HugePagesBytes: huge,
		DiskBytes: int64(disk.Blocks) * disk.Frsize, MilliGPU: int64(len(gpus)) * 1000,
	}, nil
}

// countCPUs counts the CPUs below each memory node that are online and have a place in the topology; where the kernel shows
// no nodes, all CPU directories.
func countCPUs(sysDir string) (int, error) {
	devices := filepath.Join(sysDir, "devices/system")
	nodes, err := filepath.Glob(filepath.Join(devices, "node/node[0-9]*"))
	if err != nil {
		return 0, err
	}
	if len(nodes) == 0 {
		cpus, err := filepath.Glob(filepath.Join(devices, "cpu/cpu[0-9]*"))
		if err == nil && len(cpus) == 0 {
			err = fmt.Errorf("%s has no cpu directories", filepath.Join(devices, "cpu"))
		}
		return len(cpus), err
	}
	isOnline, err := onlineCPUs(filepath.Join(devices, "cpu/online"))
	if err != nil {
		return 0, err
	}
	count := 0
	for _, node := range nodes {
		cpus, err := filepath.Glob(filepath.Join(node, "cpu[0-9]*"))
		if err != nil {
			return 0, err
		}
		for _, cpu := range cpus {
			number, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(cpu), "cpu"))
			if err != nil || !isOnline(number) {
				continue
			}
			if exists(filepath.Join(cpu, "topology/core_id")) && exists(filepath.Join(cpu, "topology/physical_package_id")) {
				count++
			}
		}
	}
	if count == 0 {
		return 0, fmt.Errorf("no CPU below %s is online", filepath.Join(devices, "node"))
	}
	return count, nil
}

// onlineCPUs reads a list such as "0-3,8". Without the file, CPUs cannot be unplugged: all are online.
func onlineCPUs(file string) (func(int) bool, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return func(int) bool { return true }, nil
	}
	if err != nil {
		return nil, err
	}
	type span struct{ from, to int }
	var spans []span
	for part := range strings.SplitSeq(strings.TrimSpace(string(text)), ",") {
		first, last, isRange := strings.Cut(part, "-")
		from, err := strconv.Atoi(first)
		to := from
		if err == nil && isRange {
			to, err = strconv.Atoi(last)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %q is no list of CPUs", file, text)
		}
		spans = append(spans, span{from, to})
	}
	return func(cpu int) bool {
		for _, s := range spans {
			if s.from <= cpu && cpu <= s.to {
				return true
			}
		}
		return false
	}, nil
}

// memTotal is MemTotal in bytes; the file counts KiB.
func memTotal(file string) (int64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[0] == "MemTotal:" && fields[2] == "kB" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", file, err)
			}
			return kib * 1024, nil
		}
	}
	return 0, fmt.Errorf("%s has no line MemTotal", file)
}

// hugePages is the memory in preallocated huge pages of every size, in bytes.
func hugePages(dir string) (int64, error) {
	sizes, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var total int64
	for _, size := range sizes {
		name := strings.TrimSuffix(strings.TrimPrefix(size.Name(), "hugepages-"), "kB")
		kib, err := strconv.ParseInt(name, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %q names no page size", dir, size.Name())
		}
		text, err := os.ReadFile(filepath.Join(dir, size.Name(), "nr_hugepages"))
		if err != nil {
			return 0, err
		}
		number, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s of %s: %w", "nr_hugepages", size.Name(), err)
		}
		total += number * kib * 1024
	}
	return total, nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
