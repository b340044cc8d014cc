//go:build bench

package launch_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"k8s-framework/internal/local/process"
	"k8s-framework/scheduler"
)

// launched waits until the master has launched this task, and returns when it did.
func (b *bench) launched(t *testing.T, task scheduler.TaskID) time.Time {
	t.Helper()
	line := regexp.MustCompile(`(?m)^I(\d{4} \d\d:\d\d:\d\d\.\d{6}) .*Launching task ` + regexp.QuoteMeta(string(task)) + ` `)
	return stamp(t, b.site.Masters[0].LogFile(), line, "20060102 15:04:05.000000", time.Now().Format("2006"))
}

// said returns when the executor of a node said what the expression finds.
func (b *bench) said(t *testing.T, node scheduler.NodeName, what string) time.Time {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(b.agent.Host.Dir(), "mesos/slaves/*/frameworks/*/executors", string(node), "runs/*/stderr"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "no sandbox of %s", node)
	return stamp(t, files[0], regexp.MustCompile(`(?m)^time="([^"]+)" .*msg="`+what), "2006-01-02T15:04:05.000Z07:00", "")
}

// stamp waits for the line in a log, and reads its time.
func stamp(t *testing.T, file string, line *regexp.Regexp, layout, before string) time.Time {
	t.Helper()
	var at time.Time
	require.NoError(t, process.WaitFor(t.Context(), line.String()+" in "+file, func(context.Context) error {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		found := line.FindSubmatch(text)
		if found == nil {
			return errNotYet
		}
		at, err = time.ParseInLocation(layout, before+string(found[1]), time.Local)
		return err
	}))
	return at
}

// node waits until the pool has one node in this phase.
func (b *bench) node(t *testing.T, phase scheduler.Phase, tasks int) scheduler.NodeView {
	t.Helper()
	var found scheduler.NodeView
	require.NoError(t, process.WaitFor(t.Context(), fmt.Sprintf("a node that is %s", phase), func(ctx context.Context) error {
		view, err := b.site.State(ctx)
		if err != nil {
			return err
		}
		for _, n := range view.Nodes {
			if n.Phase == phase && len(n.Tasks) == tasks {
				found = n
				return nil
			}
		}
		return errNotYet
	}))
	return found
}

func (b *bench) order(t *testing.T, words ...string) {
	t.Helper()
	_, err := b.site.Command(t.Context(), words...)
	require.NoError(t, err)
}

// launch lets the framework launch a node, and returns the times of its steps: in all, and one after the other.
func (b *bench) launch(t *testing.T) []time.Duration {
	b.order(t, "scale", pool, "1")
	n := b.node(t, scheduler.Ready, 1)
	ready := b.watcher.ready(t, fmt.Sprintf("mesos://%s/%s", b.framework, n.Name))
	return steps(
		b.launched(t, n.Tasks[0].ID), b.said(t, n.Name, "prepare "), b.said(t, n.Name, "start kubelet run 1 "),
		b.said(t, n.Name, "kubelet healthy after"), ready,
	)
}

// steps are the whole between the first and the last time, and the parts.
func steps(times ...time.Time) []time.Duration {
	list := []time.Duration{times[len(times)-1].Sub(times[0])}
	for i := range times[1:] {
		list = append(list, times[i+1].Sub(times[i]))
	}
	return list
}

// leave lets the node go, and waits until nothing of it is left.
func (b *bench) leave(t *testing.T) {
	b.order(t, "scale", pool, "0")
	require.NoError(t, process.WaitFor(t.Context(), "the node to be gone", func(ctx context.Context) error {
		view, err := b.site.State(ctx)
		if err != nil {
			return err
		}
		_, err = b.site.Kube.Client().CoreV1().Nodes().Get(ctx, b.agent.Host.Name(), metav1.GetOptions{})
		if len(view.Nodes) > 0 || !apierrors.IsNotFound(err) {
			return fmt.Errorf("%d nodes are recorded; the Node: %w", len(view.Nodes), err)
		}
		return nil
	}))
}

// grow lets the node grow in place by a tenth of a CPU with one more task, and returns the times of its steps.
func (b *bench) grow(t *testing.T, tasks int) []time.Duration {
	before := b.node(t, scheduler.Ready, tasks)
	milli := 1000 + 100*int64(tasks)
	b.order(t, "apply", "-f", b.resized(t, float64(milli)/1000), "--wait")
	n := b.node(t, scheduler.Ready, tasks+1)
	require.Equal(t, before.Name, n.Name, "it did not grow in place")
	larger := b.watcher.first(t, "a larger Allocatable", func(node *corev1.Node) bool {
		return node.Name == string(n.Host) && node.Status.Allocatable.Cpu().MilliValue() == milli
	})
	return steps(
		b.launched(t, n.Tasks[tasks].ID), b.said(t, n.Name, fmt.Sprintf("stop kubelet within .*sum is %dm CPU", milli)),
		b.said(t, n.Name, fmt.Sprintf("start kubelet run %d ", tasks+1)),
		b.said(t, n.Name, fmt.Sprintf("update .*healthy and offers %dm CPU", milli)), larger,
	)
}

// resized writes the pools as the framework says they are, with other CPUs.
func (b *bench) resized(t *testing.T, cpus float64) string {
	t.Helper()
	text, err := b.site.Command(t.Context(), "pools")
	require.NoError(t, err)
	var file struct {
		Pools []map[string]any `json:"pools"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &file))
	require.Len(t, file.Pools, 1)
	file.Pools[0]["resources"] = map[string]any{"cpus": cpus, "mem": 1024}
	written, err := yaml.Marshal(file)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "pools.yaml")
	require.NoError(t, os.WriteFile(path, written, 0o644))
	return path
}
