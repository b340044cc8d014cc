package mesos_test

import (
	"net/http"
	"testing"

	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/mesos"
	"k8s-framework/scheduler"
)

// tearDown calls TEARDOWN of a master that ends the stream in the way of the test, and answers only when the client has seen
// that, which is the order of Mesos. A second stream stays open.
func tearDown(t *testing.T, end func(*stream), status int, seen func(*conversation)) (*conversation, *master, error) {
	t.Helper()
	torn, answer := make(chan struct{}), make(chan struct{})
	m := newMaster(t, func(n int, s *stream) {
		s.subscribed(15)
		if n > 0 {
			s.hold()
			return
		}
		<-torn
		end(s)
	})
	m.onCall = func(_ *v1sched.Call, w http.ResponseWriter) {
		close(torn)
		<-answer
		w.WriteHeader(status)
	}
	c := talkTo(t, m.address())
	await[scheduler.Subscribed](c)
	result := make(chan error, 1)
	go func() { result <- c.call(scheduler.TearDown{Why: "asked"}) }()
	seen(c)
	close(answer)
	return c, m, <-result
}

func TestOurOwnTeardownEndsRun(t *testing.T) {
	c, m, err := tearDown(t, func(*stream) {}, http.StatusAccepted, func(c *conversation) {
		require.ErrorIs(t, c.end(), mesos.ErrTornDown)
	})
	require.NoError(t, err, "the answer comes after the end of the stream")
	assert.Len(t, m.got(v1sched.Call_SUBSCRIBE), 1)
	assert.Empty(t, c.events)
	require.ErrorIs(t, c.call(revive), mesos.ErrNotSubscribed)
}

// A master that dies over a TEARDOWN may not have done it.
func TestAStreamThatBreaksOverATeardownIsSubscribedAgain(t *testing.T) {
	_, _, err := tearDown(t, func(s *stream) { s.cut() }, http.StatusInternalServerError, func(c *conversation) {
		await[scheduler.Disconnected](c)
		await[scheduler.Subscribed](c)
	})
	require.Error(t, err)
}

func TestARefusedTeardownIsNone(t *testing.T) {
	end := make(chan struct{})
	m := newMaster(t, func(n int, s *stream) {
		s.subscribed(15)
		if n > 0 {
			s.hold()
		}
		<-end
	})
	m.onCall = answers(http.StatusServiceUnavailable, "Master has not finished recovery")
	c := talkTo(t, m.address())
	await[scheduler.Subscribed](c)
	var refused *mesos.Refused
	require.ErrorAs(t, c.call(scheduler.TearDown{Why: "asked"}), &refused)
	close(end)
	assert.Contains(t, await[scheduler.Disconnected](c).Why, "the stream ended")
	await[scheduler.Subscribed](c)
}

// An operator's teardown looks like any orderly end; the next SUBSCRIBE is told what it was.
func TestAnOperatorsTeardownIsARemoval(t *testing.T) {
	m := newMaster(t, func(n int, s *stream) {
		if n == 0 {
			s.subscribed(15)
			return
		}
		s.accept()
		s.error("Framework has been removed")
	})
	c := talkTo(t, m.address())
	await[scheduler.Subscribed](c)
	require.ErrorIs(t, c.end(), mesos.ErrRemoved)
}
