package zk

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/scheduler"
)

func somePool(name string) scheduler.PoolRecord {
	pool := scheduler.DefaultPool()
	pool.Name, pool.Nodes = scheduler.PoolName(name), 3
	pool.Resources = scheduler.Resources{CPUs: 2000, Mem: 4_096_000}
	pool.Labels = map[string]string{"tier": "web"}
	return scheduler.NewPoolRecord(pool)
}

func someNode(number int) scheduler.Node {
	name := scheduler.NodeName(fmt.Sprintf("workers-%d", number))
	launched := time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC)
	return scheduler.Node{
		Name: name, Pool: "workers",
		Agent: scheduler.AgentID(fmt.Sprintf("8a3b6f52-9d1c-4c5e-9f60-0d9c3f1a2b4c-S%d", number)),
		Host:  scheduler.Hostname(fmt.Sprintf("agent%d.rack7.example.com", number)),
		Tasks: []scheduler.Task{{ID: name.Task(1), Resources: scheduler.Resources{CPUs: 2000, Mem: 4_096_000}}},
		Executor: scheduler.Executor{
			Overhead: scheduler.Resources{CPUs: 100, Mem: 256_000}, Role: "k8s", Drain: scheduler.DefaultPool().Drain,
			Resources: []scheduler.Resource{{Name: "cpus", Amount: 100, Role: "k8s"}, {Name: "mem", Amount: 256_000, Role: "k8s"}},
		},
		Launched: launched, Phase: scheduler.Launching, Since: launched, Why: "workers wants 3 nodes and has 2",
	}
}

func someMeta(counter int64) scheduler.PutMeta {
	return scheduler.PutMeta{Meta: scheduler.Meta{FrameworkID: "8a3b6f52-9d1c-4c5e-9f60-0d9c3f1a2b4c-0001", Counter: counter}}
}

func someChanges() []scheduler.Change {
	return []scheduler.Change{
		someMeta(2),
		scheduler.PutPool{Pool: somePool("workers")},
		scheduler.PutNode{Node: someNode(1)},
		scheduler.PutNode{Node: someNode(2)},
	}
}

func manyNodes(n int) []scheduler.Change {
	changes := []scheduler.Change{someMeta(int64(n))}
	for i := range n {
		changes = append(changes, scheduler.PutNode{Node: someNode(i + 1)})
	}
	return changes
}

// load reads everything that is saved.
func load(ctx context.Context, l *Leadership) (scheduler.State, error) {
	state, err := l.LoadPools(ctx)
	if err == nil {
		state.Nodes, err = l.LoadNodes(ctx)
	}
	return state, err
}

// loaded is a leader that has loaded what is there.
func loaded(tb testing.TB, o Options) *Leadership {
	tb.Helper()
	_, l := elect(tb, o)
	_, err := load(patience(tb), l)
	require.NoError(tb, err)
	return l
}

// reload is what another leader finds.
func reload(tb testing.TB, l *Leadership) scheduler.State {
	tb.Helper()
	require.NoError(tb, l.Resign(patience(tb)))
	_, next := elect(tb, Options{URL: l.client.url})
	state, err := load(patience(tb), next)
	require.NoError(tb, err)
	require.NoError(tb, next.Resign(patience(tb)))
	return state
}

func TestNothingIsSavedAtFirst(t *testing.T) {
	t.Parallel()
	_, l := elect(t, Options{URL: at(server.Address(), home(t))})
	assert.ErrorContains(t, l.Save(t.Context(), someChanges()), "want LoadPools first")
	state, err := load(t.Context(), l)
	require.NoError(t, err)
	assert.Empty(t, state.Nodes)
	assert.Empty(t, state.Pools)
	assert.Equal(t, scheduler.Meta{}, state.Meta)
	assert.NoError(t, l.Save(t.Context(), nil))
}

func TestWhatIsSavedIsLoaded(t *testing.T) {
	t.Parallel()
	l := loaded(t, Options{URL: at(server.Address(), home(t))})
	require.NoError(t, l.Save(t.Context(), someChanges()))
	changed := someNode(2)
	changed.Phase, changed.DrainBy = scheduler.Draining, time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC)
	require.NoError(t, l.Save(t.Context(), []scheduler.Change{
		someMeta(3),
		scheduler.DeleteNode{Name: "workers-1"},
		scheduler.DeleteNode{Name: "workers-77"}, // never there
		scheduler.PutNode{Node: changed},
		scheduler.PutNode{Node: someNode(3)},
		scheduler.DeleteNode{Name: "workers-3"}, // within the same Save
	}))
	state := reload(t, l)
	assert.Equal(t, someMeta(3).Meta, state.Meta)
	assert.Equal(t, []scheduler.PoolRecord{somePool("workers")}, state.Pools)
	assert.Equal(t, []scheduler.Node{changed}, state.Nodes)
}

func TestSaveIsAllOrNothing(t *testing.T) {
	t.Parallel()
	o := Options{URL: at(server.Address(), home(t))}
	l := loaded(t, o)
	require.NoError(t, l.Save(t.Context(), someChanges()))
	inTheWay := o.URL.child(nodesName, "workers-4")
	create(t, other(t), inTheWay, "by hand")
	changes := []scheduler.Change{
		someMeta(4),
		scheduler.DeleteNode{Name: "workers-1"},
		scheduler.PutNode{Node: someNode(3)},
		scheduler.PutNode{Node: someNode(4)},
	}
	err := l.Save(t.Context(), changes)
	assert.ErrorContains(t, err, "create "+inTheWay)
	assert.NotErrorIs(t, err, ErrUnknownOutcome)
	assert.ErrorContains(t, l.Save(t.Context(), someChanges()), "an earlier one failed")

	require.NoError(t, other(t).Delete(inTheWay, -1))
	state := reload(t, l)
	assert.Equal(t, someMeta(2).Meta, state.Meta)
	assert.Equal(t, []scheduler.Node{someNode(1), someNode(2)}, state.Nodes)
}

func TestLargeSaveIsAPrefixOfSteps(t *testing.T) {
	t.Parallel()
	o := Options{URL: at(server.Address(), home(t))}
	l := loaded(t, o)
	const nodes = 3000
	create(t, other(t), o.URL.child(nodesName, fmt.Sprintf("workers-%d", nodes-100)), "by hand")
	err := l.Save(t.Context(), manyNodes(nodes))
	require.ErrorContains(t, err, "step 5 of 5")
	require.NoError(t, other(t).Delete(o.URL.child(nodesName, fmt.Sprintf("workers-%d", nodes-100)), -1))

	state := reload(t, l)
	assert.EqualValues(t, nodes, state.Meta.Counter, "the counter comes first")
	require.NotEmpty(t, state.Nodes)
	require.Less(t, len(state.Nodes), nodes-100)
	for i := range state.Nodes {
		assert.Contains(t, state.Nodes, someNode(i+1), "a node is missing within the prefix")
		if i > 20 {
			break
		}
	}
	last := 0
	for _, node := range state.Nodes {
		number, _ := node.Name.Number()
		last = max(last, int(number))
	}
	assert.Len(t, state.Nodes, last, "what is saved is no prefix")
}

func TestRecordThatIsTooLarge(t *testing.T) {
	t.Parallel()
	l := loaded(t, Options{URL: at(server.Address(), home(t))})
	pool := somePool("workers")
	pool.Labels["long"] = strings.Repeat("x", DefaultMaxRequest)
	err := l.Save(t.Context(), []scheduler.Change{someMeta(1), scheduler.PutPool{Pool: pool}})
	assert.ErrorIs(t, err, ErrTooLarge)
	assert.ErrorContains(t, err, "raise --zk-max-request")
	assert.Equal(t, scheduler.Meta{}, reload(t, l).Meta, "something was sent")
}

// awaken makes a leadership that is over believe that it is not, as a process that slept would until it looks.
func awaken(l *Leadership) *Leadership {
	sleeper := &Leadership{client: l.client, fence: l.fence, records: l.records, kept: l.kept}
	sleeper.life, sleeper.end = context.WithCancelCause(context.Background())
	return sleeper
}

func TestDeposedLeaderSavesNothing(t *testing.T) {
	t.Parallel()
	o := Options{URL: at(server.Address(), home(t))}
	old := loaded(t, o)
	require.NoError(t, old.Save(t.Context(), someChanges()))
	require.NoError(t, old.Resign(t.Context()))
	sleeper := awaken(old)
	require.NoError(t, sleeper.Save(t.Context(), []scheduler.Change{someMeta(3)}), "nobody has taken over yet")

	next := loaded(t, o)
	err := sleeper.Save(t.Context(), []scheduler.Change{someMeta(99)})
	assert.ErrorIs(t, err, ErrDeposed)
	assert.ErrorContains(t, err, "epoch 2 is of candidate-")
	assert.EqualValues(t, 3, reload(t, next).Meta.Counter)
}

func TestChangesByHandStopTheLeader(t *testing.T) {
	t.Parallel()
	for name, each := range map[string]struct {
		meddle  func(*zk.Conn, URL) error
		problem string
	}{
		"a record is deleted": {
			func(conn *zk.Conn, u URL) error { return conn.Delete(u.child(nodesName, "workers-1"), -1) },
			"write %s/nodes/workers-1: zk: node does not exist",
		},
		"a record that goes is deleted": {
			func(conn *zk.Conn, u URL) error { return conn.Delete(u.child(nodesName, "workers-2"), -1) },
			"delete %s/nodes/workers-2: zk: node does not exist",
		},
		"the epoch is written": {
			func(conn *zk.Conn, u URL) error {
				data, _, err := conn.Get(u.child(epochName))
				if err == nil {
					_, err = conn.Set(u.child(epochName), data, -1)
				}
				return err
			},
			"the epoch znode was changed by somebody",
		},
		"the epoch is damaged": {
			func(conn *zk.Conn, u URL) error { _, err := conn.Set(u.child(epochName), []byte("x"), -1); return err },
			"read %s/epoch: invalid character",
		},
		"the epoch is deleted": {
			func(conn *zk.Conn, u URL) error { return conn.Delete(u.child(epochName), -1) },
			"write %s/epoch: zk: node does not exist",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Options{URL: at(server.Address(), home(t))}
			l := loaded(t, o)
			require.NoError(t, l.Save(t.Context(), someChanges()))
			require.NoError(t, each.meddle(other(t), o.URL))
			err := l.Save(t.Context(), []scheduler.Change{
				scheduler.PutNode{Node: someNode(1)}, scheduler.DeleteNode{Name: "workers-2"},
			})
			assert.ErrorContains(t, err, strings.ReplaceAll(each.problem, "%s", o.URL.Path))
		})
	}
}

func TestSaveAfterTheEndOfTheLeadership(t *testing.T) {
	t.Parallel()
	l := loaded(t, Options{URL: at(server.Address(), home(t))})
	require.NoError(t, l.Resign(t.Context()))
	assert.ErrorIs(t, l.Save(t.Context(), someChanges()), ErrResigned)
}

func TestConnectionBreaksDuringASave(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]bool{"after it was performed": true, "before it was performed": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t, server.Address())
			l := loaded(t, Options{URL: at(p.address(), home(t))})
			for i := range 3 {
				lost := p.loseNext(opMulti, answer)
				require.NoError(t, l.Save(patience(t), []scheduler.Change{
					someMeta(int64(i + 1)),
					scheduler.PutPool{Pool: somePool("workers")},
					scheduler.PutNode{Node: someNode(i + 1)},
				}))
				within(t, "the disturbance", lost)
			}
			l.client.url.Servers = []string{server.Address()}
			state := reload(t, l)
			assert.EqualValues(t, 3, state.Meta.Counter)
			assert.Len(t, state.Nodes, 3)
		})
	}
}

func TestSaveWithoutAnswerIsOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	p := newProxy(t, server.Address())
	l := loaded(t, Options{URL: at(p.address(), home(t)), SessionTimeout: short})
	p.silence(true)
	err := l.Save(t.Context(), someChanges())
	assert.ErrorIs(t, err, ErrUnknownOutcome)
	assert.ErrorIs(t, err, ErrLeaseOver)
}

func TestRecordsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	good, err := encodeRecord(someNode(1))
	require.NoError(t, err)
	for name, each := range map[string]struct{ znode, data, problem string }{
		"not JSON":        {"nodes/workers-1", "garbage", "invalid character"},
		"empty":           {"nodes/workers-1", "", "it is empty"},
		"cut off":         {"nodes/workers-1", string(good[:len(good)/2]), "it is cut off"},
		"something after": {"nodes/workers-1", string(good) + "{}", "something follows its end"},
		"unknown field":   {"nodes/workers-1", strings.Replace(string(good), `"pool"`, `"colour":"red","pool"`, 1), `unknown field "colour"`},
		"unknown outside": {"nodes/workers-1", strings.Replace(string(good), `"version"`, `"colour":"red","version"`, 1), `unknown field "colour"`},
		"other version":   {"nodes/workers-1", strings.Replace(string(good), `"version":2`, `"version":3`, 1), "version is 3, want 2"},
		"other name":      {"nodes/workers-2", string(good), `name is "workers-1", want the znode's`},
		"invalid node":    {"nodes/workers-1", strings.Replace(string(good), "Launching", "Sleeping", 1), `phase is "Sleeping"`},
		"not UTF-8":       {"nodes/workers-1", strings.Replace(string(good), "rack7", "rack\xff", 1), "UTF-8"},
		"foreign node":    {"nodes/foreign", "", "nodes/foreign: it is empty"},
		"meta by half":    {"meta", `{"version":2,"record":{"frameworkID":"x"}}`, `no field "counter"`},
		"meta null":       {"meta", `{"version":2,"record":null}`, `no field "frameworkID"`},
		"negative meta":   {"meta", `{"version":2,"record":{"frameworkID":"x","counter":-1}}`, "counter is -1"},
		"invalid pool":    {"pools/workers", `{"version":2,"record":{"name":"workers","nodes":1}}`, "resources.cpus"},
		"pool, no number": {"pools/workers", `{"version":2,"record":{"name":"workers"}}`, `no field "nodes"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Options{URL: at(server.Address(), home(t))}
			create(t, other(t), o.URL.child(each.znode), each.data)
			_, l := elect(t, o)
			_, err := load(t.Context(), l)
			assert.ErrorContains(t, err, "load "+o.URL.child(each.znode)+":")
			assert.ErrorContains(t, err, each.problem)
			assert.Error(t, l.Save(t.Context(), someChanges()), "saved without having loaded")
		})
	}
}

func TestManyRecordsAreLoadedOverBreakingConnections(t *testing.T) {
	t.Parallel()
	p := newProxy(t, server.Address())
	l := loaded(t, Options{URL: at(p.address(), home(t))})
	const nodes = 2 * recordsToHelpAt
	require.NoError(t, l.Save(patience(t), manyNodes(nodes)))
	lost, loading := p.loseNext(opGetData, false), make(chan struct{})
	go func() {
		defer close(loading)
		state, err := load(patience(t), l)
		assert.NoError(t, err)
		assert.Len(t, state.Nodes, nodes)
	}()
	within(t, "the disturbance", lost)
	p.cut() // the others too
	within(t, "the end of the load", loading)

	p.silence(true)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := load(ctx, l)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestManyUnreadableRecordsAreSummedUp(t *testing.T) {
	t.Parallel()
	o := Options{URL: at(server.Address(), home(t))}
	conn := other(t)
	for i := range 12 {
		create(t, conn, o.URL.child(nodesName, fmt.Sprintf("x-%02d", i)), "")
	}
	_, l := elect(t, o)
	_, err := load(t.Context(), l)
	assert.ErrorContains(t, err, "x-09")
	assert.NotContains(t, err.Error(), "x-10")
	assert.ErrorContains(t, err, "and 2 more")
}
