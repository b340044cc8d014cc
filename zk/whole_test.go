package zk

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/scheduler"
)

var moment = time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)

// wholePool is a pool's record in which nothing is zero.
func wholePool() scheduler.PoolRecord {
	before := somePool("workers").Pool
	pool := scheduler.DefaultPool()
	pool.Name, pool.Nodes, pool.Role = "workers", scheduler.All, "k8s"
	pool.Resources = scheduler.Resources{CPUs: 2500, Mem: 4_096_000, Disk: 10_000_000, GPUs: 1000}
	pool.Ports = scheduler.Ranges{{Begin: 10250, End: 10250}, {Begin: 30000, End: 32767}}
	pool.AcceptedResourceRoles, pool.Reserve, pool.Overlap = []scheduler.Role{"k8s"}, true, true
	pool.Constraints = []scheduler.Constraint{
		{Field: "hostname", Operator: scheduler.Unique}, {Field: "rack", Operator: scheduler.MaxPer, Value: "2"},
	}
	pool.Labels, pool.Annotations = map[string]string{"tier": "web"}, map[string]string{"owner": "team <a>"}
	pool.Taints = []string{"dedicated=web:NoSchedule"}
	pool.Kubelet = json.RawMessage(`{"maxPods":50}`)
	pool.KubeletProgram = "/opt/kubelet-1.34/kubelet"
	pool.Drain.Grace, pool.Drain.Then = scheduler.Duration(time.Minute), scheduler.Wait
	pool.MaxSurge, pool.Paused, pool.KillSelection = 2, true, scheduler.FewestPods
	return scheduler.PoolRecord{
		Pool: pool, Deleted: true, Returns: []scheduler.Return{{Host: "h9", Role: "old"}},
		Rollout: scheduler.Rollout{Version: 3, Restart: 2, Done: true, Failures: 1, Stopped: "3 nodes failed", RolledBack: "as before", Previous: &before},
	}
}

// wholeNode is a node's record in which nothing is zero.
func wholeNode() scheduler.Node {
	pool := wholePool().Pool
	return scheduler.Node{
		Name: "workers-1", Pool: "workers", Agent: "S1", Host: "agent1", Address: "10.0.0.1", Version: 3,
		Tasks: []scheduler.Task{
			{ID: "workers-1.1", Resources: pool.Resources}, {ID: "workers-1.2", Resources: pool.Resources, Ending: true},
		},
		LastTask: 2,
		Executor: scheduler.Executor{
			Overhead: pool.Overhead, Ports: pool.Ports, Role: pool.Role,
			Resources: []scheduler.Resource{
				{Name: "ports", Ranges: pool.Ports, Role: "k8s"},
				{Name: "cpus", Amount: 100, Role: "k8s", Reservations: []scheduler.Reservation{
					{Role: "k8s"},
					{Role: "k8s", Dynamic: true, Principal: "p", Labels: []scheduler.Label{{Key: "node", Value: "workers-1"}, {Key: "x"}}},
				}},
			},
			Labels: pool.Labels, Taints: pool.Taints, Kubelet: pool.Kubelet, KubeletProgram: pool.KubeletProgram, Drain: pool.Drain, Health: pool.Health,
			FenceAfter: pool.FenceAfter, Setup: json.RawMessage(`{"executor":"/bin/k8s-executor"}`),
		},
		Place: scheduler.Place{Attributes: []scheduler.Attribute{{Name: "rack", Value: "r7"}}, Region: "eu", Zone: "a"},
		Marks: scheduler.Marks{Labels: pool.Labels, Annotations: pool.Annotations, Taints: pool.Taints},

		Launched: moment, Phase: scheduler.Draining, Since: moment.Add(time.Minute), Why: "the pool wants fewer nodes",
		Cause: scheduler.CauseSurplus, Drain: pool.Drain, DrainBy: moment.Add(time.Hour), Uncordon: true, Reserved: true, HostGone: true,
	}
}

// requireWhole fails where a field is zero that is saved: a new field must come into the records of these tests.
func requireWhole(t *testing.T, name string, value reflect.Value) {
	t.Helper()
	switch {
	case value.Type() == reflect.TypeFor[time.Time]():
	case value.Kind() == reflect.Struct:
		for i := range value.NumField() {
			if field := value.Type().Field(i); field.Tag.Get("json") != "-" {
				requireWhole(t, name+"."+field.Name, value.Field(i))
			}
		}
		return
	}
	require.Falsef(t, value.IsZero(), "%s is zero", name)
}

func TestEveryFieldIsSavedAndLoaded(t *testing.T) {
	t.Parallel()
	pool, node := wholePool(), wholeNode()
	meta := scheduler.Meta{FrameworkID: "f", Counter: 1, Teardown: scheduler.TearingDown}
	requireWhole(t, "meta", reflect.ValueOf(meta))
	pool.Overhead.Disk = 1000 // and GPUs, which a pool may not have here
	requireWhole(t, "pool.rollout", reflect.ValueOf(pool.Rollout))
	forGPUs := pool.Pool
	forGPUs.Overhead.GPUs = 1000
	requireWhole(t, "pool", reflect.ValueOf(forGPUs))
	node.Executor.Overhead = forGPUs.Overhead
	requireWhole(t, "node", reflect.ValueOf(node))
	for _, part := range []any{node.Tasks[1], node.Executor.Resources[1].Reservations[1], node.Place.Attributes[0]} {
		requireWhole(t, reflect.TypeOf(part).Name(), reflect.ValueOf(part))
	}

	l := loaded(t, Options{URL: at(server.Address(), home(t))})
	require.NoError(t, l.Save(t.Context(), []scheduler.Change{
		scheduler.PutMeta{Meta: meta}, scheduler.PutPool{Pool: pool}, scheduler.PutPool{Pool: somePool("others")}, scheduler.PutNode{Node: node},
	}))
	require.NoError(t, l.Save(t.Context(), []scheduler.Change{
		scheduler.DeletePool{Name: "others"},
		scheduler.DeletePool{Name: "nobody"}, // never there
		scheduler.PutPool{Pool: somePool("again")},
		scheduler.DeletePool{Name: "again"}, // within the same Save
	}))
	state := reload(t, l)
	assert.Equal(t, scheduler.State{Meta: meta, Pools: []scheduler.PoolRecord{pool}, Nodes: []scheduler.Node{node}}, state)
}

func TestRecordsOfVersion1AreLoaded(t *testing.T) {
	t.Parallel()
	o := Options{URL: at(server.Address(), home(t))}
	conn := other(t)
	for file, znode := range map[string]string{
		"meta": "meta", "pool": "pools/workers", "node": "nodes/workers-1", "draining": "nodes/workers-2",
	} {
		create(t, conn, o.URL.child(znode), recorded(t, "version1/"+file+".json"))
	}
	l := loaded(t, o)

	pool := somePool("workers")
	pool.Taints, pool.Role = []string{"dedicated=web:NoSchedule"}, "k8s"
	pool.Unreachable = scheduler.UnreachablePolicy{After: scheduler.Duration(7 * time.Minute), Then: scheduler.Replace}
	launching, draining := someNode(1), someNode(2)
	for _, node := range []*scheduler.Node{&launching, &draining} {
		node.Version, node.LastTask, node.Executor.Resources = 1, 1, nil
	}
	draining.Phase, draining.DrainBy, draining.Drain = scheduler.Draining, draining.Launched.Add(time.Hour), draining.Executor.Drain
	want := scheduler.State{Meta: someMeta(7).Meta, Pools: []scheduler.PoolRecord{pool}, Nodes: []scheduler.Node{launching, draining}}
	state, err := load(t.Context(), l)
	require.NoError(t, err)
	assert.Equal(t, want, state)

	// Written again they are of the present form.
	require.NoError(t, l.Save(t.Context(), []scheduler.Change{
		scheduler.PutMeta{Meta: state.Meta}, scheduler.PutPool{Pool: state.Pools[0]}, scheduler.PutNode{Node: state.Nodes[0]},
	}))
	data, _, err := conn.Get(o.URL.child("pools/workers"))
	require.NoError(t, err)
	assert.Contains(t, string(data), `{"version":2,`)
	assert.Equal(t, want, reload(t, l))
}
