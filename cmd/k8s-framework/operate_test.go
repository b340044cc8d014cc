package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// state is what the instance of these tests shows: a pool with one node.
const state = `{"master": "m:5050", "pools": [{"name": "blue", "nodes": 1, "resources": {"cpus": 1, "mem": 1024}, "rollout": {"version": 2, "done": true}}],
	"nodes": [{"name": "blue-1", "pool": "blue", "host": "h1", "phase": "Ready", "version": 2}]}`

// run types a command at an instance that writes down what it is asked for, and accepts it.
func run(t *testing.T, input string, line ...string) (output string, asked []string, err error) {
	t.Helper()
	instance := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/state" {
			_, _ = io.WriteString(w, state)
			return
		}
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, strings.TrimSpace(r.Method+" "+r.URL.String()+" "+string(body)))
		_, _ = io.WriteString(w, `{"lines": ["so it is"]}`)
	}))
	defer instance.Close()
	var out strings.Builder
	root := command()
	root.SetArgs(append(line, "--server="+instance.URL))
	root.SetIn(strings.NewReader(input))
	root.SetOut(&out)
	err = root.ExecuteContext(t.Context())
	return out.String(), asked, err
}

func TestCommandsAskForWhatTheySay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pools.yaml")
	require.NoError(t, os.WriteFile(file, []byte("pools: []"), 0o600))
	for line, want := range map[string]string{
		"scale blue 3":              `POST /pools/blue/scale {"nodes": 3}`,
		"scale blue all --dry-run":  `POST /pools/blue/scale?dryRun=true {"nodes": "all"}`,
		"apply -f " + file:          "PUT /pools pools: []",
		"apply -f - --dry-run":      "PUT /pools?dryRun=true pools: [{name: typed}]",
		"delete blue":               "DELETE /pools/blue",
		"pause blue":                "POST /pools/blue/pause",
		"resume blue":               "POST /pools/blue/resume",
		"rollback blue --dry-run":   "POST /pools/blue/rollback?dryRun=true",
		"restart blue":              "POST /pools/blue/restart",
		"restart blue-1":            "POST /nodes/blue-1/restart",
		"restart h1 --dry-run":      "POST /nodes/blue-1/restart?dryRun=true",
		"cancel h1":                 "POST /nodes/blue-1/cancel",
		"teardown --yes":            `POST /teardown {"yes": true}`,
		"teardown --dry-run":        `POST /teardown?dryRun=true {"yes": true}`,
		"pause a/../../teardown":    "POST /pools/a%2F..%2F..%2Fteardown/pause",
		"scale blue 1 --wait":       `POST /pools/blue/scale {"nodes": 1}`,
		"rollback blue --wait":      "POST /pools/blue/rollback",
		"restart blue --timeout=1s": "POST /pools/blue/restart",
	} {
		output, asked, err := run(t, "pools: [{name: typed}]", strings.Fields(line)...)
		require.NoError(t, err, line)
		require.Equal(t, []string{want}, asked, line)
		require.True(t, strings.HasPrefix(output, "so it is\n"), output)
		require.Equal(t, strings.Contains(line, "--wait"), strings.Contains(output, "done after 0s"), output)
	}
}

func TestAWaitThatTimesOutFails(t *testing.T) {
	_, asked, err := run(t, "", "restart", "blue-1", "--wait", "--timeout=1ms")
	require.ErrorContains(t, err, "--timeout of 1ms has passed")
	require.Len(t, asked, 1)
}

func TestPoolsArePrintedAsAFile(t *testing.T) {
	output, _, err := run(t, "", "pools")
	require.NoError(t, err)
	require.Contains(t, output, "name: blue\n")
	require.NotContains(t, output, "rollout")
	output, _, err = run(t, "", "status")
	require.NoError(t, err)
	require.Contains(t, output, "blue-1")
}

func TestNobodyIsAskedWhereNothingIsMeant(t *testing.T) {
	t.Setenv("K8S_FRAMEWORK_YES", "true")
	for _, line := range [][]string{{"teardown"}, {"delete", ""}, {"cancel", "nobody"}, {"apply"}} {
		_, asked, err := run(t, "", line...)
		require.Error(t, err, line)
		require.Empty(t, asked, line)
	}
}
