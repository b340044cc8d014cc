package execapi_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	v1 "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/mesos/execapi"
)

func TestEventsAreDeliveredInOrder(t *testing.T) {
	a := newAgent(t, func(_ int, s *stream) {
		s.send(
			subscribed(), launchEvent("t1"),
			&executor.Event{Type: executor.Event_HEARTBEAT},
			&executor.Event{Type: executor.Event_ACKNOWLEDGED, Acknowledged: &executor.Event_Acknowledged{
				TaskID: v1.TaskID{Value: "t1"}, UUID: []byte("0123456789abcdef"),
			}},
			&executor.Event{Type: executor.Event_MESSAGE, Message: &executor.Event_Message{Data: []byte("drained")}},
			&executor.Event{Type: executor.Event_KILL, Kill: &executor.Event_Kill{TaskID: v1.TaskID{Value: "t1"}}},
			&executor.Event{Type: executor.Event_KILL, Kill: &executor.Event_Kill{
				TaskID: v1.TaskID{Value: "t1"}, KillPolicy: &v1.KillPolicy{GracePeriod: &v1.DurationInfo{Nanoseconds: -1e9}},
			}},
			&executor.Event{Type: executor.Event_Type(77)}, // of a newer Mesos
			&executor.Event{Type: executor.Event_SHUTDOWN},
			&executor.Event{Type: executor.Event_ERROR, Error: &executor.Event_Error{Message: "go away"}},
		)
		s.hold()
	})
	c := talk(t, environment(a.address), execapi.Options{})

	assert.Equal(t, execapi.Subscribed{
		Agent:     execapi.Agent{ID: "AGENT-1", Hostname: "agent1.example", Port: 5051, Region: "region-a", Zone: "zone-1"},
		Container: "CONTAINER-1", Data: []byte("spec"), Resources: execapi.Resources{CPUs: 100, Mem: 32000}, Name: "executor e1",
		ShutdownGrace: 30 * time.Second,
	}, await[execapi.Subscribed](c))
	task := await[execapi.Launched](c).Task
	assert.Equal(t, "t1", task.ID)
	assert.Equal(t, "AGENT-1", task.Agent)
	assert.Equal(t, execapi.Resources{CPUs: 500, Mem: 65500, Disk: 10000, GPUs: 1000}, task.Resources)
	assert.Equal(t, []byte("task data"), task.Data)
	assert.Equal(t, 20*time.Second, task.KillGrace)
	assert.Equal(t, []execapi.Label{{Key: "node", Value: "workers-1"}, {Key: "bare"}}, task.Labels)
	assert.Equal(t, execapi.Acknowledged{Task: "t1", Update: "0123456789abcdef"}, await[execapi.Acknowledged](c))
	assert.Equal(t, []byte("drained"), await[execapi.Messaged](c).Data)
	assert.Equal(t, execapi.Killed{Task: "t1"}, await[execapi.Killed](c))
	assert.Equal(t, execapi.Killed{Task: "t1", Grace: -time.Second, GraceSet: true}, await[execapi.Killed](c))
	await[execapi.ShutdownRequested](c)
	assert.Equal(t, "go away", await[execapi.Errored](c).Message)

	sent := a.got(executor.Call_SUBSCRIBE)[0]
	assert.Equal(t, "e1", sent.call.ExecutorID.Value)
	assert.Equal(t, "FRAMEWORK-1", sent.call.FrameworkID.Value)
	assert.NotContains(t, sent.header, "Authorization")
	assert.Equal(t, "application/x-protobuf", sent.header.Get("Accept"))
}

func TestTheTokenGoesWithEveryRequest(t *testing.T) {
	a := newAgent(t, func(_ int, s *stream) { s.send(subscribed()); s.hold() })
	env := environment(a.address)
	env.Token = "jwt"
	c := talk(t, env, execapi.Options{})
	await[execapi.Subscribed](c)
	require.NoError(t, c.client.Message(t.Context(), []byte("hello")))
	assert.Equal(t, "Bearer jwt", a.got(executor.Call_SUBSCRIBE)[0].header.Get("Authorization"))
	assert.Equal(t, "Bearer jwt", a.got(executor.Call_MESSAGE)[0].header.Get("Authorization"))
	assert.Equal(t, []byte("hello"), a.got(executor.Call_MESSAGE)[0].call.Message.Data)
}

func update(state execapi.State) execapi.Status {
	return execapi.Status{
		Task: "t1", State: state, Update: execapi.NewUpdateID("CONTAINER-1", "t1", 1), At: time.Unix(1700000000, 500e6),
		Message: "running", Healthy: execapi.Unhealthy, Data: []byte("data"), Reason: "REASON_EXECUTOR_TERMINATED",
	}
}

func TestAnUpdateIsCompleteAndGoesOnAnotherConnection(t *testing.T) {
	a := newAgent(t, func(_ int, s *stream) { s.send(subscribed()); s.hold() })
	c := talk(t, environment(a.address), execapi.Options{})
	await[execapi.Subscribed](c)
	require.NoError(t, c.client.Update(t.Context(), update(execapi.TaskRunning)))
	require.NoError(t, c.client.Update(t.Context(), update(execapi.TaskKilled)))

	sent := a.got(executor.Call_UPDATE)
	status := sent[0].call.Update.Status
	want := v1.TaskStatus{
		TaskID: v1.TaskID{Value: "t1"}, State: v1.TASK_RUNNING.Enum(), Source: v1.SOURCE_EXECUTOR.Enum(),
		Message: pointer("running"), Healthy: pointer(false), Data: []byte("data"), Timestamp: pointer(1700000000.5),
		UUID: []byte(execapi.NewUpdateID("CONTAINER-1", "t1", 1)), Reason: v1.REASON_EXECUTOR_TERMINATED.Enum(),
	}
	require.NoError(t, want.VerboseEqual(&status))
	assert.Equal(t, v1.TASK_KILLED, sent[1].call.Update.Status.GetState())
	assert.Equal(t, sent[0].remote, sent[1].remote)
	assert.NotEqual(t, a.got(executor.Call_SUBSCRIBE)[0].remote, sent[0].remote)
}

func TestARefusedUpdateIsAnErrorOfThatCallOnly(t *testing.T) {
	a := newAgent(t, func(_ int, s *stream) { s.send(subscribed()); s.hold() })
	a.onCall = func(_ *executor.Call, w http.ResponseWriter) {
		refuse(w, 400, "Failed to validate Executor::Call: Not a valid UUID")
	}
	c := talk(t, environment(a.address), execapi.Options{})
	await[execapi.Subscribed](c)

	err := c.client.Update(t.Context(), update(execapi.TaskFailed))
	var refused *execapi.Refused
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, 400, refused.Status)
	assert.EqualError(t, err, "update task t1 to FAILED: the agent answered UPDATE with 400: "+
		"Failed to validate Executor::Call: Not a valid UUID")
	assert.Empty(t, c.events)
}

func TestACallThatHangsEndsAtItsDeadline(t *testing.T) {
	a := newAgent(t, func(_ int, s *stream) { s.send(subscribed()); s.hold() })
	release := make(chan struct{})
	a.onCall = func(*executor.Call, http.ResponseWriter) { <-release }
	defer close(release)
	c := talk(t, environment(a.address), execapi.Options{CallTimeout: 100 * time.Millisecond})
	await[execapi.Subscribed](c)
	require.ErrorIs(t, c.client.Update(t.Context(), update(execapi.TaskRunning)), context.DeadlineExceeded)
	assert.Empty(t, c.events)
}

func TestMistakesInAnUpdateAreNamed(t *testing.T) {
	client, err := execapi.New(environment("127.0.0.1:1"), execapi.Options{})
	require.NoError(t, err)
	for want, spoil := range map[string]func(*execapi.Status){
		`state is "STAGING"`:        func(s *execapi.Status) { s.State = "STAGING" },
		`state is "TASK_RUNNING"`:   func(s *execapi.Status) { s.State = "TASK_RUNNING" },
		"update id has 3 bytes":     func(s *execapi.Status) { s.Update = "abc" },
		`reason is "because", want`: func(s *execapi.Status) { s.Reason = "because" },
	} {
		status := update(execapi.TaskRunning)
		spoil(&status)
		require.ErrorContains(t, client.Update(t.Context(), status), want)
	}
}

// What the recordings show of an agent that restarts: connections refused, 404, 503, connections that close unanswered.
func TestAnExecutorOutlivesItsAgentsRestart(t *testing.T) {
	a := newAgent(t, nil)
	a.onSubscribe = func(n int, s *stream) {
		switch n {
		case 0:
			s.send(subscribed(), launchEvent("t1"), launchEvent("t2"))
			s.hold()
		case 1:
			refuse(s.w, 404, "404 Not Found.")
		case 2:
			refuse(s.w, 503, "Agent has not finished recovery")
		case 3:
			connection, _, err := http.NewResponseController(s.w).Hijack()
			assert.NoError(t, err)
			_ = connection.Close()
		default:
			s.send(subscribed())
			s.hold()
		}
	}
	var failures []error
	c := talk(t, environment(a.address), execapi.Options{Failed: func(err error) { failures = append(failures, err) }})
	await[execapi.Subscribed](c)
	c.keep(execapi.Pending{
		Tasks:   []execapi.Task{await[execapi.Launched](c).Task, await[execapi.Launched](c).Task},
		Updates: []execapi.Status{update(execapi.TaskStarting), update(execapi.TaskRunning)},
	})

	a.stop()
	assert.NotEmpty(t, await[execapi.Disconnected](c).Why)
	require.Error(t, c.client.Update(t.Context(), update(execapi.TaskRunning)))
	a.start(a.address)
	await[execapi.Subscribed](c)
	assert.Empty(t, c.events, "Disconnected comes once")
	require.NoError(t, c.client.Update(t.Context(), update(execapi.TaskRunning)))

	subscriptions := a.got(executor.Call_SUBSCRIBE)
	require.Len(t, subscriptions, 5)
	for i, each := range subscriptions[1:] {
		subscribe := each.call.Subscribe
		require.Len(t, subscribe.UnacknowledgedTasks, 2)
		require.NoError(t, launchEvent("t1").Launch.Task.VerboseEqual(&subscribe.UnacknowledgedTasks[0]), "as it was launched")
		assert.Equal(t, "t2", subscribe.UnacknowledgedTasks[1].TaskID.Value)
		require.Len(t, subscribe.UnacknowledgedUpdates, 2)
		assert.Equal(t, v1.TASK_STARTING, subscribe.UnacknowledgedUpdates[0].Status.GetState())
		assert.Equal(t, []byte(update("").Update), subscribe.UnacknowledgedUpdates[1].Status.UUID)
		if i > 0 {
			assert.Less(t, each.at.Sub(subscriptions[i].at), 2*time.Second)
		}
	}
	assert.GreaterOrEqual(t, len(failures), 4)
}

func TestTheFirstFailureIsDeliveredToo(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	c := talk(t, environment(listener.Addr().String()), execapi.Options{})
	assert.Contains(t, await[execapi.Disconnected](c).Why, "connection refused")
}

func TestAnAgentThatNeverAnswersIsGivenUp(t *testing.T) {
	a := newAgent(t, func(n int, s *stream) {
		if n > 0 {
			s.send(subscribed())
		}
		s.hold()
	})
	c := talk(t, environment(a.address), execapi.Options{CallTimeout: 100 * time.Millisecond})
	assert.Contains(t, await[execapi.Disconnected](c).Why, "no answer to SUBSCRIBE within 100ms")
	await[execapi.Subscribed](c)
}

func TestShutdownCanBeTheFirstEvent(t *testing.T) {
	a := newAgent(t, func(_ int, s *stream) { s.send(&executor.Event{Type: executor.Event_SHUTDOWN}); s.hold() })
	c := talk(t, environment(a.address), execapi.Options{})
	await[execapi.ShutdownRequested](c)
}

func TestAnAgentThatKnowsUsNoMoreEndsRun(t *testing.T) {
	for text, want := range map[string]error{
		"Framework cannot be found": execapi.ErrForeignAgent,
		"Executor cannot be found":  execapi.ErrForgotten,
	} {
		a := newAgent(t, func(_ int, s *stream) { refuse(s.w, 400, text) })
		c := talk(t, environment(a.address), execapi.Options{})
		require.ErrorIs(t, c.end(), want)
		assert.Len(t, a.got(executor.Call_SUBSCRIBE), 1)
	}
}

func TestOtherRefusalsAreTriedAgain(t *testing.T) {
	a := newAgent(t, func(n int, s *stream) {
		if n < 2 {
			refuse(s.w, []int{401, 400}[n], "no")
			return
		}
		s.send(subscribed())
		s.hold()
	})
	c := talk(t, environment(a.address), execapi.Options{})
	assert.Equal(t, "the agent answered SUBSCRIBE with 401: no", await[execapi.Disconnected](c).Why)
	await[execapi.Subscribed](c)
}

func TestAnErrorOfPendingEndsRun(t *testing.T) {
	client, err := execapi.New(environment("127.0.0.1:1"), execapi.Options{})
	require.NoError(t, err)
	away := errors.New("the loop is over")
	err = client.Run(t.Context(), func(context.Context) (execapi.Pending, error) { return execapi.Pending{}, away }, nil)
	require.ErrorIs(t, err, away)
}

func TestWhatEndsAStreamIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		bytes string
		why   string
	}{
		"its end":        {"", "the stream ended: EOF"},
		"in a frame":     {"100\nhalf", "unexpected EOF"},
		"absurd length":  {"18446744073709551615\n", "larger than the 1000 bytes"},
		"no frames":      {"<html>", "no RecordIO"},
		"no message":     {"3\n\xff\xff\xff", "decode event"},
		"launch nothing": {"2\n\x08\x02", "LAUNCH without its content"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAgent(t, func(n int, s *stream) {
				s.send(subscribed())
				_, _ = s.w.Write([]byte(test.bytes))
				if n > 0 {
					s.hold()
				}
			})
			c := talk(t, environment(a.address), execapi.Options{MaxFrame: 1000})
			await[execapi.Subscribed](c)
			assert.Contains(t, await[execapi.Disconnected](c).Why, test.why)
			await[execapi.Subscribed](c)
		})
	}
}
