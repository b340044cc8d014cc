package kubelet

import (
	"fmt"
	"strings"
)

// Slice is what pods may use of a host: the sum of the executor's tasks, without the executor's own share.
type Slice struct {
	// MilliCPU counts thousandths of a CPU.
	MilliCPU int64
	// MemoryBytes and DiskBytes count bytes. No disk means that the tasks hold none: the kubelet then offers the whole file
	// system of its root directory, as Mesos does not divide it.
	MemoryBytes int64
	DiskBytes   int64
	// MilliGPU counts thousandths of a GPU. No setting of a kubelet holds GPUs back: a device plugin offers pods all that the
	// host has. So the tasks hold all of them, or none.
	MilliGPU int64
}

// Parked reports whether the slice is too small for any pod: less CPU, or less memory, than the smallest that Mesos offers
// (0.01 CPUs, 32 MiB). A pod that asks for nothing fits a slice of any size, so a node that is parked must be cordoned.
func (s Slice) Parked() bool { return s.MilliCPU < 10 || s.MemoryBytes < 32<<20 }

// Within reports whether the other slice holds no less of anything, so that whatever fits this one fits the other.
func (s Slice) Within(other Slice) bool {
	return s.MilliCPU <= other.MilliCPU && s.MemoryBytes <= other.MemoryBytes && s.MilliGPU <= other.MilliGPU &&
		(other.DiskBytes == 0 || (s.DiskBytes != 0 && s.DiskBytes <= other.DiskBytes))
}

// Host is what a kubelet counts as the capacity of its machine (see [ReadHost]).
type Host struct {
	MilliCPU    int64
	MemoryBytes int64
	// HugePagesBytes is the memory set aside in huge pages, which a kubelet takes off what it reports as allocatable memory.
	HugePagesBytes int64
	// DiskBytes is the size of the file system that holds the kubelet's root directory; 0 if it was not looked at.
	DiskBytes int64
	// MilliGPU counts thousandths of the GPUs that the host's driver shows.
	MilliGPU int64
}

// reserved is what the kubelet has to hold back from pods so that exactly the slice is left.
type reserved struct{ milliCPU, memoryBytes, diskBytes int64 }

// Fit checks that the slice fits the host; the error says by how much it does not.
func (s Slice) Fit(host Host) error {
	_, err := s.reserve(host)
	return err
}

func (s Slice) reserve(host Host) (reserved, error) {
	var over []string
	left := func(what, unit string, capacity, want int64) int64 {
		switch {
		case want < 0:
			over = append(over, fmt.Sprintf("%s is negative: %d %s", what, want, unit))
		case want > capacity:
			over = append(over, fmt.Sprintf("%s: %d %s of %d, %d too many", what, want, unit, capacity, want-capacity))
		}
		return capacity - want
	}
	rest := reserved{
		milliCPU:    left("CPU", "thousandths", host.MilliCPU, s.MilliCPU),
		memoryBytes: left("memory", "bytes", host.MemoryBytes-host.HugePagesBytes, s.MemoryBytes),
	}
	if s.DiskBytes != 0 {
		rest.diskBytes = left("disk", "bytes", host.DiskBytes, s.DiskBytes)
	}
	if s.MilliGPU != 0 && s.MilliGPU != host.MilliGPU {
		over = append(over, fmt.Sprintf("GPUs: %d thousandths of %d: a device plugin offers pods all of them, so the tasks must hold all or none",
			s.MilliGPU, host.MilliGPU))
	}
	if len(over) > 0 {
		return reserved{}, fmt.Errorf("the tasks' resources do not fit this host: %s", strings.Join(over, "; "))
	}
	return rest, nil
}

// String is the slice for people.
func (s Slice) String() string {
	text := fmt.Sprintf("%dm CPU, %d bytes of memory", s.MilliCPU, s.MemoryBytes)
	if s.DiskBytes != 0 {
		text += fmt.Sprintf(", %d bytes of disk", s.DiskBytes)
	}
	if s.MilliGPU != 0 {
		text += fmt.Sprintf(", %dm GPUs by a device plugin", s.MilliGPU)
	}
	return text
}
