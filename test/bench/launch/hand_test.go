//go:build bench

package launch_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"k8s-framework/internal/local/cgroup"
	"k8s-framework/internal/local/process"
)

// recipe is how the executor started its kubelet.
type recipe struct {
	configuration map[string]any
	arguments     []string
	environment   []string
}

// recipeOf reads it off a kubelet that runs.
func recipeOf(t *testing.T, hostname string) recipe {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, file := range files {
		arguments := zeroEnded(file)
		if len(arguments) < 2 || filepath.Base(arguments[0]) != "kubelet" || !slices.Contains(arguments, "--hostname-override="+hostname) {
			continue
		}
		text, err := os.ReadFile(strings.TrimPrefix(arguments[1], "--config="))
		require.NoError(t, err)
		r := recipe{arguments: arguments, environment: zeroEnded(filepath.Join(filepath.Dir(file), "environ"))}
		require.NoError(t, yaml.UnmarshalStrict(text, &r.configuration))
		return r
	}
	require.Fail(t, "no kubelet of an executor runs", hostname)
	return recipe{}
}

// zeroEnded are the words of a file of /proc; none if the process has ended.
func zeroEnded(file string) []string {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
}

// inCgroup starts a program in the cgroups that Mesos's containers have, below the path that is its first argument.
const inCgroup = `for c in cpu cpuacct memory freezer; do echo 0 > /sys/fs/cgroup/$c$0/cgroup.procs || exit 1; done; exec "$@"`

// byHand starts the kubelet as an operator with the same files would, returns the time until its Node is Ready, and cleans up.
func (b *bench) byHand(t *testing.T, number int) time.Duration {
	h := b.agent.Host
	identity := fmt.Sprintf("hand://%s/%d", h.Name(), number)
	root := h.CgroupRoot() + "/hand"
	require.NoError(t, cgroup.Make(root))
	b.recipe.configuration["cgroupRoot"], b.recipe.configuration["providerID"] = root, identity
	text, err := yaml.Marshal(b.recipe.configuration)
	require.NoError(t, err)
	file := filepath.Join(h.Dir(), "hand.yaml")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	line := append([]string{"-c", inCgroup, root, b.recipe.arguments[0], "--config=" + file}, b.recipe.arguments[2:]...)
	cmd := exec.Command("sh", line...)
	cmd.Env = b.recipe.environment
	began := time.Now()
	p, err := h.Start(context.WithoutCancel(t.Context()), process.Options{Name: h.Name() + "-hand", Cmd: cmd})
	require.NoError(t, err)
	took := b.watcher.ready(t, identity).Sub(began)
	require.NoError(t, p.Stop(t.Context()))
	require.NoError(t, b.site.Kube.Client().CoreV1().Nodes().Delete(t.Context(), h.Name(), metav1.DeleteOptions{}))
	require.NoError(t, process.WaitFor(t.Context(), "the cgroup "+root+" to go", func(context.Context) error {
		return cgroup.Remove(root)
	}))
	return took
}
