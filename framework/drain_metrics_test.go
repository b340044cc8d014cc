package framework

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

func TestDrainsAreShownWhileWeLead(t *testing.T) {
	d := newDrainCollector()
	require.Equal(t, 0, testutil.CollectAndCount(d))
	d.lead(func() drainCounts {
		return drainCounts{underWay: 2, podsLeft: 7, blocked: map[string]int{"budget": 3}, evictions: map[string]uint64{"accepted": 11}, drained: 4}
	})
	require.NoError(t, testutil.CollectAndCompare(d, strings.NewReader(`
# HELP k8s_framework_drain_pods_blocked Pods of drains under way that do not leave, by what holds them.
# TYPE k8s_framework_drain_pods_blocked gauge
k8s_framework_drain_pods_blocked{cause="budget"} 3
# HELP k8s_framework_evictions_total Answers of the API server to evictions, by result.
# TYPE k8s_framework_evictions_total counter
k8s_framework_evictions_total{result="accepted"} 11
# HELP k8s_framework_drains_ended_total Drains that ended, by whether their node was empty.
# TYPE k8s_framework_drains_ended_total counter
k8s_framework_drains_ended_total{drained="false"} 0
k8s_framework_drains_ended_total{drained="true"} 4
`), "k8s_framework_drain_pods_blocked", "k8s_framework_evictions_total", "k8s_framework_drains_ended_total"))
	d.lead(nil)
	require.Equal(t, 0, testutil.CollectAndCount(d))
}
