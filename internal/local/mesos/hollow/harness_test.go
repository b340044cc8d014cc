package hollow

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/mesos/flags"
)

const patience = 20 * time.Second

// start runs a cluster with a quiet master, until the test or stop ends it, and waits until all agents are registered.
func start(t testing.TB, agents int, args ...string) (c *Cluster, stop func()) {
	t.Helper()
	args = append([]string{"--ip=127.0.0.1", "--port=0", "--registry=in_memory", "--hostname=localhost"}, args...)
	if !testing.Verbose() {
		args = append(args, "--quiet")
	}
	f, err := flags.ParseMaster(args, nil)
	require.NoError(t, err)
	return startCluster(t, ClusterOptions{Master: f, Log: os.Stderr, Agents: Options{Number: agents, Hostname: "agent-"}})
}

func startCluster(t testing.TB, o ClusterOptions) (c *Cluster, stop func()) {
	t.Helper()
	var err error
	o.Agents.Resources, err = flags.ParseResources("cpus:16;mem:65536;disk:1000000;ports:[31000-32000]")
	require.NoError(t, err)
	o.Agents.Attributes, err = Numbered("rack:r{40}", o.Agents.Number, flags.ParseAttributes)
	require.NoError(t, err)
	c, err = NewCluster(o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(t, <-done)
		}
	}
	t.Cleanup(stop)
	require.Eventually(t, func() bool { return c.Snapshot().Agents.Registered == int64(o.Agents.Number) }, patience, time.Millisecond)
	return c, stop
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
