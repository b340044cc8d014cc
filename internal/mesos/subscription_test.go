package mesos_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	v1 "github.com/mesos/mesos-go/api/v1/lib"
	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/mesos"
	"k8s-framework/scheduler"
)

func TestSubscribeCarriesTheFrameworkInBothPlacesAndNoStreamID(t *testing.T) {
	m := newMaster(t, func(_ int, s *stream) { s.subscribed(15); s.hold() })
	c := talk(t, mesos.Options{Leader: leading(t, m.address()), Framework: mesos.Framework{
		User: "root", Name: "k8s", Roles: []string{"a", "b"}, Hostname: "here", WebUI: "http://here/",
		FailoverTimeout: 3 * 7 * 24 * time.Hour, GPUs: true,
	}}, "framework-7")

	assert.Equal(t, scheduler.Subscribed{Framework: "framework-7", Master: m.address()}, await[scheduler.Subscribed](c))

	sent := m.got(v1sched.Call_SUBSCRIBE)[0]
	assert.Equal(t, "/api/v1/scheduler", sent.path)
	assert.Equal(t, "application/x-protobuf", sent.header.Get("Content-Type"))
	assert.Equal(t, "application/x-protobuf", sent.header.Get("Accept"))
	assert.NotContains(t, sent.header, "Mesos-Stream-Id")
	info := sent.call.Subscribe.FrameworkInfo
	assert.Equal(t, "framework-7", sent.call.FrameworkID.Value)
	assert.Equal(t, "framework-7", info.ID.Value)
	assert.InDelta(t, 1814400, info.GetFailoverTimeout(), 0)
	assert.True(t, info.GetCheckpoint())
	assert.Nil(t, info.Role, "role must not be set beside MULTI_ROLE")
	assert.Equal(t, []string{"a", "b"}, info.Roles)
	var capabilities []string
	for _, each := range info.Capabilities {
		capabilities = append(capabilities, each.Type.String())
	}
	assert.Equal(t, []string{
		"PARTITION_AWARE", "TASK_KILLING_STATE", "MULTI_ROLE", "RESERVATION_REFINEMENT", "REGION_AWARE", "GPU_RESOURCES",
	}, capabilities)
}

func TestTheFirstSubscriptionAsksForAnIDAndLaterOnesKeepIt(t *testing.T) {
	m := newMaster(t, func(n int, s *stream) {
		s.subscribed(15)
		if n > 0 {
			s.hold()
		}
	})
	c := talkTo(t, m.address())

	assert.Equal(t, scheduler.FrameworkID("framework-1"), await[scheduler.Subscribed](c).Framework)
	assert.Contains(t, await[scheduler.Disconnected](c).Why, "the stream ended")
	assert.Equal(t, scheduler.FrameworkID("framework-1"), await[scheduler.Subscribed](c).Framework)

	sent := m.got(v1sched.Call_SUBSCRIBE)
	assert.Nil(t, sent[0].call.FrameworkID)
	assert.Nil(t, sent[0].call.Subscribe.FrameworkInfo.ID)
	assert.Equal(t, "framework-1", sent[1].call.FrameworkID.GetValue())
}

func TestAStreamWithoutHeartbeatsIsDroppedAfterTwoAndAHalfIntervals(t *testing.T) {
	const interval = 0.2
	m := newMaster(t, func(n int, s *stream) {
		if n > 0 {
			s.subscribed(15)
			s.hold()
			return
		}
		s.subscribed(interval)
		for range 5 { // heartbeats keep it
			time.Sleep(200 * time.Millisecond)
			s.send(&v1sched.Event{Type: v1sched.Event_HEARTBEAT})
		}
		s.hold()
	})
	began := time.Now()
	c := talkTo(t, m.address())

	await[scheduler.Subscribed](c)
	assert.Contains(t, await[scheduler.Disconnected](c).Why, "said nothing for 500ms")
	lasted := time.Since(began)
	assert.Greater(t, lasted, 1400*time.Millisecond, "the heartbeats kept it for a second, the silence for half of one")
	assert.Less(t, lasted, 4*time.Second)
	await[scheduler.Subscribed](c)
}

func TestASlowConsumerIsNotTakenForASilentMaster(t *testing.T) {
	m := newMaster(t, func(_ int, s *stream) {
		s.subscribed(0.1)
		for {
			select {
			case <-s.gone:
				return
			case <-time.After(50 * time.Millisecond):
				s.send(&v1sched.Event{Type: v1sched.Event_HEARTBEAT})
			}
		}
	})
	client, err := mesos.New(mesos.Options{
		Leader: leading(t, m.address()), Framework: mesos.Framework{User: "root", Name: "slow"}, Renderer: plain{},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var events []scheduler.Event
	err = client.Run(ctx, "", func(event scheduler.Event) {
		events = append(events, event)
		time.Sleep(600 * time.Millisecond) // a consumer that takes more than twice the watch
	})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Len(t, events, 1, "%+v", events)
}

func TestAMasterThatAcceptsAndNeverAnswersIsGivenUp(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts, as the kernel does for a stopped process
	require.NoError(t, err)
	defer listener.Close()
	m := newMaster(t, func(_ int, s *stream) { s.subscribed(15); s.hold() })
	c := talk(t, mesos.Options{
		Leader: leading(t, listener.Addr().String(), m.address()), SubscribeTimeout: 200 * time.Millisecond,
	}, "")

	assert.Contains(t, await[scheduler.Disconnected](c).Why, "said nothing for 200ms")
	await[scheduler.Subscribed](c)
}

func TestWhatEndsAStreamIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		serve func(*stream)
		why   string
	}{
		"between frames":       {func(*stream) {}, "the stream ended"},
		"within a frame":       {func(s *stream) { s.raw("100\nhalf") }, "unexpected EOF"},
		"within a length":      {func(s *stream) { s.raw("10") }, "unexpected EOF"},
		"the master died":      {func(s *stream) { s.raw("2\n"); s.cut() }, "unexpected EOF"},
		"no length":            {func(s *stream) { s.raw("HTTP/1.1 200 OK\n") }, "no RecordIO"},
		"absurd length":        {func(s *stream) { s.raw("18446744073709551615\n") }, "18446744073709551615 bytes"},
		"more digits than any": {func(s *stream) { s.raw(strings.Repeat("9", 40) + "\n") }, "no RecordIO"},
		"no message":           {func(s *stream) { s.raw("3\n\xff\xff\xff") }, "decode event"},
		"no content":           {func(s *stream) { s.raw("2\n\x08\x04") }, "UPDATE without its content"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMaster(t, func(n int, s *stream) {
				s.subscribed(15)
				if n > 0 {
					s.hold()
					return
				}
				test.serve(s)
			})
			c := talkTo(t, m.address())
			await[scheduler.Subscribed](c)
			assert.Contains(t, await[scheduler.Disconnected](c).Why, test.why)
			await[scheduler.Subscribed](c)
		})
	}
}

func TestAnEventThatIsTooLargeNamesItsSizeAndTheFlag(t *testing.T) {
	m := newMaster(t, func(_ int, s *stream) {
		s.subscribed(15)
		s.raw("2000\n" + strings.Repeat("x", 2000))
		s.hold()
	})
	c := talk(t, mesos.Options{Leader: leading(t, m.address()), MaxFrame: 1000}, "")

	await[scheduler.Subscribed](c)
	why := await[scheduler.Disconnected](c).Why
	assert.Contains(t, why, "an event has 2000 bytes, and --mesos-max-frame allows 1000: raise it")
}

func TestEventsWithoutAWordAreCounted(t *testing.T) {
	m := newMaster(t, func(_ int, s *stream) {
		s.subscribed(15)
		s.send(&v1sched.Event{Type: v1sched.Event_RESCIND, Rescind: &v1sched.Event_Rescind{}})
		s.send(&v1sched.Event{Type: v1sched.Event_HEARTBEAT})
		s.send(&v1sched.Event{Type: v1sched.Event_Type(99)})
		s.send(&v1sched.Event{Type: v1sched.Event_MESSAGE, Message: &v1sched.Event_Message{Data: []byte("draining")}})
		s.send(&v1sched.Event{Type: v1sched.Event_FAILURE, Failure: &v1sched.Event_Failure{AgentID: &v1.AgentID{Value: "a"}}})
		s.hold()
	})
	ignored := make(chan string, 10)
	c := talk(t, mesos.Options{Leader: leading(t, m.address()), Ignored: func(event string) { ignored <- event }}, "")
	await[scheduler.Subscribed](c)
	assert.Equal(t, scheduler.ExecutorDraining{Why: "draining"}, await[scheduler.ExecutorDraining](c))
	assert.Equal(t, scheduler.AgentRemoved{Agent: "a"}, await[scheduler.AgentRemoved](c))
	assert.Equal(t, "RESCIND", <-ignored)
	assert.Equal(t, "99", <-ignored)
	assert.Empty(t, ignored)
}

func TestRunLeavesNothingBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	func() {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			call := &v1sched.Call{}
			if err == nil && call.Unmarshal(body) == nil {
				(&stream{t: t, w: w, call: call, gone: r.Context().Done()}).subscribed(15)
			}
		}))
		defer server.Close()
		client, err := mesos.New(mesos.Options{
			Leader: leading(t, server.Listener.Addr().String()), Framework: mesos.Framework{User: "root", Name: "k8s"}, Renderer: plain{},
		})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		times := 0
		require.ErrorIs(t, client.Run(ctx, "", func(event scheduler.Event) {
			if _, is := event.(scheduler.Subscribed); !is {
				return
			}
			_ = client.Send(ctx, revive)()
			if times++; times == 10 {
				cancel()
			}
		}), context.Canceled)
	}()
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("goroutines are left behind:\n%s", stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func TestEachReasonForNotConnectingIsSaidOnce(t *testing.T) {
	m := newMaster(t, func(n int, s *stream) {
		switch {
		case n < 3:
			refuse(s.w, 503, "starting")
		case n < 6:
			refuse(s.w, 503, "recovering")
		default:
			s.subscribed(15)
			s.hold()
		}
	})
	c := talkTo(t, m.address())
	assert.Contains(t, await[scheduler.Disconnected](c).Why, "starting")
	assert.Contains(t, await[scheduler.Disconnected](c).Why, "recovering")
	await[scheduler.Subscribed](c)
}
