package mesos_test

import (
	"testing"

	v1 "github.com/mesos/mesos-go/api/v1/lib"
	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/mesos"
	"k8s-framework/scheduler"
)

func TestWhatTheMasterSaysInRefusingDecidesWhetherToTryAgain(t *testing.T) {
	for name, test := range map[string]struct {
		refuse func(*stream)
		is     error // in the chain; nil: tried again
		text   string
	}{
		"stolen":   {func(s *stream) { s.accept(); s.error("Framework failed over") }, mesos.ErrFailedOver, "took over"},
		"removed":  {func(s *stream) { s.accept(); s.error("Framework has been removed") }, mesos.ErrRemoved, "torn down"},
		"role":     {func(s *stream) { s.accept(); s.error("Role 'a/../b' cannot include '..'") }, &mesos.Refused{}, "cannot include"},
		"401":      {func(s *stream) { refuse(s.w, 401, "401 Unauthorized.") }, &mesos.Refused{}, "SUBSCRIBE with 401: 401 Unauthorized."},
		"400":      {func(s *stream) { refuse(s.w, 400, "does not match principal 'bob'") }, &mesos.Refused{}, "principal 'bob'"},
		"503":      {func(s *stream) { refuse(s.w, 503, "Master has not finished recovery") }, nil, "not finished recovery"},
		"404":      {func(s *stream) { refuse(s.w, 404, "404 Not Found.") }, nil, "404 Not Found."},
		"no Mesos": {func(s *stream) { refuse(s.w, 200, "<html>") }, nil, "no scheduler API of Mesos"},
		"authorizer": {
			func(s *stream) { s.accept(); s.error("Authorization failure: the authorizer is away") }, nil, "authorizer is away",
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMaster(t, func(n int, s *stream) {
				if n == 0 {
					test.refuse(s)
					return
				}
				s.subscribed(15)
				s.hold()
			})
			c := talkTo(t, m.address())
			if test.is == nil {
				assert.Contains(t, await[scheduler.Disconnected](c).Why, test.text)
				await[scheduler.Subscribed](c)
				return
			}
			err := c.end()
			require.ErrorContains(t, err, test.text)
			if refused, is := test.is.(*mesos.Refused); is {
				require.ErrorAs(t, err, &refused)
			} else {
				require.ErrorIs(t, err, test.is)
			}
			assert.Len(t, m.got(v1sched.Call_SUBSCRIBE), 1, "it must not subscribe again")
		})
	}
}

func TestAStolenSubscriptionEndsRun(t *testing.T) {
	m := newMaster(t, func(_ int, s *stream) { s.subscribed(15); s.error("Framework failed over") })
	c := talkTo(t, m.address())
	await[scheduler.Subscribed](c)
	require.ErrorIs(t, c.end(), mesos.ErrFailedOver)
	require.ErrorIs(t, c.call(scheduler.Revive{}), mesos.ErrNotSubscribed)
	assert.Len(t, m.got(v1sched.Call_SUBSCRIBE), 1)
}

func TestAnUnknownErrorOfARunningStreamIsAskedAboutAgain(t *testing.T) {
	m := newMaster(t, func(n int, s *stream) {
		s.subscribed(15)
		if n == 0 {
			s.error("something new")
			return
		}
		s.hold()
	})
	c := talkTo(t, m.address())
	await[scheduler.Subscribed](c)
	assert.Contains(t, await[scheduler.Disconnected](c).Why, "it ended the subscription: something new")
	await[scheduler.Subscribed](c)
}

func TestAnotherFrameworkIDThanOursIsNotTaken(t *testing.T) {
	m := newMaster(t, func(n int, s *stream) {
		if n == 0 {
			s.call.FrameworkID = &v1.FrameworkID{Value: "somebody-else"}
		}
		s.subscribed(15)
		s.hold()
	})
	c := talk(t, mesos.Options{Leader: leading(t, m.address())}, "ours")
	assert.Contains(t, await[scheduler.Disconnected](c).Why, `it subscribed framework "somebody-else", want "ours"`)
	assert.Equal(t, scheduler.FrameworkID("ours"), await[scheduler.Subscribed](c).Framework)
}
