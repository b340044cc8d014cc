//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"k8s-framework/scheduler"
)

const pool = "workers"

// order types a command that must succeed, and logs what it prints.
func order(t *testing.T, words ...string) string {
	t.Helper()
	text, err := attempt(t, words...)
	require.NoError(t, err)
	t.Log(text)
	return text
}

// attempt types a command; one that fails says in its error what it printed.
func attempt(t *testing.T, words ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	return shared.Command(ctx, words...)
}

// edited is the file of the pools as they are saved, with fields of workers as they are to be: what an operator's editor makes.
func edited(t *testing.T, fields map[string]any) string {
	t.Helper()
	text, err := shared.Command(t.Context(), "pools")
	require.NoError(t, err)
	var file struct {
		Pools []map[string]any `json:"pools"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &file))
	at := slices.IndexFunc(file.Pools, func(p map[string]any) bool { return p["name"] == pool })
	require.GreaterOrEqual(t, at, 0, "%s", text)
	for name, value := range fields {
		file.Pools[at][name] = value
	}
	written, err := yaml.Marshal(file)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "pools.yaml")
	require.NoError(t, os.WriteFile(path, written, 0o644))
	return path
}

// workers is how the pool stands.
func workers(view scheduler.View) scheduler.PoolView {
	at := slices.IndexFunc(view.Pools, func(p scheduler.PoolView) bool { return p.Name == pool })
	if at < 0 {
		return scheduler.PoolView{}
	}
	return view.Pools[at]
}

// seen waits until the framework's state is as looked for; the error of the last look says what it lacks.
func seen(t *testing.T, what string, look func(scheduler.View) error) scheduler.View {
	t.Helper()
	var view scheduler.View
	within(t, 2*patience, what, func(ctx context.Context) (err error) {
		if view, err = shared.State(ctx); err != nil {
			return err
		}
		return look(view)
	})
	return view
}

// phase waits until a node is in a phase.
func phase(t *testing.T, name scheduler.NodeName, want scheduler.Phase) scheduler.NodeView {
	t.Helper()
	var found scheduler.NodeView
	seen(t, fmt.Sprintf("node %s to be %s", name, want), func(view scheduler.View) error {
		for _, n := range view.Nodes {
			if n.Name == name {
				if found = n; n.Phase != want {
					return fmt.Errorf("it is %s: %s", n.Phase, n.Why)
				}
				return nil
			}
		}
		return fmt.Errorf("it is not recorded")
	})
	return found
}

// gone waits until a node is not recorded any more.
func gone(t *testing.T, name scheduler.NodeName) {
	t.Helper()
	seen(t, fmt.Sprintf("node %s to be forgotten", name), func(view scheduler.View) error {
		for _, n := range view.Nodes {
			if n.Name == name {
				return fmt.Errorf("it is %s: %s", n.Phase, n.Why)
			}
		}
		return nil
	})
}

// on is the node on a host.
func on(t *testing.T, nodes []scheduler.NodeView, host string) scheduler.NodeView {
	t.Helper()
	at := slices.IndexFunc(nodes, func(n scheduler.NodeView) bool { return string(n.Host) == host })
	require.GreaterOrEqual(t, at, 0, "no node on %s", host)
	return nodes[at]
}

// took logs how long something took.
func took(t *testing.T, what string, since time.Time) {
	t.Helper()
	t.Logf("%s: %s", what, time.Since(since).Round(10*time.Millisecond))
}
