package master

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/mesos/flags"
	"k8s-framework/internal/local/mesos/link"
	"k8s-framework/internal/local/zookeeper"
)

// contend starts a master that takes part in an election.
func contend(t *testing.T, zk, name string) (m *Master, ended chan error, stop func()) {
	t.Helper()
	f, err := flags.ParseMaster([]string{
		"--ip=127.0.0.1", "--port=0", "--hostname=" + name, "--work_dir=" + t.TempDir(), "--zk=" + zk, "--quorum=1", "--zk_session_timeout=4secs",
	}, nil)
	require.NoError(t, err)
	m, err = New(Options{Flags: f})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended = make(chan error, 1)
	go func() { ended <- m.Run(ctx); close(ended) }()
	stop = func() {
		cancel()
		<-m.stopped
	}
	t.Cleanup(stop)
	return m, ended, stop
}

func leads(m *Master) func() bool { return func() bool { return m.leadership.Load().recovered } }

// Two masters: one leads, the other redirects; the registry goes over; a leader without ZooKeeper ends itself.
func TestElection(t *testing.T) {
	server, err := zookeeper.Start(t.Context(), zookeeper.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	first, _, stopFirst := contend(t, server.URL("/mesos"), "master1.example")
	require.Eventually(t, leads(first), patience, 10*time.Millisecond)
	second, secondEnded, _ := contend(t, server.URL("/mesos"), "master2.example")
	require.Eventually(t, func() bool { return second.leadership.Load().leader != nil }, patience, 10*time.Millisecond)
	require.False(t, second.leadership.Load().leading)

	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Post("http://"+second.Addr().String()+"/api/v1/scheduler?a=b", "text/plain", strings.NewReader("garbage"))
	require.NoError(t, err)
	resp.Body.Close()
	_, port, _ := strings.Cut(first.Addr().String(), ":")
	require.Equal(t, 307, resp.StatusCode)
	require.Equal(t, "//master1.example:"+port+"/master/api/v1/scheduler?a=b", resp.Header.Get("Location"))
	_, err = link.Dial(t.Context(), second.Addr().String())
	require.ErrorIs(t, err, link.ErrNotLeading)

	a := register(t, first.Addr().String(), "agent1.example", small, 5051)
	s := subscribe(t, first.Addr().String(), "")
	s.next(scheduler.Event_OFFERS)
	stopFirst()
	require.Eventually(t, leads(second), patience, 10*time.Millisecond)
	_, answer := operator(t, second.Addr().String(), `{"type":"GET_AGENTS"}`)
	recovered := answer["get_agents"].(map[string]any)["recovered_agents"].([]any)
	require.Len(t, recovered, 1)
	require.Equal(t, a.id, recovered[0].(map[string]any)["id"].(map[string]any)["value"])
	require.Equal(t, s.id, subscribe(t, second.Addr().String(), s.id.Value).id)

	require.NoError(t, server.Kill())
	select {
	case err := <-secondEnded:
		require.True(t, errors.Is(err, ErrLostLeadership), "%v", err)
	case <-time.After(2 * patience):
		require.Fail(t, "the leader goes on without ZooKeeper")
	}
}
