package link

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/stretchr/testify/require"
)

// pair returns both ends of a link over a real HTTP server.
func pair(t *testing.T) (agent, master *Conn) {
	t.Helper()
	accepted := make(chan *Conn, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Accept(w, r)
		if err != nil {
			t.Error(err)
			close(accepted)
			return
		}
		accepted <- c
	}))
	t.Cleanup(srv.Close)
	agent, err := Dial(context.Background(), strings.TrimPrefix(srv.URL, "http://"))
	require.NoError(t, err)
	master = <-accepted
	t.Cleanup(agent.Close)
	t.Cleanup(master.Close)
	return agent, master
}

func TestMessagesArriveInOrder(t *testing.T) {
	agent, master := pair(t)
	for i := range 1000 {
		require.NoError(t, agent.Send(&ExecutorMessage{Data: fmt.Appendf(nil, "%d", i)}))
		require.NoError(t, master.Send(&Ping{Connected: i%2 == 0}))
	}
	for i := range 1000 {
		m, err := master.Receive()
		require.NoError(t, err)
		require.Equal(t, &ExecutorMessage{Data: fmt.Appendf(nil, "%d", i)}, m)
		m, err = agent.Receive()
		require.NoError(t, err)
		require.Equal(t, &Ping{Connected: i%2 == 0}, m)
	}
}

func TestCloseAfterSendDeliversAndEnds(t *testing.T) {
	agent, master := pair(t)
	require.NoError(t, master.Send(&Shutdown{Reason: "gone"}))
	master.CloseAfterSend()
	m, err := agent.Receive()
	require.NoError(t, err)
	require.Equal(t, &Shutdown{Reason: "gone"}, m)
	_, err = agent.Receive()
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, master.Send(&Ping{}), ErrClosed)
}

// A peer that does not read does not hold up the sender, and gets everything in order when it does.
func TestSendDoesNotWait(t *testing.T) {
	agent, master := pair(t)
	data := make([]byte, 1<<20)
	for i := range 30 {
		data[0] = byte(i)
		require.NoError(t, agent.Send(&ExecutorMessage{Data: data}))
	}
	for i := range 30 {
		m, err := master.Receive()
		require.NoError(t, err)
		require.Equal(t, byte(i), m.(*ExecutorMessage).Data[0])
		require.Len(t, m.(*ExecutorMessage).Data, len(data))
	}
}

func TestDialSaysThatTheMasterDoesNotLead(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer srv.Close()
	_, err := Dial(context.Background(), strings.TrimPrefix(srv.URL, "http://"))
	require.True(t, errors.Is(err, ErrNotLeading), "%v", err)
}

func TestUnknownKindIsNoError(t *testing.T) {
	m, err := decode([]byte(`{"kind":"Tomorrow","body":{"a":1}}`))
	require.NoError(t, err)
	require.Equal(t, "Tomorrow", m.Kind())
}

// Every Mesos message that travels over the link survives its encoding, whatever its content.
func TestMesosMessagesSurvive(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for range 200 {
		run := &RunTasks{
			Framework: *mesos.NewPopulatedFrameworkInfo(r, false), Executor: mesos.NewPopulatedExecutorInfo(r, false),
			Tasks: []mesos.TaskInfo{*mesos.NewPopulatedTaskInfo(r, false)}, Launch: true,
		}
		ranBack := roundTrip(t, run).(*RunTasks)
		require.NoError(t, run.Framework.VerboseEqual(ranBack.Framework))
		require.NoError(t, run.Executor.VerboseEqual(ranBack.Executor))
		require.NoError(t, run.Tasks[0].VerboseEqual(ranBack.Tasks[0]))
		update := &StatusUpdate{Status: *mesos.NewPopulatedTaskStatus(r, false), Latest: mesos.TASK_RUNNING}
		require.NoError(t, update.Status.VerboseEqual(roundTrip(t, update).(*StatusUpdate).Status))
		again := &Reregister{
			Register: Register{Agent: *mesos.NewPopulatedAgentInfo(r, false), Total: []mesos.Resource{*mesos.NewPopulatedResource(r, false)}},
			Tasks:    []mesos.Task{*mesos.NewPopulatedTask(r, false)},
			Draining: mesos.NewPopulatedDrainConfig(r, false),
		}
		againBack := roundTrip(t, again).(*Reregister)
		require.NoError(t, again.Agent.VerboseEqual(againBack.Agent))
		require.NoError(t, again.Total[0].VerboseEqual(againBack.Total[0]))
		require.NoError(t, again.Tasks[0].VerboseEqual(againBack.Tasks[0]))
		require.NoError(t, again.Draining.VerboseEqual(againBack.Draining))
	}
}

func roundTrip(t *testing.T, m Message) Message {
	t.Helper()
	line, err := encode(m)
	require.NoError(t, err)
	back, err := decode(line)
	require.NoError(t, err, "%s", line)
	again, err := encode(back)
	require.NoError(t, err)
	require.JSONEq(t, string(line), string(again))
	return back
}
