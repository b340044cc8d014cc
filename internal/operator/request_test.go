package operator

import (
	"testing"

	"github.com/stretchr/testify/require"

	"k8s-framework/scheduler"
)

// hosts is a state in which names mean several things.
func hosts() scheduler.View {
	pool := func(name scheduler.PoolName) scheduler.PoolView {
		return scheduler.PoolView{PoolRecord: scheduler.PoolRecord{Pool: scheduler.Pool{Name: name}}}
	}
	node := func(name scheduler.NodeName, pool scheduler.PoolName, host scheduler.Hostname, phase scheduler.Phase) scheduler.NodeView {
		return scheduler.NodeView{Node: scheduler.Node{Name: name, Pool: pool, Host: host, Phase: phase}}
	}
	return scheduler.View{
		Pools: []scheduler.PoolView{pool("workers"), pool("workers-2"), pool("h1")},
		Nodes: []scheduler.NodeView{
			node("workers-1", "workers", "H1", scheduler.Gone),
			node("workers-2", "workers", "h2.example", scheduler.Ready),
			node("workers-3", "workers", "h1", scheduler.Draining),
		},
	}
}

func TestNamesMeanWhatOperatorsKnow(t *testing.T) {
	for name, want := range map[string]string{
		"workers":         "pools/workers/restart",
		"pool/workers-2":  "pools/workers-2/restart",
		"node/workers-2":  "nodes/workers-2/restart",
		"H2.example":      "nodes/workers-2/restart",
		"workers-3":       "nodes/workers-3/restart",
		"host/h1":         "nodes/workers-3/restart", // the live one
		"node/workers-1":  "nodes/workers-1/restart",
		"host/h2.example": "nodes/workers-2/restart",
	} {
		r, err := Restart(hosts(), name)
		require.NoError(t, err, name)
		require.Equal(t, want, r.path[0]+"/"+r.path[1]+"/"+r.path[2], name)
	}
	for name, says := range map[string]string{
		"workers-2":   `"workers-2" is a pool, and node workers-2 on host h2.example: say pool/workers-2 or node/workers-2`,
		"h1":          `"h1" is a pool, and node workers-3 on host h1: say pool/h1 or node/workers-3`,
		"nobody":      `"nobody" is no pool, node or host with a node, want one; the pools are [workers workers-2 h1]`,
		"pool/nobody": `pool is "nobody", want one of [workers workers-2 h1]`,
		"node/h1":     `"node/h1" is no pool, node or host`,
	} {
		_, err := Restart(hosts(), name)
		require.ErrorContains(t, err, says)
	}
	_, err := Cancel(hosts(), "workers")
	require.ErrorContains(t, err, `"workers" is no node and no host with a node`)
	r, err := Cancel(hosts(), "h1")
	require.NoError(t, err)
	require.Equal(t, "workers-3", r.path[1])
}

func TestNumbersAreReadBeforeTheyAreSent(t *testing.T) {
	for _, bad := range []string{"", "-1", "1.5", "many", "ALL"} {
		_, err := Scale("workers", bad)
		require.ErrorContains(t, err, `NODES is "`+bad+`", want a whole number, 0 or more, or all`)
	}
	r, err := Scale("workers", "all")
	require.NoError(t, err)
	require.JSONEq(t, `{"nodes": "all"}`, string(r.body))
}

func TestWhatIsAppliedIsWaitedFor(t *testing.T) {
	r, err := Apply([]byte("pools: [{name: a}, {name: b}]"))
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, r.goal.pools)
	_, err = Apply([]byte("pools: ["))
	require.ErrorContains(t, err, "not a pools file")
}
