package container

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

const unlimited = -1

// The figures are those of a real agent's cgroups.
func TestLimits(t *testing.T) {
	milli := func(v ...float64) *int64 {
		var sum int64
		for _, x := range v {
			sum += Milli(x)
		}
		return &sum
	}
	limit := func(v float64) *float64 { return &v }
	mb := func(n int64) int64 { return n << 20 }
	for name, c := range map[string]struct {
		l          Limits
		cfs        bool
		shares     uint64
		quota      int64 // 0: left alone
		soft, hard int64
	}{
		"executor and one task":     {Limits{CPU: milli(0.1, 0.5), Mem: milli(32, 64)}, false, 614, 0, mb(96), mb(96)},
		"the executor alone":        {Limits{CPU: milli(0.1), Mem: milli(32)}, false, 102, 0, mb(32), mb(32)},
		"several tasks":             {Limits{CPU: milli(0.1, 0.5, 0.1, 0.1, 0.1), Mem: milli(32, 160)}, false, 921, 0, mb(192), mb(192)},
		"with CFS":                  {Limits{CPU: milli(0.1, 1.5), Mem: milli(224)}, true, 1638, 160000, mb(224), mb(224)},
		"scalars are rounded":       {Limits{CPU: milli(0.1234567, 0.0104), Mem: milli(64.0004, 32)}, false, 136, 0, mb(96), mb(96)},
		"a megabyte is not split":   {Limits{CPU: milli(3.142), Mem: milli(4096.7)}, false, 3217, 0, mb(4096), mb(4096)},
		"nothing is the least":      {Limits{CPU: milli(0), Mem: milli(0)}, true, 2, 1000, mb(32), mb(32)},
		"limits above the requests": {Limits{CPU: milli(0.6), Mem: milli(96), CPULimit: limit(1.1), MemLimit: limit(288)}, false, 614, 110000, mb(96), mb(288)},
		"no bound": {
			Limits{CPU: milli(0.6), Mem: milli(96), CPULimit: limit(math.Inf(1)), MemLimit: limit(math.Inf(1))}, false, 614, unlimited, mb(96), unlimited,
		},
	} {
		t.Run(name, func(t *testing.T) {
			shares, err := c.l.shares()
			require.NoError(t, err)
			require.Equal(t, c.shares, shares)
			quota, ok := c.l.quota(c.cfs)
			require.Equal(t, c.quota != 0, ok)
			require.Equal(t, c.quota, quota)
			soft, hard, err := c.l.memory()
			require.NoError(t, err)
			require.Equal(t, [2]int64{c.soft, c.hard}, [2]int64{soft, hard})
		})
	}
}

func TestMissingResourcesAreErrors(t *testing.T) {
	_, err := Limits{}.shares()
	require.ErrorContains(t, err, "No cpus resource given")
	_, _, err = Limits{}.memory()
	require.ErrorContains(t, err, "No memory resource given")
}

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{0: "0B", 1: "1B", 1 << 10: "1KB", 96 << 20: "96MB", 96<<20 + 4096: "98308KB", 1 << 30: "1GB"} {
		require.Equal(t, want, bytesText(n))
	}
}
