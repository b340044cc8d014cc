package conformance

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The recorder says where it woke up, does as it is told, and reports the stream and its end.
func TestRecorder(t *testing.T) {
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		if !strings.Contains(string(body), "SUBSCRIBE") {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		event := `{"type":"SUBSCRIBED"}`
		fmt.Fprintf(w, "%d\n%s", len(event), event)
	}))
	defer agent.Close()

	dir, err := os.MkdirTemp("", "mc") // a socket's path must be short
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "exec"), 0o755))
	obs := newObservations()
	x := &executors{obs: obs, names: newNames(nil), latest: map[string]*executor{}}
	require.NoError(t, x.listen(dir, &Transcript{Parts: []*Part{{Entries: []*Entry{{Text: "$WORK/exec/e1"}}}}}))
	defer x.close()

	self, err := os.Executable()
	require.NoError(t, err)
	link := filepath.Join(dir, recorderName)
	require.NoError(t, os.Symlink(self, link))
	cmd := exec.Command(link, filepath.Join(dir, "exec", "e1"))
	cmd.Env = []string{"MESOS_AGENT_ENDPOINT=" + agent.Listener.Addr().String()}
	require.NoError(t, cmd.Start())

	e, err := x.get("e1")
	require.NoError(t, err)
	assert.Equal(t, cmd.Process.Pid, e.pid)
	a := <-e.call(`{"type":"UPDATE"}`, false)
	assert.Equal(t, "202 Accepted", a.Status)
	a = <-e.call(`{"type":"SUBSCRIBE"}`, true)
	assert.Equal(t, "200 OK", a.Status)
	require.Eventually(t, func() bool {
		list, _ := obs.unused()
		return len(list) == 3
	}, 5*time.Second, 10*time.Millisecond)
	list, _ := obs.unused()
	assert.Equal(t, []string{"starts", "SUBSCRIBED", ""}, []string{list[0].typ, list[1].typ, list[2].typ})
	assert.Equal(t, StreamEnd, list[2].kind)

	require.NoError(t, e.tell(order{Do: "exit", Code: 3}))
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	assert.Equal(t, 3, exit.ExitCode())
	<-e.gone
}
