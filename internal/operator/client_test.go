package operator

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"k8s-framework/scheduler"
)

func TestInstancesAreAskedInTurn(t *testing.T) {
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, dead.Close())
	leader := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/pools/workers/scale" {
			http.Error(w, "nodes is too many", http.StatusUnprocessableEntity)
			return
		}
		_, _ = w.Write([]byte(`{"frameworkID": "fw-1"}`))
	}))
	defer leader.Close()
	standby := httptest.NewServer(http.RedirectHandler(leader.URL+"/state", http.StatusTemporaryRedirect))
	defer standby.Close()

	c, err := New([]string{dead.Addr().String(), standby.URL})
	require.NoError(t, err)
	view, err := c.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, scheduler.FrameworkID("fw-1"), view.FrameworkID)

	c, err = New([]string{strings.TrimPrefix(leader.URL, "http://")})
	require.NoError(t, err)
	scale, err := Scale("workers", "9")
	require.NoError(t, err)
	_, err = c.Do(t.Context(), scale, false)
	require.ErrorContains(t, err, "nodes is too many")

	c, err = New([]string{dead.Addr().String()})
	require.NoError(t, err)
	_, err = c.State(t.Context())
	require.ErrorContains(t, err, "no instance of k8s-framework answers")
	require.ErrorContains(t, err, dead.Addr().String())
}

func TestBadServersAreNamed(t *testing.T) {
	for _, server := range []string{"", "https://x:1", "::"} {
		_, err := New([]string{server})
		require.ErrorContains(t, err, "--server is \""+server+"\"")
	}
	_, err := New(nil)
	require.ErrorContains(t, err, "--server is empty")
}

// An order that may have arrived is not made again at the next instance; one that cannot have is, and so is a question.
func TestOrdersAreMadeOnce(t *testing.T) {
	orders := 0
	breaks := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer breaks.Close()
	leader := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("dryRun") == "" {
			orders++
		}
		_, _ = w.Write([]byte(`{"lines": ["done"]}`))
	}))
	defer leader.Close()
	c, err := New([]string{breaks.URL, leader.URL})
	require.NoError(t, err)
	_, err = c.Do(t.Context(), Pause("workers"), false)
	require.ErrorContains(t, err, "no answer, look at the status to see whether it was done")
	require.Zero(t, orders)
	lines, err := c.Do(t.Context(), Pause("workers"), true)
	require.NoError(t, err)
	require.Equal(t, []string{"done"}, lines)

	dead, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, dead.Close())
	c, err = New([]string{dead.Addr().String(), leader.URL})
	require.NoError(t, err)
	_, err = c.Do(t.Context(), Pause("workers"), false)
	require.NoError(t, err)
	require.Equal(t, 1, orders)
}
