package operator

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"k8s-framework/scheduler"
)

// seen is what a state shows at a time of a rolling change, and what Follow makes of it.
type seen struct {
	phases  in
	old     scheduler.NodeName // is still of version 1
	rollout scheduler.Rollout
	missing int
	paused  bool
	size    scheduler.Amount // MiB in thousandths, of each node
	err     error
}

func (s seen) view() (scheduler.View, error) {
	pool := scheduler.PoolView{PoolRecord: scheduler.PoolRecord{Pool: scheduler.Pool{Name: "blue", Nodes: 2, Paused: s.paused}, Rollout: s.rollout}, Missing: s.missing}
	view := scheduler.View{Pools: []scheduler.PoolView{pool}}
	for _, name := range []scheduler.NodeName{"blue-1", "blue-2", "blue-3"} {
		phase, there := s.phases[name]
		if !there {
			continue
		}
		node := scheduler.Node{Name: name, Pool: "blue", Host: "h" + scheduler.Hostname(name[len(name)-1:]), Phase: phase, Version: 2, Why: "so it is"}
		node.Tasks = []scheduler.Task{{Resources: scheduler.Resources{Mem: s.size}}}
		if name == s.old {
			node.Version = 1
			view.Pools[0].Outdated = 1
		}
		view.Nodes = append(view.Nodes, scheduler.NodeView{Node: node})
	}
	return view, s.err
}

// followed lets somebody wait who sees one state after the other, a second apart; the last one stays.
func followed(t *testing.T, goal goal, states ...seen) (printed string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		state := func(context.Context) (scheduler.View, error) {
			now := states[0]
			if len(states) > 1 {
				states = states[1:]
			}
			return now.view()
		}
		err = follow(t.Context(), state, goal, time.Minute, &out)
		printed = out.String()
	})
	return printed, err
}

type in = map[scheduler.NodeName]scheduler.Phase

func TestARollingChangeIsFollowedToItsEnd(t *testing.T) {
	rolling := scheduler.Rollout{Version: 2}
	printed, err := followed(
		t, goal{pools: []string{"blue"}, change: true},
		seen{phases: in{"blue-1": scheduler.Draining, "blue-2": scheduler.Ready}, old: "blue-1", rollout: rolling},
		seen{err: errors.New("no instance answers")},
		seen{err: errors.New("no instance answers")},
		seen{phases: in{"blue-2": scheduler.Ready}, rollout: rolling, missing: 1},
		seen{phases: in{"blue-2": scheduler.Ready, "blue-3": scheduler.NotReady}, rollout: rolling},
		seen{phases: in{"blue-2": scheduler.Ready, "blue-3": scheduler.Ready}, rollout: rolling},
		seen{phases: in{"blue-2": scheduler.Ready, "blue-3": scheduler.Ready}, rollout: scheduler.Rollout{Version: 2, Done: true}},
	)
	require.NoError(t, err)
	require.Equal(t, `00:00:00  node blue-1 on h1: Draining: so it is
00:00:01  no instance answers; trying again
00:00:03  node blue-1: over, and forgotten
00:00:04  node blue-3 on h3: NotReady: so it is
00:00:05  node blue-3 on h3: Ready: so it is
`, printed)
}

func TestANodeThatGrowsIsSeenToGrow(t *testing.T) {
	both := in{"blue-1": scheduler.Ready, "blue-2": scheduler.Ready}
	printed, err := followed(
		t, goal{pools: []string{"blue"}, change: true},
		seen{phases: both, rollout: scheduler.Rollout{Version: 2}, size: 1_000_000},
		seen{phases: both, rollout: scheduler.Rollout{Version: 2, Done: true}, size: 1_100_000},
	)
	require.NoError(t, err)
	require.Equal(t, `00:00:01  node blue-1 on h1: has mem:1100 now
00:00:01  node blue-2 on h2: has mem:1100 now
`, printed)
}

func TestAWaitEndsBadly(t *testing.T) {
	both := in{"blue-1": scheduler.Ready, "blue-2": scheduler.Ready}
	change := goal{pools: []string{"blue"}, change: true}
	for says, each := range map[string]struct {
		goal   goal
		states []seen
	}{
		"pool blue: the change is stopped: 3 nodes failed": {change, []seen{{phases: both, rollout: scheduler.Rollout{Version: 2, Stopped: "3 nodes failed"}}}},
		"pool blue: version 2 was followed, and it has version 3 now: version 2 failed": {change, []seen{
			{phases: both, rollout: scheduler.Rollout{Version: 2}}, {phases: both, rollout: scheduler.Rollout{Version: 3, Done: true, RolledBack: "version 2 failed"}},
		}},
		"pool blue: the change is paused with 1 nodes to go":                                         {change, []seen{{phases: both, old: "blue-1", paused: true, rollout: scheduler.Rollout{Version: 2}}}},
		"--timeout of 1m0s has passed, what was asked for goes on: pool blue: version 2 is not done": {change, []seen{{phases: both, rollout: scheduler.Rollout{Version: 2}}}},
		"goes on: pool blue: 1 nodes are outdated":                                                   {change, []seen{{phases: both, old: "blue-1", rollout: scheduler.Rollout{Version: 2}}}},
		"goes on: pool blue: 1 nodes are missing":                                                    {goal{pools: []string{"blue"}}, []seen{{phases: in{"blue-1": scheduler.Ready}, missing: 1}}},
		"goes on: pool blue: 3 nodes, 2 of them Ready, want 2": {goal{pools: []string{"blue"}}, []seen{
			{phases: in{"blue-1": scheduler.Ready, "blue-2": scheduler.Ready, "blue-3": scheduler.Stopping}},
		}},
		"goes on: pool blue: node blue-1 is still there, Draining: so it is": {goal{pools: []string{"blue"}, without: "blue-1"}, []seen{
			{phases: in{"blue-1": scheduler.Draining, "blue-2": scheduler.Ready}},
		}},
		"goes on: nothing is known yet": {change, []seen{{err: errors.New("away")}}},
		"pool red is being deleted":     {goal{pools: []string{"red"}}, []seen{{}}},
	} {
		_, err := followed(t, each.goal, each.states...)
		require.ErrorContains(t, err, says)
	}
}

func TestAScaledPoolNeedNotFinishItsChange(t *testing.T) {
	printed, err := followed(t, goal{pools: []string{"blue"}}, seen{
		phases: in{"blue-1": scheduler.Ready, "blue-2": scheduler.Ready}, old: "blue-1", rollout: scheduler.Rollout{Version: 2, Stopped: "3 nodes failed"},
	})
	require.NoError(t, err)
	require.Empty(t, printed)
}

func TestAnInterruptedWaitSaysThatItGoesOn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := follow(ctx, func(context.Context) (scheduler.View, error) { return seen{missing: 2}.view() }, goal{pools: []string{"blue"}}, time.Minute, &strings.Builder{})
	require.ErrorContains(t, err, "the wait was interrupted, what was asked for goes on: pool blue: 2 nodes are missing")
}
