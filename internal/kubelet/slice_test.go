package kubelet

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWithinComparesEveryDimension(t *testing.T) {
	slice := Slice{MilliCPU: 1000, MemoryBytes: 1 << 30, DiskBytes: 1 << 33, MilliGPU: 1000}
	assert.True(t, slice.Within(slice))
	for name, smaller := range map[string]Slice{
		"CPU":    {MilliCPU: 999, MemoryBytes: 1 << 30, DiskBytes: 1 << 33, MilliGPU: 1000},
		"memory": {MilliCPU: 1000, MemoryBytes: 1<<30 - 1, DiskBytes: 1 << 33, MilliGPU: 1000},
		"disk":   {MilliCPU: 1000, MemoryBytes: 1 << 30, DiskBytes: 1<<33 - 1, MilliGPU: 1000},
		"GPU":    {MilliCPU: 1000, MemoryBytes: 1 << 30, DiskBytes: 1 << 33},
	} {
		assert.False(t, slice.Within(smaller), name)
		assert.True(t, smaller.Within(slice), name)
	}
	whole := Slice{MilliCPU: 1000, MemoryBytes: 1 << 30, MilliGPU: 1000} // no disk of its own: all of the file system
	assert.True(t, slice.Within(whole))
	assert.False(t, whole.Within(slice))
	assert.True(t, whole.Within(whole))
}

func TestParkedIsLessThanMesosOffers(t *testing.T) {
	assert.True(t, Slice{}.Parked())
	assert.True(t, Slice{MilliCPU: 9, MemoryBytes: 1 << 40}.Parked())
	assert.True(t, Slice{MilliCPU: 4000, MemoryBytes: 32<<20 - 1}.Parked())
	assert.False(t, Slice{MilliCPU: 10, MemoryBytes: 32 << 20}.Parked())
}
