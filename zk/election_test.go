package zk

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// campaign lets a client stand in the background.
func campaign(tb testing.TB, c *Client, address string) (<-chan struct{}, func() *Leadership) {
	elected := make(chan struct{})
	var l *Leadership
	ctx := patience(tb)
	go func() {
		defer close(elected)
		var err error
		l, err = c.Campaign(ctx, address)
		if err != nil {
			tb.Errorf("campaign of %s: %v", address, err)
		}
	}()
	return elected, func() *Leadership { return l }
}

func candidatesOf(tb testing.TB, c *Client) []candidate {
	tb.Helper()
	found, err := c.candidates(patience(tb))
	require.NoError(tb, err)
	return found
}

func TestThreeCandidatesLeadOneAfterTheOther(t *testing.T) {
	t.Parallel()
	o := Options{URL: at(server.Address(), home(t))}
	names := []string{"a:1", "b:1", "c:1"}
	clients, elected, leadership := make([]*Client, 3), make([]<-chan struct{}, 3), make([]func() *Leadership, 3)
	for i, name := range names {
		clients[i] = open(t, o)
		elected[i], leadership[i] = campaign(t, clients[i], name)
		eventually(t, name+" stands", func() bool {
			found, err := clients[i].candidates(t.Context())
			return err == nil && len(found) == i+1
		})
	}
	for i, name := range names {
		within(t, "the election of "+name, elected[i])
		l := leadership[i]()
		assert.EqualValues(t, i+1, l.Epoch())
		assert.True(t, l.Valid(time.Now()))
		assert.NoError(t, l.Err())
		for j := i + 1; j < len(names); j++ {
			select {
			case <-elected[j]:
				t.Fatalf("%s was elected beside %s", names[j], name)
			default:
			}
			seen, err := clients[j].Leader(t.Context())
			require.NoError(t, err)
			assert.Equal(t, name, seen)
		}
		next, err := clients[i].Next(t.Context())
		if i+1 < len(names) {
			require.NoError(t, err)
			assert.Equal(t, names[i+1], next)
		} else {
			require.NoError(t, err)
			assert.Empty(t, next, "nobody stands by")
		}
		require.NoError(t, l.Resign(t.Context()))
		assert.ErrorIs(t, l.Err(), ErrResigned)
		assert.False(t, l.Valid(time.Now()))
	}
	_, err := clients[0].Leader(t.Context())
	assert.ErrorIs(t, err, ErrNoLeader)
}

func TestStandbyFollowsALeaderThatVanishes(t *testing.T) {
	t.Parallel()
	znode := home(t)
	p := newProxy(t, server.Address())
	_, leader := elect(t, Options{URL: at(p.address(), znode), SessionTimeout: short})
	standby := open(t, Options{URL: at(server.Address(), znode)})
	elected, next := campaign(t, standby, "standby:1")
	eventually(t, "the standby stands", func() bool { return len(candidatesOf(t, standby)) == 2 })

	cut := time.Now()
	p.refuse(true)
	within(t, "the standby's election", elected)
	took := time.Since(cut)
	assert.EqualValues(t, 2, next().Epoch())
	assert.Greater(t, took, short/2, "the session was to outlive the connection")
	assert.False(t, leader.Valid(time.Now()), "two leaders at once")
	within(t, "the old leader's notice", leader.Lost())
	assert.ErrorIs(t, leader.Err(), ErrLeaseOver)
}

func TestSwallowingNetworkEndsTheLeaseInTime(t *testing.T) {
	t.Parallel()
	znode := home(t)
	p := newProxy(t, server.Address())
	_, leader := elect(t, Options{URL: at(p.address(), znode), SessionTimeout: short})
	standby := open(t, Options{URL: at(server.Address(), znode)})
	elected, _ := campaign(t, standby, "standby:1")
	for range 3 { // the lease of an answered probe, not that of the election
		before := leader.Deadline()
		eventually(t, "a probe", func() bool { return leader.Deadline().After(before) })
	}
	end := leader.Deadline()
	assert.True(t, leader.Valid(end.Add(-time.Millisecond)))
	assert.False(t, leader.Valid(end), "whoever slept must not act")

	p.silence(true)
	within(t, "the leader's notice", leader.Lost())
	lost := time.Now()
	select {
	case <-elected:
		t.Fatal("another was elected before the lease ran out")
	default:
	}
	assert.ErrorIs(t, leader.Err(), ErrLeaseOver)
	assert.WithinDuration(t, leader.Deadline(), lost, 250*time.Millisecond)
	within(t, "the standby's election", elected)
	assert.ErrorContains(t, leader.Save(t.Context(), nil), "LoadPools first")
}

func TestExpiredSessionEndsTheLeadership(t *testing.T) {
	t.Parallel()
	p := newProxy(t, server.Address())
	c, leader := elect(t, Options{URL: at(p.address(), home(t))})
	p.expireUntil(t, leader.Lost())
	within(t, "the leader's notice", leader.Lost())
	assert.ErrorIs(t, leader.Err(), ErrSessionExpired)
	assert.NotErrorIs(t, leader.Err(), ErrLeaseOver)

	// The client goes on with a new session.
	again, err := c.Campaign(patience(t), "leader:1")
	require.NoError(t, err)
	assert.EqualValues(t, 2, again.Epoch())
	assert.Len(t, candidatesOf(t, c), 1)
}

func TestStandbyOutlivesItsSession(t *testing.T) {
	t.Parallel()
	znode := home(t)
	_, leader := elect(t, Options{URL: at(server.Address(), znode)})
	p := newProxy(t, server.Address())
	var troubles troubles
	standby := open(t, Options{URL: at(p.address(), znode), Trouble: troubles.add})
	elected, _ := campaign(t, standby, "standby:1")
	eventually(t, "the standby stands", func() bool { return len(candidatesOf(t, standby)) == 2 })
	before := candidatesOf(t, standby)[1]

	p.expire(t)
	eventually(t, "the standby stands again", func() bool {
		found := candidatesOf(t, standby)
		return len(found) == 2 && found[1] != before
	})
	assert.Contains(t, troubles.text(), "standing again")
	require.NoError(t, leader.Resign(t.Context()))
	within(t, "the standby's election", elected)
}

func TestDeletedCandidateEndsTheLeadership(t *testing.T) {
	t.Parallel()
	_, leader := elect(t, Options{URL: at(server.Address(), home(t)), SessionTimeout: short})
	require.NoError(t, other(t).Delete(leader.candidate(), -1))
	within(t, "the leader's notice", leader.Lost())
	assert.ErrorIs(t, leader.Err(), ErrCandidateGone)
	assert.ErrorContains(t, leader.Err(), leader.candidate())
}

func TestClosedClientEndsTheLeadership(t *testing.T) {
	t.Parallel()
	c, leader := elect(t, Options{URL: at(server.Address(), home(t))})
	c.Close()
	within(t, "the leader's notice", leader.Lost())
	assert.ErrorContains(t, leader.Err(), "closed")
	_, err := c.Leader(t.Context())
	assert.Error(t, err)
}

func TestLostAnswersOfTheElection(t *testing.T) {
	t.Parallel()
	for _, each := range []struct {
		name      string
		operation int32
		answer    bool
	}{
		{"create is performed", opCreate, true},
		{"create is not performed", opCreate, false},
		{"take-over is performed", opMulti, true},
		{"take-over is not performed", opMulti, false},
	} {
		t.Run(each.name, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t, server.Address())
			c := open(t, Options{URL: at(p.address(), home(t))})
			require.NoError(t, c.prepare(patience(t))) // which creates too
			lost := p.loseNext(each.operation, each.answer)
			l, err := c.candidacy(patience(t), newToken(), "a:1")
			require.NoError(t, err)
			within(t, "the disturbance", lost)
			assert.EqualValues(t, 1, l.Epoch(), "taken over twice")
			assert.Len(t, candidatesOf(t, c), 1)
			_, err = load(patience(t), l)
			require.NoError(t, err)
			require.NoError(t, l.Save(patience(t), someChanges()), "the version of the epoch was not known")
		})
	}
}

func TestForeignNamesAmongTheCandidates(t *testing.T) {
	t.Parallel()
	znode := home(t)
	for _, name := range []string{"a", "_c_", "candidate-", "candidate-x-0000000000", "-0000000000", "lock-0000000000", strings.Repeat("f", 32)} {
		create(t, other(t), znode+"/leader/"+name, "foreign:1")
	}
	c, l := elect(t, Options{URL: at(server.Address(), znode)})
	seen, err := c.Leader(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "leader:1", seen)
	assert.True(t, l.Valid(time.Now()))
}

func TestCancelledCampaignLeavesNoCandidate(t *testing.T) {
	t.Parallel()
	znode := home(t)
	leading, _ := elect(t, Options{URL: at(server.Address(), znode)})
	standby := open(t, Options{URL: at(server.Address(), znode)})
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := standby.Campaign(ctx, "standby:1")
		ended <- err
	}()
	eventually(t, "the standby stands", func() bool { return len(candidatesOf(t, leading)) == 2 })
	why := errors.New("enough")
	cancel(why)
	assert.ErrorIs(t, <-ended, why)
	assert.Len(t, candidatesOf(t, leading), 1)
	_, err := standby.Leader(t.Context())
	assert.NoError(t, err, "the client is still of use")
}

func TestCampaignCancelledWithoutConnectionClosesTheClient(t *testing.T) {
	t.Parallel()
	znode := home(t)
	leading, _ := elect(t, Options{URL: at(server.Address(), znode)})
	p := newProxy(t, server.Address())
	standby := open(t, Options{URL: at(p.address(), znode), SessionTimeout: short})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := standby.Campaign(ctx, "standby:1")
		ended <- err
	}()
	eventually(t, "the standby stands", func() bool { return len(candidatesOf(t, leading)) == 2 })
	p.silence(true)
	cancel()
	assert.ErrorContains(t, <-ended, "client is closed")
	eventually(t, "its candidate's end", func() bool { return len(candidatesOf(t, leading)) == 1 })
}

func TestSleepingCandidateDoesNotDeposeItsSuccessor(t *testing.T) {
	t.Parallel()
	o := Options{URL: at(server.Address(), home(t))}
	first := open(t, o)
	require.NoError(t, first.prepare(t.Context()))
	name, err := first.nominate(t.Context(), newToken(), "first:1")
	require.NoError(t, err)
	require.NoError(t, first.await(t.Context(), name, nil))
	// It has won and falls asleep before it takes over; its candidate ends, and another is elected.
	require.NoError(t, other(t).Delete(o.URL.child(leaderName, name), -1))
	_, second := elect(t, o)
	_, _, err = first.takeOver(t.Context(), name, "first:1")
	assert.ErrorIs(t, err, ErrCandidateGone)
	_, err = load(t.Context(), second)
	require.NoError(t, err)
	assert.NoError(t, second.Save(t.Context(), someChanges()))
}

func TestDamagedEpochStopsTheElection(t *testing.T) {
	t.Parallel()
	znode := home(t)
	create(t, other(t), znode+"/epoch", `{"version":1,"epoch":`)
	c := open(t, Options{URL: at(server.Address(), znode)})
	_, err := c.Campaign(patience(t), "a:1")
	assert.ErrorContains(t, err, znode+"/epoch")
	assert.Empty(t, candidatesOf(t, c))
}

func TestLeaderWithoutConnectionFailsAtOnce(t *testing.T) {
	t.Parallel()
	p := newProxy(t, server.Address())
	c := open(t, Options{URL: at(p.address(), home(t))})
	_, err := c.Leader(t.Context())
	assert.ErrorIs(t, err, ErrNoLeader)
	p.refuse(true)
	eventually(t, "the loss of the connection", func() bool {
		_, err = c.Leader(t.Context())
		return errors.Is(err, ErrDisconnected)
	})
	p.refuse(false)
	eventually(t, "its return", func() bool {
		_, err = c.Leader(t.Context())
		return errors.Is(err, ErrNoLeader)
	})
}
