package agent

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/stretchr/testify/require"
)

// manager is an update manager whose agent only writes down what it would send, with the time.
type manager struct {
	*updateManager
	f    *framework
	e    *execution
	sent []string
	ids  map[string][]byte
}

func newManager(t *testing.T) *manager {
	start := time.Now()
	m := &manager{ids: map[string][]byte{}}
	a := &Agent{events: make(chan func(), 16), done: make(chan struct{}), paths: paths{work: t.TempDir()}}
	a.info.ID = &mesos.AgentID{Value: "agent-1"}
	m.updateManager = newUpdateManager(a)
	m.send = func(_ string, s mesos.TaskStatus) {
		for name, id := range m.ids {
			if string(id) == string(s.UUID) {
				m.sent = append(m.sent, fmt.Sprintf("%s %s", name, time.Since(start).Round(time.Second)))
			}
		}
	}
	m.f = &framework{info: mesos.FrameworkInfo{ID: &mesos.FrameworkID{Value: "fw"}}}
	m.e = &execution{framework: m.f, containerID: "c", checkpoint: true, info: mesos.ExecutorInfo{ExecutorID: mesos.ExecutorID{Value: "e"}}}
	return m
}

// run lets time pass, doing what timers post.
func (m *manager) run(d time.Duration) {
	end := time.After(d)
	for {
		select {
		case f := <-m.agent.events:
			f()
		case <-end:
			return
		}
	}
}

func (m *manager) update(t *testing.T, name, task string, state mesos.TaskState) {
	if m.ids[name] == nil {
		id := uuid.New()
		m.ids[name] = id[:]
	}
	require.NoError(t, m.add(m.f, m.e, mesos.TaskStatus{TaskID: mesos.TaskID{Value: task}, State: &state, UUID: m.ids[name]}))
}

func (m *manager) take() []string {
	sent := m.sent
	m.sent = nil
	return sent
}

func TestUpdatesGoOneByOneAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t)
		m.resume()
		m.update(t, "starting", "t1", mesos.TASK_STARTING)
		m.update(t, "running", "t1", mesos.TASK_RUNNING)
		m.update(t, "other", "t2", mesos.TASK_RUNNING)
		require.Equal(t, []string{"starting 0s", "other 0s"}, m.take())
		_, err := m.acknowledge("fw", "t2", m.ids["other"])
		require.NoError(t, err)
		m.run(71 * time.Second)
		require.Equal(t, []string{"starting 10s", "starting 30s", "starting 1m10s"}, m.take())

		_, err = m.acknowledge("fw", "t1", m.ids["running"])
		require.Error(t, err, "not the one that was sent")
		last, err := m.acknowledge("fw", "t1", m.ids["starting"])
		require.NoError(t, err)
		require.False(t, last)
		_, err = m.acknowledge("fw", "t1", m.ids["starting"])
		require.Error(t, err, "a second time")
		require.Equal(t, []string{"running 1m11s"}, m.take())

		m.update(t, "running", "t1", mesos.TASK_RUNNING)
		m.update(t, "finished", "t1", mesos.TASK_FINISHED)
		require.Empty(t, m.take(), "the same uuid again, and one that waits")
		last, err = m.acknowledge("fw", "t1", m.ids["running"])
		require.NoError(t, err)
		require.False(t, last)
		last, err = m.acknowledge("fw", "t1", m.ids["finished"])
		require.NoError(t, err)
		require.True(t, last)
		require.Equal(t, []string{"finished 1m11s"}, m.take())
		m.run(time.Hour)
		require.Empty(t, m.take())
	})
}

func TestTheWaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t)
		m.resume()
		m.update(t, "x", "t1", mesos.TASK_RUNNING)
		m.run(41 * time.Minute)
		require.Equal(t, []string{
			"x 0s", "x 10s", "x 30s", "x 1m10s", "x 2m30s", "x 5m10s", "x 10m30s", "x 20m30s", "x 30m30s", "x 40m30s",
		}, m.take())
		m.cleanup("fw")
	})
}

func TestPausedUpdatesGoWithTheResumption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t)
		m.update(t, "x", "t1", mesos.TASK_RUNNING)
		m.run(time.Minute)
		require.Empty(t, m.take())
		m.resume()
		m.resume()
		require.Equal(t, []string{"x 1m0s", "x 1m0s"}, m.take())
		m.run(11 * time.Second)
		require.Equal(t, []string{"x 1m10s"}, m.take())
		m.cleanup("fw")
	})
}

// What was added and acknowledged is there after a restart; half a line at the end is not.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t)
		m.resume()
		m.update(t, "a", "t1", mesos.TASK_STARTING)
		m.update(t, "b", "t1", mesos.TASK_RUNNING)
		_, err := m.acknowledge("fw", "t1", m.ids["a"])
		require.NoError(t, err)
		file := m.stream("fw", "t1").file
		m.cleanup("fw")
		appendText(t, file, `{"Update":{`)
		for range 2 {
			s := newStream("fw", "t1", file)
			all, err := s.replay()
			require.NoError(t, err)
			require.Len(t, all, 2)
			require.Len(t, s.pending, 1)
			require.Equal(t, m.ids["b"], s.pending[0].UUID)
		}
	})
}
