package drain

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Pods as the API server writes them, with the fields that matter.
func TestFateOf(t *testing.T) {
	for _, test := range []struct {
		name, pod string
		want      fate
	}{
		{"of a ReplicaSet", `{"metadata":{"ownerReferences":[{"kind":"ReplicaSet","controller":true}]}}`, evict},
		{"bare", `{"metadata":{"name":"a"}}`, evict},
		{"with an emptyDir", `{"spec":{"volumes":[{"name":"v","emptyDir":{}}]}}`, evict},
		{"completed", `{"metadata":{"ownerReferences":[{"kind":"Job","controller":true}]},"status":{"phase":"Succeeded"}}`, evict},
		{"high, not critical", `{"spec":{"priority":1000000000,"priorityClassName":"high"}}`, evict},
		{"cluster-critical", `{"spec":{"priority":2000000000,"priorityClassName":"system-cluster-critical"}}`, evictLast},
		{"node-critical", `{"spec":{"priority":2000001000}}`, evictLast},
		{"critical by name alone", `{"spec":{"priorityClassName":"system-node-critical"}}`, evictLast},
		{"DaemonSet's", `{"metadata":{"ownerReferences":[{"kind":"DaemonSet","apiVersion":"apps/v1","controller":true}]}}`, leave},
		{"DaemonSet's, failed", `{"metadata":{"ownerReferences":[{"kind":"DaemonSet","controller":true}]},"status":{"phase":"Failed"}}`, leave},
		{"another group's DaemonSet's", `{"metadata":{"ownerReferences":[{"kind":"DaemonSet","apiVersion":"apps.kruise.io/v1alpha1","controller":true}]}}`, leave},
		{"owned but not controlled", `{"metadata":{"ownerReferences":[{"kind":"DaemonSet"}]}}`, evict},
		{"mirror", `{"metadata":{"annotations":{"kubernetes.io/config.mirror":"0a"},"ownerReferences":[{"kind":"Node","controller":true}]}}`, leave},
		{"mirror, critical", `{"metadata":{"annotations":{"kubernetes.io/config.mirror":"0a"}},"spec":{"priority":2000001000}}`, leave},
	} {
		t.Run(test.name, func(t *testing.T) {
			var w wirePod
			require.NoError(t, json.Unmarshal([]byte(test.pod), &w))
			assert.Equal(t, test.want, fateOf(w))
		})
	}
}

func TestPodOf(t *testing.T) {
	var w wirePod
	require.NoError(t, json.Unmarshal([]byte(`{
		"metadata":{"namespace":"n","name":"a","uid":"u","labels":{"app":"web"},"deletionTimestamp":"2026-01-02T03:04:05Z","finalizers":["f"]},
		"spec":{"volumes":[{"name":"x","emptyDir":{}},{"name":"y","persistentVolumeClaim":{"claimName":"data"}},{"name":"z","ephemeral":{"volumeClaimTemplate":{}}}]},
		"status":{"phase":"Running","conditions":[{"type":"Initialized","status":"True"},{"type":"Ready","status":"True"}]}}`), &w))
	assert.Equal(t, pod{
		namespace: "n", name: "a", uid: "u", labels: map[string]string{"app": "web"}, ready: true,
		leaving: true, due: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), finalizers: []string{"f"}, claims: []string{"data", "a-z"},
	}, podOf(w))
}

func TestBudgetsCountRunningPodsOnly(t *testing.T) {
	for phase, unguarded := range map[string]bool{"Pending": true, "Running": false, "Succeeded": true, "Failed": true, "Unknown": false} {
		var w wirePod
		w.Status.Phase = phase
		assert.Equal(t, unguarded, podOf(w).unguarded, phase)
	}
}
