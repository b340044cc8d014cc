package mesos_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/mesos"
	"k8s-framework/scheduler"
)

var revive = scheduler.Revive{Roles: []scheduler.Role{"workers"}}

// subscribedTo is a conversation with a master that answers calls as told.
func subscribedTo(t *testing.T, onCall func(*v1sched.Call, http.ResponseWriter), options mesos.Options) (*conversation, *master) {
	t.Helper()
	m := newMaster(t, func(_ int, s *stream) { s.subscribed(15); s.hold() })
	m.onCall = onCall
	options.Leader = leading(t, m.address())
	c := talk(t, options, "")
	await[scheduler.Subscribed](c)
	return c, m
}

func TestCallsGoInOrderOnOneConnectionThatIsNotTheStreams(t *testing.T) {
	c, m := subscribedTo(t, nil, mesos.Options{})
	for range 20 {
		require.NoError(t, c.call(scheduler.Kill{Task: "workers-1.1", Agent: "agent-1"}))
		require.NoError(t, c.call(revive))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	connections := map[string]bool{}
	for i, request := range m.requests[1:] {
		connections[request.remote] = true
		assert.Equal(t, []v1sched.Call_Type{v1sched.Call_KILL, v1sched.Call_REVIVE}[i%2], request.call.Type)
		assert.Equal(t, "framework-1", request.call.GetFrameworkID().GetValue())
		assert.Equal(t, "stream-of-the-test", request.header.Get("Mesos-Stream-Id"))
	}
	assert.Len(t, connections, 1)
	assert.NotContains(t, connections, m.requests[0].remote)
}

func TestARefusedCallCostsTheCallAndNotTheSubscription(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		text   string
		is     error
	}{
		"invalid":        {400, "Failed to validate scheduler::Call: Expecting 'kill' to be present", nil},
		"stale stream":   {400, "The stream ID 'x' included in this request didn't match the stream ID currently …", mesos.ErrStaleStream},
		"not subscribed": {403, "Framework is not subscribed", mesos.ErrNotSubscribed},
		"unauthorized":   {401, "401 Unauthorized.", nil},
		"too many":       {429, "", nil},
		"failing":        {500, "oops", nil},
		"recovering":     {503, "Master has not finished recovery", nil},
		"redirected":     {307, "", nil},
		"strange":        {200, "hello", nil},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			c, m := subscribedTo(t, func(_ *v1sched.Call, w http.ResponseWriter) {
				if calls++; calls == 1 {
					refuse(w, test.status, test.text)
					return
				}
				w.WriteHeader(http.StatusAccepted)
			}, mesos.Options{})

			err := c.call(revive)
			var refused *mesos.Refused
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, &mesos.Refused{Call: "REVIVE", Master: m.address(), Status: test.status, Text: test.text}, refused)
			assert.ErrorContains(t, err, "REVIVE roles [workers]: ")
			for _, sentinel := range []error{mesos.ErrStaleStream, mesos.ErrNotSubscribed} {
				assert.Equal(t, test.is == sentinel, errors.Is(err, sentinel), "%v", sentinel)
			}
			require.NoError(t, c.call(revive))
			assert.Len(t, m.got(v1sched.Call_SUBSCRIBE), 1)
			assert.Empty(t, c.events)
		})
	}
}

func TestACallThatHangsEndsAtItsDeadline(t *testing.T) {
	for name, test := range map[string]struct {
		heartbeat float64
		timeout   time.Duration
	}{
		"the option's":               {15, 200 * time.Millisecond},
		"less than the silence does": {0.1, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMaster(t, func(_ int, s *stream) {
				s.subscribed(test.heartbeat)
				tick := time.NewTicker(50 * time.Millisecond)
				defer tick.Stop()
				for {
					select {
					case <-s.gone:
						return
					case <-tick.C:
						s.send(&v1sched.Event{Type: v1sched.Event_HEARTBEAT})
					}
				}
			})
			release := make(chan struct{})
			m.onCall = func(*v1sched.Call, http.ResponseWriter) { <-release }
			defer close(release)
			c := talk(t, mesos.Options{Leader: leading(t, m.address()), CallTimeout: test.timeout}, "")
			await[scheduler.Subscribed](c)

			began := time.Now()
			require.ErrorIs(t, c.call(revive), context.DeadlineExceeded)
			assert.Less(t, time.Since(began), 2*time.Second)
			assert.Empty(t, c.events, "the subscription goes on")
		})
	}
}

func TestACallWithoutASubscriptionFailsAtOnce(t *testing.T) {
	m := newMaster(t, func(_ int, s *stream) { s.accept(); s.hold() }) // accepted, but no SUBSCRIBED
	c := talkTo(t, m.address())
	require.Eventually(t, func() bool { return len(m.got(v1sched.Call_SUBSCRIBE)) == 1 }, patience, time.Millisecond)
	require.ErrorIs(t, c.call(revive), mesos.ErrNotSubscribed)
	assert.Empty(t, m.got(v1sched.Call_REVIVE))
}

func TestByTheTimeOfDisconnectedCallsFail(t *testing.T) {
	end := make(chan struct{})
	m := newMaster(t, func(n int, s *stream) {
		if n > 0 {
			refuse(s.w, 503, "away")
			return
		}
		s.subscribed(15)
		<-end
	})
	m.onCall = func(*v1sched.Call, http.ResponseWriter) {
		close(end) // the stream ends while the call is under way
		<-t.Context().Done()
	}
	c := talkTo(t, m.address())
	await[scheduler.Subscribed](c)
	require.ErrorIs(t, c.call(revive), mesos.ErrNotSubscribed)
	await[scheduler.Disconnected](c)
	require.ErrorIs(t, c.call(revive), mesos.ErrNotSubscribed)
}

func TestACallThatCannotBeRenderedIsNotSent(t *testing.T) {
	c, m := subscribedTo(t, nil, mesos.Options{Renderer: refusing{}})
	err := c.call(scheduler.Accept{Agent: "agent-1", Launches: []scheduler.Launch{{Task: "workers-1.1"}}})
	require.ErrorContains(t, err, "ACCEPT offers of agent agent-1: launch task workers-1.1: render executor: no kubelet known")
	assert.Empty(t, m.got(v1sched.Call_ACCEPT))
}

type refusing struct{ plain }

func (refusing) Executor(scheduler.Launch) (mesos.Executor, error) {
	return mesos.Executor{}, errors.New("no kubelet known")
}
