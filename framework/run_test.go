package framework

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"

	gozk "github.com/go-zookeeper/zk"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/zookeeper"
	"k8s-framework/scheduler"
	"k8s-framework/zk"
)

// journal is a log that can be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) entry() *logrus.Entry {
	l := logrus.New()
	l.SetOutput(j)
	return logrus.NewEntry(l)
}

// lead becomes the leader of a fresh state, for a test to prepare it.
func lead(t *testing.T, url string) *zk.Leadership {
	t.Helper()
	parsed, err := zk.ParseURL(url)
	require.NoError(t, err)
	client, err := zk.Open(t.Context(), zk.Options{URL: parsed, SessionTimeout: 2 * time.Second})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	leadership, err := client.Campaign(t.Context(), "test:1")
	require.NoError(t, err)
	_, err = leadership.LoadPools(t.Context())
	require.NoError(t, err)
	return leadership
}

func TestUnreachableServersAreTriedAgainAndNamed(t *testing.T) {
	o, log := good(t), &journal{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close()) // nobody is there now
	o.ZK, o.Log = "zk://"+listener.Addr().String()+"/k8s", log.entry()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	require.Eventually(t, func() bool {
		return bytes.Contains([]byte(log.String()), []byte("ZooKeeper of --zk: trouble, trying again"))
	}, 10*time.Second, 10*time.Millisecond, "%s", log)
	require.Contains(t, log.String(), listener.Addr().String())
	cancel()
	require.NoError(t, <-ended, "asked to end, it ends well")
}

func TestAnAddressInUseIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	o := good(t)
	o.Listen = taken.Addr().String()
	require.ErrorContains(t, Run(t.Context(), o), "--listen is \""+o.Listen+"\", want an address that is free")
}

// TestSavedStateIsNotGuessedAt starts instances on states that cannot be right: each refuses to start and says why.
func TestSavedStateIsNotGuessedAt(t *testing.T) {
	server, err := zookeeper.Start(t.Context(), zookeeper.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	pool := scheduler.DefaultPool()
	pool.Name, pool.Nodes, pool.Resources = "workers", 1, scheduler.Resources{CPUs: 1000, Mem: 1_024_000}
	node := scheduler.Node{
		Name: "workers-1", Pool: "workers", Agent: "a1", Host: "h1", Phase: scheduler.Ready, Drain: pool.Drain,
		Tasks: []scheduler.Task{{ID: "workers-1.1", Resources: pool.Resources}}, Launched: time.Now(), Since: time.Now(),
	}

	run := func(path string) error {
		o := good(t)
		o.ZK, o.ZKSessionTimeout = server.URL(path), 2*time.Second
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		return Run(ctx, o)
	}

	leadership := lead(t, server.URL("/garbled"))
	require.NoError(t, leadership.Save(t.Context(), []scheduler.Change{
		scheduler.PutMeta{Meta: scheduler.Meta{FrameworkID: "fw-1", Counter: 1}}, scheduler.PutPool{Pool: scheduler.NewPoolRecord(pool)}, scheduler.PutNode{Node: node},
	}))
	connection, _, err := gozk.Connect([]string{server.Address()}, 2*time.Second, gozk.WithLogInfo(false))
	require.NoError(t, err)
	defer connection.Close()
	_, err = connection.Set("/garbled/nodes/workers-1", []byte(`{"version":1,"record":{"name":"workers-1","colour":"red"}}`), -1)
	require.NoError(t, err)
	require.NoError(t, leadership.Resign(t.Context()))
	require.ErrorContains(t, run("/garbled"), "/garbled/nodes/workers-1")

	leadership = lead(t, server.URL("/nameless"))
	require.NoError(t, leadership.Save(t.Context(), []scheduler.Change{
		scheduler.PutMeta{Meta: scheduler.Meta{Counter: 1}}, scheduler.PutPool{Pool: scheduler.NewPoolRecord(pool)}, scheduler.PutNode{Node: node},
	}))
	require.NoError(t, leadership.Resign(t.Context()))
	require.ErrorContains(t, run("/nameless"), "1 nodes are recorded but no framework ID: a new one would lose them")
}

// TestPoolsSeedTheSavedOnes: what is saved counts, and a flag that says otherwise is warned of.
func TestPoolsSeedTheSavedOnes(t *testing.T) {
	server, err := zookeeper.Start(t.Context(), zookeeper.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	pool := scheduler.DefaultPool()
	pool.Name, pool.Nodes, pool.Resources = "workers", 1, scheduler.Resources{CPUs: 1000, Mem: 1_024_000}
	leadership := lead(t, server.URL("/seeded"))
	log := &journal{}
	o := good(t)
	o.Log, o.Pools = log.entry(), []scheduler.Pool{pool}
	i, err := newInstance(o)
	require.NoError(t, err)
	state, err := i.load(t.Context(), leadership)
	require.NoError(t, err)
	require.Equal(t, []scheduler.PoolRecord{scheduler.NewPoolRecord(pool)}, state.Pools)

	i.Pools[0].Nodes = 7
	state, err = i.load(t.Context(), leadership)
	require.NoError(t, err)
	require.EqualValues(t, 1, state.Pools[0].Nodes)
	require.Contains(t, log.String(), "pool workers is saved already with other values of nodes; what is saved counts")

	// A pool that cannot be beside the saved one is refused before anything is saved.
	everywhere := pool
	everywhere.Name, everywhere.Nodes = "everywhere", scheduler.All
	i.Pools = append(i.Pools, everywhere)
	_, err = i.load(t.Context(), leadership)
	require.ErrorContains(t, err, `pools "workers" and "everywhere" may want the same hosts`)
	i.Pools = i.Pools[:1]
	state, err = i.load(t.Context(), leadership)
	require.NoError(t, err)
	require.Len(t, state.Pools, 1)

	// One that is being deleted does not come back by a flag.
	require.NoError(t, leadership.Save(t.Context(), []scheduler.Change{scheduler.PutPool{Pool: scheduler.PoolRecord{
		Pool: pool, Rollout: scheduler.Rollout{Version: 1}, Deleted: true,
	}}}))
	state, err = i.load(t.Context(), leadership)
	require.NoError(t, err)
	require.True(t, state.Pools[0].Deleted)
	require.Contains(t, log.String(), "pool workers is being deleted, and --pool or --pools still name it")

	fresh, err := i.seed(scheduler.State{Meta: scheduler.Meta{Teardown: scheduler.TearingDown}})
	require.NoError(t, err)
	require.Empty(t, fresh, "a pool begins while everything ends")
}
