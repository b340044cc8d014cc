package container

import (
	"errors"
	"math"
)

const (
	sharesPerCPU = 1024
	minShares    = 2
	cfsPeriod    = 100_000 // µs
	minCFSQuota  = 1_000   // µs
	megabyte     = 1 << 20
	minMemory    = 32 * megabyte
)

// Limits is what a container is asked to stay in: the sum of its executor and its tasks. CPUs are in thousandths of a cpu and
// memory in thousandths of a megabyte, the precision in which Mesos counts scalars.
type Limits struct {
	CPU, Mem *int64 // requests; nil when the resource is not there at all
	// CPULimit and MemLimit are set when a task has limits of its own (TaskInfo.limits): cpus and megabytes, +Inf allowed.
	CPULimit, MemLimit *float64
}

// Milli makes thousandths of a scalar, rounded as Mesos does.
func Milli(v float64) int64 { return int64(math.Round(v * 1000)) }

// shares is cpu.shares: 1024 for each cpu, cut off, 2 at least.
func (l Limits) shares() (uint64, error) {
	if l.CPU == nil {
		return 0, errors.New("Failed to update subsystem 'cpu': No cpus resource given") // Mesos's words
	}
	return max(uint64(float64(*l.CPU)/1000*sharesPerCPU), minShares), nil
}

// quota is cpu.cfs_quota_us, -1 for no bound; ok is false when it is to be left alone. A limit counts whether or not CFS is
// enabled for all containers.
func (l Limits) quota(cfs bool) (us int64, ok bool) {
	if l.CPULimit == nil && !cfs {
		return 0, false
	}
	if l.CPULimit != nil && math.IsInf(*l.CPULimit, 1) {
		return -1, true
	}
	cpus := float64(0)
	switch {
	case l.CPULimit != nil:
		cpus = *l.CPULimit
	case l.CPU != nil:
		cpus = float64(*l.CPU) / 1000
	}
	return max(int64(math.Round(cpus*cfsPeriod)), minCFSQuota), true
}

// memory is memory.soft_limit_in_bytes and memory.limit_in_bytes: whole megabytes, 32 at least; the second is -1 for no bound.
func (l Limits) memory() (soft, hard int64, err error) {
	if l.Mem == nil {
		return 0, 0, errors.New("Failed to update subsystem 'memory': No memory resource given") // Mesos's words
	}
	soft = max(*l.Mem/1000*megabyte, minMemory)
	switch {
	case l.MemLimit == nil:
		hard = soft
	case math.IsInf(*l.MemLimit, 1):
		hard = -1
	default:
		hard = max(int64(*l.MemLimit)*megabyte, minMemory)
	}
	return soft, hard, nil
}
