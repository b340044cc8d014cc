package link

import (
	"math"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/stretchr/testify/require"
)

func TestInfiniteLimitsSurvive(t *testing.T) {
	m := &RunTasks{
		Framework: mesos.FrameworkInfo{Name: "f"}, Launch: true,
		Tasks: []mesos.TaskInfo{{Name: "t", Limits: map[string]mesos.Value_Scalar{"cpus": {Value: math.Inf(1)}}}},
	}
	back := roundTrip(t, m).(*RunTasks)
	require.True(t, math.IsInf(back.Tasks[0].Limits["cpus"].Value, 1))
	require.True(t, back.Launch)
	require.Equal(t, "f", back.Framework.Name)
}
