//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"k8s-framework/scheduler"
)

// A maintenance planned in Mesos: the node leaves its host by a drain, another host takes its place, and the inverse offer
// is accepted. Taken out of the schedule the host gets a node again, and a drain that is under way is called off.
func maintenanceIsObeyed(t *testing.T) {
	before := nodesReady(t, 3)
	framework := state(t).FrameworkID
	order(t, "apply", "-f", edited(t, map[string]any{"drain": map[string]any{"deadline": "5m", "then": "force"}}))
	deployment(t, "stays", 6, map[string]string{"DELAY": "1s"})
	spread(t, "stays", hosts(before))
	available(t, "stays", 6)
	budget(t, "stays", 5)
	watching := observe(t, "stays")
	first, second := before[0], before[1]
	t.Cleanup(func() { require.NoError(t, shared.ScheduleMaintenance(context.Background(), time.Time{})) })
	inHalfAnHour := time.Now().Add(30 * time.Minute)
	require.NoError(t, shared.ScheduleMaintenance(t.Context(), inHalfAnHour, string(first.Host)))
	planned := time.Now()
	gone(t, first.Name)
	require.Empty(t, kubelets(t, string(first.Host)))
	for _, n := range nodesReady(t, 3) {
		require.NotEqual(t, first.Host, n.Host, "the host gets no new node")
	}
	fewest, _ := watching.result()
	require.GreaterOrEqual(t, fewest, 5, "fewer pods were ready than the budget demands")
	available(t, "stays", 6)
	eventually(t, "the inverse offer to be accepted", func(ctx context.Context) error {
		answer, err := shared.MaintenanceAnswer(ctx, string(first.Host), framework)
		if err == nil && answer != "ACCEPT" {
			err = fmt.Errorf("the master says %q", answer)
		}
		return err
	})
	took(t, "schedule → host free and the inverse offer accepted", planned)
	consistent(t)

	deployment(t, "holds", 3, nil)
	spread(t, "holds", hosts(nodesReady(t, 3)))
	available(t, "holds", 3)
	budget(t, "holds", 3)
	require.NoError(t, shared.ScheduleMaintenance(t.Context(), inHalfAnHour, string(first.Host), string(second.Host)))
	phase(t, second.Name, scheduler.Draining)
	eventually(t, "the inverse offer to be declined while the node drains", func(ctx context.Context) error {
		answer, err := shared.MaintenanceAnswer(ctx, string(second.Host), framework)
		if err == nil && (answer != "DECLINE" || !cordoned(t, string(second.Host))) {
			err = fmt.Errorf("the master says %q", answer)
		}
		return err
	})
	require.NoError(t, shared.ScheduleMaintenance(t.Context(), time.Time{}))
	withdrawn := time.Now()
	order(t, "scale", pool, "4")
	phase(t, second.Name, scheduler.Ready)
	uncordoned(t, string(second.Host))
	took(t, "schedule withdrawn → drain called off", withdrawn)
	on(t, nodesReady(t, 4), string(first.Host))
	took(t, "schedule withdrawn → the host has a node again", withdrawn)
	require.Empty(t, state(t).Maintenance)
	consistent(t)
	order(t, "scale", pool, "3", "--wait")
	consistent(t)
}
