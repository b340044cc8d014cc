package container

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == InitName {
		os.Exit(Init(os.Args))
	}
	os.Exit(m.Run())
}

// runner runs one container after another, without cgroups.
type runner struct {
	t   *testing.T
	p   *Processes
	dir string
	n   int
}

func newRunner(t *testing.T) *runner {
	program, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	p, err := New(Config{
		Launcher: "posix", RuntimeDir: filepath.Join(dir, "run"), Program: program,
		FetcherCacheDir: filepath.Join(dir, "cache"), FetcherStall: time.Second,
	})
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return &runner{t: t, p: p, dir: dir}
}

// run runs a command to its end and returns the events and the sandbox.
func (r *runner) run(command mesos.CommandInfo, meanwhile func(*Container)) ([]Event, string) {
	r.n++
	id := fmt.Sprintf("c%d", r.n)
	sandbox := filepath.Join(r.dir, "sandbox", id)
	require.NoError(r.t, os.MkdirAll(sandbox, 0o755))
	events := make(chan Event, 8)
	c := r.p.Launch(Spec{ID: id, Dir: sandbox, Command: command, Env: map[string]string{"A": "b"}}, func(e Event) { events <- e })
	var all []Event
	for {
		select {
		case e := <-events:
			all = append(all, e)
			if _, ok := e.(Launched); ok && meanwhile != nil {
				meanwhile(c)
			}
			if _, ok := e.(Ended); ok {
				return all, sandbox
			}
		case <-time.After(20 * time.Second):
			r.t.Fatalf("container %s does not end: %v", id, all)
		}
	}
}

func shellCommand(s string) mesos.CommandInfo { return mesos.CommandInfo{Value: &s} }

func status(t *testing.T, events []Event) int {
	t.Helper()
	s := events[len(events)-1].(Ended).Exit.Status
	require.NotNil(t, s)
	return *s
}

func TestStatusIsTheRawWaitStatus(t *testing.T) {
	r := newRunner(t)
	no := false
	missing := "/no/such/program"
	for _, c := range []struct {
		command mesos.CommandInfo
		want    int
	}{
		{shellCommand("exit 0"), 0},
		{shellCommand("exit 3"), 3 << 8},
		{shellCommand("kill -9 $$"), 9},
		{shellCommand("/no/such/program"), 127 << 8},
		{mesos.CommandInfo{Shell: &no, Value: &missing, Arguments: []string{"x"}}, 1 << 8},
	} {
		events, _ := r.run(c.command, nil)
		require.IsType(t, Launched{}, events[0])
		require.Equal(t, c.want, status(t, events), "%v", c.command)
	}
}

func TestDestroyKillsTheWholeSession(t *testing.T) {
	r := newRunner(t)
	events, sandbox := r.run(shellCommand("sleep 1000 & echo $! > child; sleep 1000"), func(c *Container) {
		deadline := time.Now().Add(20 * time.Second)
		for {
			b, err := os.ReadFile(filepath.Join(r.dir, "sandbox", "c1", "child"))
			if err == nil && strings.HasSuffix(string(b), "\n") {
				break
			}
			require.True(t, time.Now().Before(deadline))
			time.Sleep(5 * time.Millisecond)
		}
		c.Destroy()
	})
	require.Equal(t, 9, status(t, events))
	b, err := os.ReadFile(filepath.Join(sandbox, "child"))
	require.NoError(t, err)
	var pid int
	_, err = fmt.Sscan(string(b), &pid)
	require.NoError(t, err)
	require.False(t, exists(pid))
}

// A container goes on without the agent that has started it, and its status is there for the next one.
func TestRecover(t *testing.T) {
	r := newRunner(t)
	sandbox := filepath.Join(r.dir, "sandbox")
	require.NoError(t, os.MkdirAll(sandbox, 0o755))
	launched := make(chan Event, 8)
	first, err := New(r.p.cfg)
	require.NoError(t, err)
	c := first.Launch(Spec{ID: "c", Dir: sandbox, Command: shellCommand("while [ ! -e go ]; do sleep 0.01; done; exit 5")},
		func(e Event) { launched <- e })
	require.IsType(t, Launched{}, <-launched)
	first.Close()

	next, err := New(r.p.cfg)
	require.NoError(t, err)
	t.Cleanup(next.Close)
	ended := make(chan Event, 8)
	back, err := next.Recover([]Known{{ID: "c", PID: c.PID()}}, func(_ string, e Event) { ended <- e })
	require.NoError(t, err)
	require.Equal(t, c.PID(), back["c"].PID())
	require.NoError(t, os.WriteFile(filepath.Join(sandbox, "go"), nil, 0o644))
	select {
	case e := <-ended:
		require.Equal(t, 5<<8, status(t, []Event{e}))
	case <-time.After(20 * time.Second):
		t.Fatal("the end of the container is not noticed")
	}
}

func TestFetch(t *testing.T) {
	r := newRunner(t)
	pack := filepath.Join(r.dir, "pack.tar.gz")
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "inside.txt"), []byte("inside"), 0o644))
	require.NoError(t, exec.Command("tar", "-C", r.dir, "-czf", pack, "inside.txt").Run())
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		seen = append(seen, req.Method+" "+req.URL.Path)
		switch req.URL.Path {
		case "/tool", "/plain.txt":
			fmt.Fprint(w, "content")
		case "/pack.tar.gz":
			http.ServeFile(w, req, pack)
		case "/stall":
			fmt.Fprint(w, "x")
			w.(http.Flusher).Flush()
			<-req.Context().Done()
		default:
			http.NotFound(w, req)
		}
	}))
	defer server.Close()
	yes, no, sub := true, false, "sub/renamed.tgz"
	command := shellCommand("cat plain.txt inside.txt > out; ./tool; true")
	command.URIs = []mesos.CommandInfo_URI{
		{Value: server.URL + "/plain.txt", Cache: &yes},
		{Value: server.URL + "/tool", Executable: &yes},
		{Value: server.URL + "/pack.tar.gz"},
		{Value: server.URL + "/pack.tar.gz", Extract: &no, OutputFile: &sub},
	}
	for range 2 {
		events, sandbox := r.run(command, nil)
		require.Equal(t, 0, status(t, events))
		out, err := os.ReadFile(filepath.Join(sandbox, "out"))
		require.NoError(t, err)
		require.Equal(t, "contentinside", string(out))
		st, err := os.Stat(filepath.Join(sandbox, "tool"))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o755), st.Mode().Perm())
		for _, name := range []string{"pack.tar.gz", sub} {
			_, err = os.Stat(filepath.Join(sandbox, name))
			require.NoError(t, err)
		}
	}
	require.Equal(t, []string{
		"HEAD /plain.txt", "GET /plain.txt", "GET /tool", "GET /pack.tar.gz", "GET /pack.tar.gz",
		"GET /tool", "GET /pack.tar.gz", "GET /pack.tar.gz",
	}, seen)

	for uri, why := range map[string]string{
		server.URL + "/absent": "Error downloading resource, received HTTP return code 404",
		server.URL + "/stall":  "Error downloading resource: Timeout was reached",
		"http://127.0.0.1:1/x": "Error downloading resource: Couldn't connect to server",
		"gopher://127.0.0.1/x": "Failed to create HDFS client: Hadoop client is not available, exit status: 32512",
	} {
		command.URIs = []mesos.CommandInfo_URI{{Value: uri}}
		events, sandbox := r.run(command, nil)
		require.ErrorContains(t, events[0].(Failed).Err, "Failed to fetch all URIs for container '")
		require.ErrorContains(t, events[0].(Failed).Err, "': exited with status 1")
		require.Equal(t, 1<<8, status(t, events))
		stderr, err := os.ReadFile(filepath.Join(sandbox, "stderr"))
		require.NoError(t, err)
		require.Contains(t, string(stderr), "EXIT with status 1: Failed to fetch '"+uri+"': "+why)
	}
}
