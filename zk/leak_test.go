package zk

import (
	"context"
	"errors"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/process"
)

// TestNothingOutlivesItsClient is not parallel: it counts goroutines.
func TestNothingOutlivesItsClient(t *testing.T) {
	u, p := at(server.Address(), home(t)), newProxy(t, server.Address())
	before := runtime.NumGoroutine()
	for range 3 {
		through := u
		through.Servers = []string{p.address()}
		c := open(t, Options{URL: through})
		l, err := c.Campaign(patience(t), "a:1")
		require.NoError(t, err)
		_, err = load(patience(t), l)
		require.NoError(t, err)
		p.cut()
		require.NoError(t, l.Save(patience(t), someChanges()))
		d := Detect(Options{URL: u}, Master.ByIP)
		d.Close()
		c.Close()
		p.cut()
	}
	err := process.WaitFor(patience(t), "the end of all goroutines", func(context.Context) error {
		if runtime.NumGoroutine() <= before {
			return nil
		}
		var stacks strings.Builder
		return errors.Join(pprof.Lookup("goroutine").WriteTo(&stacks, 1), errors.New(stacks.String()))
	})
	require.NoError(t, err)
}
