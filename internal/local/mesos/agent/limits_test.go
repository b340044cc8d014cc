package agent

import (
	"math"
	"os"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/stretchr/testify/require"
)

func appendText(t *testing.T, file, s string) {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(s)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestLimitsOf(t *testing.T) {
	limit := func(v ...float64) map[string]mesos.Value_Scalar {
		return map[string]mesos.Value_Scalar{"cpus": {Value: v[0]}, "mem": {Value: v[1]}}
	}
	inf := math.Inf(1)
	for name, c := range map[string]struct {
		tasks    []demand
		cfs      bool
		cpu, mem int64
		cpus, mb *float64
	}{
		"no task":     {nil, false, 100, 32000, nil, nil},
		"no limits":   {[]demand{{resourcesOf(0.5, 64), nil}}, true, 600, 96000, nil, nil},
		"limits":      {[]demand{{resourcesOf(0.5, 64), limit(1, 256)}}, false, 600, 96000, ptr(1.1), ptr(288)},
		"infinite":    {[]demand{{resourcesOf(0.5, 64), limit(inf, inf)}}, false, 600, 96000, ptr(inf), ptr(inf)},
		"one without": {[]demand{{resourcesOf(0.5, 64), limit(1, 256)}, {resourcesOf(1, 32), nil}}, false, 1600, 128000, nil, ptr(320)},
		"with CFS":    {[]demand{{resourcesOf(0.5, 64), limit(1, 256)}, {resourcesOf(1, 32), nil}}, true, 1600, 128000, ptr(2.1), ptr(320)},
	} {
		t.Run(name, func(t *testing.T) {
			l := limitsOf(resourcesOf(0.1, 32), c.tasks, c.cfs)
			require.Equal(t, c.cpu, *l.CPU)
			require.Equal(t, c.mem, *l.Mem)
			require.Equal(t, c.cpus, l.CPULimit)
			require.Equal(t, c.mb, l.MemLimit)
		})
	}
	l := limitsOf(nil, nil, false)
	require.Nil(t, l.CPU)
	require.Nil(t, l.Mem)
}

func ptr(v float64) *float64 { return &v }
