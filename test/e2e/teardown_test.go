//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s-framework/internal/local/site"
	"k8s-framework/scheduler"
)

// The operators of Mesos tear the framework down behind its back: its ID is refused from then on. With nodes recorded it
// takes no new one, but ends and says what to do, and goes on doing so after each start.
func tornDownIsNotForgotten(t *testing.T) {
	nodesReady(t, 3)
	before := state(t)
	_, err := shared.Operate(t.Context(), fmt.Sprintf(`{"type":"TEARDOWN","teardown":{"framework_id":{"value":%q}}}`, before.FrameworkID))
	require.NoError(t, err)
	for i := range shared.Instances {
		instance := shared.Instances[i]
		eventually(t, instance.Name()+" to end", ended(instance))
		last := strings.Join(instance.LastLines(20), "\n")
		require.Contains(t, last, "refuses framework ID "+string(before.FrameworkID))
		require.Contains(t, last, "nodes are recorded")
		require.Contains(t, last, "delete the node records")
		t.Log(instance.LastLines(1))
	}
	for _, n := range before.Nodes {
		eventually(t, "the kubelet on "+string(n.Host)+" to end, as Mesos demands", func(context.Context) error {
			if running := kubelets(t, string(n.Host)); len(running) > 0 {
				return fmt.Errorf("it runs as %v", running)
			}
			return nil
		})
	}
}

// An operator ends everything: nodes are drained, reservations given back, the framework leaves Mesos, every instance ends
// and says so, now and after each start. Where its path in ZooKeeper is deleted it begins anew.
func teardownEndsAll(t *testing.T) {
	nodesReady(t, 3)
	framework := state(t).FrameworkID
	_, err := attempt(t, "teardown")
	require.ErrorContains(t, err, "--yes")
	began := time.Now()
	order(t, "teardown", "--yes")
	_, err = attempt(t, "scale", pool, "1")
	require.ErrorContains(t, err, "torn down")
	for i := range shared.Instances {
		within(t, 4*time.Minute, shared.Instances[i].Name()+" to end", ended(shared.Instances[i]))
		saysTornDown(t, shared.Instances[i])
	}
	took(t, "teardown of 3 nodes", began)
	nothingLeft(t, framework)

	_, _ = shared.RestartInstance(t.Context(), 0) // it may be ready for a moment
	eventually(t, "an instance that is started again to end", ended(shared.Instances[0]))
	saysTornDown(t, shared.Instances[0])
	nothingLeft(t, framework)

	require.NoError(t, shared.ForgetState(t.Context()))
	for i := range shared.Instances {
		_, err := shared.RestartInstance(t.Context(), i)
		require.NoError(t, err)
	}
	nodesReady(t, 3)
	require.NotEqual(t, framework, state(t).FrameworkID)
	consistent(t)
}

func saysTornDown(t *testing.T, i *site.Instance) {
	t.Helper()
	last := i.LastLines(5)
	require.Contains(t, strings.Join(last, "\n"), "the framework was torn down by an operator's command")
	t.Log(i.Name(), last)
}

// nothingLeft: no framework in Mesos, no task, no reservation, no Node object, no kubelet.
func nothingLeft(t *testing.T, framework scheduler.FrameworkID) {
	t.Helper()
	text, err := shared.Operate(t.Context(), `{"type":"GET_FRAMEWORKS"}`)
	require.NoError(t, err)
	var answer struct {
		Get struct {
			Frameworks []json.RawMessage
			Completed  json.RawMessage `json:"completed_frameworks"`
		} `json:"get_frameworks"`
	}
	require.NoError(t, json.Unmarshal(text, &answer))
	require.Empty(t, answer.Get.Frameworks)
	require.Contains(t, string(answer.Get.Completed), string(framework))
	require.Empty(t, activeTasks(t))
	reserved, err := shared.Reservations(t.Context())
	require.NoError(t, err)
	require.Empty(t, reserved)
	objects, err := shared.Kube.Client().CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Empty(t, objects.Items)
	for _, a := range shared.Agents {
		require.Empty(t, kubelets(t, a.Host.Name()))
	}
}

func ended(i *site.Instance) func(context.Context) error {
	return func(context.Context) error {
		select {
		case <-i.Done():
			return nil
		default:
			return errNotYet
		}
	}
}
