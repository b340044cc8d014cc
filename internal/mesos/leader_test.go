package mesos_test

import (
	"context"
	"net/http"
	"os"
	"testing"
	"time"

	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/mesos"
	"k8s-framework/scheduler"
)

func TestAStandbysRedirectIsFollowedAndCallsGoToTheLeader(t *testing.T) {
	leader := newMaster(t, func(_ int, s *stream) { s.subscribed(15); s.hold() })
	second := newMaster(t, func(_ int, s *stream) { redirect(s.w, leader.address()) })
	first := newMaster(t, func(_ int, s *stream) { redirect(s.w, second.address()) })
	c := talkTo(t, first.address())

	assert.Equal(t, leader.address(), await[scheduler.Subscribed](c).Master)
	assert.Equal(t, "/api/v1/scheduler", leader.got(v1sched.Call_SUBSCRIBE)[0].path, "the path stays ours")
	require.NoError(t, c.call(scheduler.Revive{Roles: []scheduler.Role{"workers"}}))
	require.Len(t, leader.got(v1sched.Call_REVIVE), 1)
	assert.Equal(t, "stream-of-the-test", leader.got(v1sched.Call_REVIVE)[0].header.Get("Mesos-Stream-Id"))
	assert.Empty(t, first.got(v1sched.Call_REVIVE))
}

func TestMastersThatRedirectInACircleAreGivenUpAndTriedAgain(t *testing.T) {
	var a, b *master
	b = newMaster(t, func(_ int, s *stream) { redirect(s.w, a.address()) })
	a = newMaster(t, func(n int, s *stream) {
		if n < 3 {
			redirect(s.w, b.address())
			return
		}
		s.subscribed(15)
		s.hold()
	})
	c := talkTo(t, a.address())

	assert.Contains(t, await[scheduler.Disconnected](c).Why, "redirected 5 times")
	await[scheduler.Subscribed](c)
}

// A standby names the dead leader for some ten seconds after its death.
func TestARedirectToADeadLeaderIsTriedAgain(t *testing.T) {
	dead := closedPort(t)
	m := newMaster(t, func(n int, s *stream) {
		if n < 3 {
			redirect(s.w, dead)
			return
		}
		s.subscribed(15)
		s.hold()
	})
	c := talkTo(t, m.address())

	assert.Contains(t, await[scheduler.Disconnected](c).Why, "connection refused")
	await[scheduler.Subscribed](c)
}

func TestARedirectWithoutATargetIsTriedAgain(t *testing.T) {
	m := newMaster(t, func(n int, s *stream) {
		if n == 0 {
			s.w.Header().Set("Location", "/somewhere")
			s.w.WriteHeader(http.StatusTemporaryRedirect)
			return
		}
		s.subscribed(15)
		s.hold()
	})
	c := talkTo(t, m.address())

	assert.Contains(t, await[scheduler.Disconnected](c).Why, `location is "/somewhere", want //host:port/…`)
	await[scheduler.Subscribed](c)
}

// elected is a Leader that the test changes.
type elected struct{ terms chan term }

type term struct {
	address string
	changed chan struct{}
}

func (e elected) Leader(ctx context.Context) (string, <-chan struct{}, error) {
	select {
	case now := <-e.terms:
		e.terms <- now
		return now.address, now.changed, nil
	case <-ctx.Done():
		return "", nil, ctx.Err()
	}
}

func (e elected) elect(address string) {
	next := term{address, make(chan struct{})}
	select {
	case old := <-e.terms:
		e.terms <- next
		close(old.changed)
	default:
		e.terms <- next
	}
}

// A leader that was stopped (SIGSTOP) keeps its streams open and says nothing.
func TestAnotherLeaderIsSubscribedToAtOnce(t *testing.T) {
	old := newMaster(t, func(_ int, s *stream) { s.subscribed(15); s.hold() })
	next := newMaster(t, func(_ int, s *stream) { s.subscribed(15); s.hold() })
	leader := elected{make(chan term, 1)}
	leader.elect(old.address())
	c := talk(t, mesos.Options{Leader: leader}, "")
	await[scheduler.Subscribed](c)

	leader.elect(old.address()) // the same again is no reason to leave
	began := time.Now()
	leader.elect(next.address())
	assert.Contains(t, await[scheduler.Disconnected](c).Why, "another master leads: "+next.address())
	assert.Equal(t, next.address(), await[scheduler.Subscribed](c).Master)
	assert.Less(t, time.Since(began), time.Second)
	assert.Len(t, old.got(v1sched.Call_SUBSCRIBE), 1)
}

func TestAnErrorOfTheLeaderEndsRun(t *testing.T) {
	c := talk(t, mesos.Options{Leader: broken{}}, "")
	require.ErrorIs(t, c.end(), os.ErrPermission)
}

type broken struct{}

func (broken) Leader(context.Context) (string, <-chan struct{}, error) {
	return "", nil, os.ErrPermission
}
