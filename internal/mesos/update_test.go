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

var update = scheduler.UpdateFramework{Roles: []scheduler.Role{"web", "batch"}, GPUs: true}

// answers is what a master says to each UPDATE_FRAMEWORK: a status and a text, or status 0 for a connection that breaks.
func answers(status int, text string) func(*v1sched.Call, http.ResponseWriter) {
	return func(_ *v1sched.Call, w http.ResponseWriter) {
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		refuse(w, status, text)
	}
}

func gpus(call *v1sched.Call) bool {
	for _, each := range call.Subscribe.FrameworkInfo.Capabilities {
		if each.Type.String() == "GPU_RESOURCES" {
			return true
		}
	}
	return false
}

// updated is a conversation whose stream ends when the test says so, after an UPDATE_FRAMEWORK that was answered as told.
func updated(t *testing.T, status int, text string) (c *conversation, m *master, hangUp func(), err error) {
	t.Helper()
	end := make(chan struct{})
	m = newMaster(t, func(n int, s *stream) {
		s.subscribed(15)
		if n > 0 {
			s.hold()
			return
		}
		select {
		case <-end:
		case <-s.gone:
		}
	})
	m.onCall = answers(status, text)
	c = talkTo(t, m.address())
	await[scheduler.Subscribed](c)
	err = c.call(update)
	return c, m, func() { close(end) }, err
}

func TestAnUpdateHoldsForLaterSubscriptions(t *testing.T) {
	c, m, hangUp, err := updated(t, http.StatusOK, "")
	require.NoError(t, err)
	sent := m.got(v1sched.Call_UPDATE_FRAMEWORK)[0].call.UpdateFramework
	assert.Equal(t, []string{"web", "batch"}, sent.FrameworkInfo.Roles)
	assert.Equal(t, "framework-1", sent.FrameworkInfo.ID.GetValue())
	assert.Empty(t, sent.SuppressedRoles)

	hangUp()
	await[scheduler.Disconnected](c)
	await[scheduler.Subscribed](c)
	again := m.got(v1sched.Call_SUBSCRIBE)[1].call
	assert.Equal(t, []string{"web", "batch"}, again.Subscribe.FrameworkInfo.Roles)
	assert.True(t, gpus(again))
}

func TestARefusedUpdateIsForgotten(t *testing.T) {
	c, m, hangUp, err := updated(t, http.StatusBadRequest, "'UpdateFramework.framework_info' is not valid: …")
	var refused *mesos.Refused
	require.ErrorAs(t, err, &refused)
	require.ErrorContains(t, err, "UPDATE_FRAMEWORK to roles [web batch], GPUs true")
	hangUp()
	await[scheduler.Disconnected](c)
	await[scheduler.Subscribed](c)
	again := m.got(v1sched.Call_SUBSCRIBE)[1].call
	assert.Equal(t, []string{"workers"}, again.Subscribe.FrameworkInfo.Roles)
	assert.False(t, gpus(again))
}

func TestAnUpdateOfUnknownOutcomeIsSaidByTheNextSubscription(t *testing.T) {
	for name, status := range map[string]int{"no answer": 0, "failing": http.StatusInternalServerError} {
		t.Run(name, func(t *testing.T) {
			c, m, _, err := updated(t, status, "")
			require.Error(t, err)
			assert.Contains(t, await[scheduler.Disconnected](c).Why, "whether the master knows our new roles is not known: UPDATE_FRAMEWORK")
			await[scheduler.Subscribed](c)
			assert.Equal(t, []string{"web", "batch"}, m.got(v1sched.Call_SUBSCRIBE)[1].call.Subscribe.FrameworkInfo.Roles)
		})
	}
}

// Whose subscription was stolen must not steal it back.
func TestAnUpdateOnAStaleStreamEndsNothing(t *testing.T) {
	c, m, hangUp, err := updated(t, http.StatusBadRequest, "The stream ID 'x' included in this request didn't match the stream ID currently …")
	require.ErrorIs(t, err, mesos.ErrStaleStream)
	require.ErrorIs(t, c.call(revive), mesos.ErrStaleStream, "the subscription goes on")
	assert.Len(t, m.got(v1sched.Call_SUBSCRIBE), 1)
	hangUp()
}

func TestAnUpdateDuringASubscriptionIsNotLost(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	m := newMaster(t, func(n int, s *stream) {
		if n == 0 {
			close(asked)
			<-answer
		}
		s.subscribed(15)
		s.hold()
	})
	c := talkTo(t, m.address())
	<-asked
	require.ErrorIs(t, c.call(update), mesos.ErrNotSubscribed)
	close(answer)
	assert.Contains(t, await[scheduler.Disconnected](c).Why, "roles or capabilities changed while subscribing")
	await[scheduler.Subscribed](c)
	sent := m.got(v1sched.Call_SUBSCRIBE)
	require.Len(t, sent, 2)
	assert.Equal(t, []string{"web", "batch"}, sent[1].call.Subscribe.FrameworkInfo.Roles)
	assert.Empty(t, m.got(v1sched.Call_UPDATE_FRAMEWORK))
}
