package zk

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/zookeeper"
	"k8s-framework/scheduler"
)

// What happens when servers end. These tests have servers of their own.

func TestServerRestartsWithinTheSession(t *testing.T) {
	t.Parallel()
	own, err := zookeeper.Start(t.Context(), zookeeper.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	l := loaded(t, Options{URL: at(own.Address(), "/home")})
	require.NoError(t, l.Save(t.Context(), someChanges()))

	require.NoError(t, own.Kill())
	saved := make(chan error, 1)
	go func() { saved <- l.Save(patience(t), []scheduler.Change{someMeta(7)}) }()
	require.NoError(t, own.Restart(t.Context()))
	require.NoError(t, <-saved)
	assert.NoError(t, l.Err())
	assert.True(t, l.Valid(time.Now()))
	state, err := load(patience(t), l)
	require.NoError(t, err)
	assert.EqualValues(t, 7, state.Meta.Counter)
	assert.Len(t, state.Nodes, 2)
}

func TestPausedServerEndsTheLease(t *testing.T) {
	t.Parallel()
	own, err := zookeeper.Start(t.Context(), zookeeper.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	_, l := elect(t, Options{URL: at(own.Address(), "/home"), SessionTimeout: short})
	require.NoError(t, own.Pause())
	within(t, "the leader's notice", l.Lost())
	assert.ErrorIs(t, l.Err(), ErrLeaseOver)
	require.NoError(t, own.Resume())
}

func TestServersOfAnEnsembleEnd(t *testing.T) {
	t.Parallel()
	ensemble, err := zookeeper.StartEnsemble(t.Context(), zookeeper.Options{Dir: t.TempDir()}, 3)
	require.NoError(t, err)
	u, err := ParseURL(ensemble.URL("/home"))
	require.NoError(t, err)
	c, l := elect(t, Options{URL: u, SessionTimeout: 5 * time.Second})
	_, err = load(patience(t), l)
	require.NoError(t, err)

	// The server that we talk to ends: another takes the session.
	for _, each := range ensemble.Servers {
		if strings.HasSuffix(c.conn.Server(), each.Address()) {
			require.NoError(t, each.Kill())
			require.NoError(t, l.Save(patience(t), someChanges()))
			require.NoError(t, l.Err())
			require.NoError(t, each.Restart(t.Context()))
		}
	}
	state, err := load(patience(t), l)
	require.NoError(t, err)
	assert.Len(t, state.Nodes, 2)

	// Two of three end: nothing can be saved, and the lease runs out.
	for _, each := range ensemble.Servers[:2] {
		require.NoError(t, each.Kill())
	}
	err = l.Save(patience(t), someChanges())
	assert.ErrorIs(t, err, ErrUnknownOutcome)
	within(t, "the leader's notice", l.Lost())
	assert.ErrorIs(t, l.Err(), ErrLeaseOver)
	assert.False(t, l.Valid(time.Now()))
}
