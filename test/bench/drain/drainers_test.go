//go:build bench

package drain_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	kubectl "k8s.io/kubectl/pkg/drain"

	"k8s-framework/internal/kube/api"
	"k8s-framework/internal/kube/drain"
)

// drainer is one way to drain a node.
type drainer struct {
	name  string
	drain func(ctx context.Context, node string) error
	calls func() int
	meter *meter
}

// ours is package drain, with an identity and a rate.
func ours(t *testing.T, name string, config *rest.Config, qps float32) drainer {
	m := newMeter()
	config = rest.CopyConfig(config)
	config.QPS, config.Burst, config.RateLimiter = qps, int(2*qps), nil
	config.Wrap(m.wrap)
	client, err := api.New(config)
	require.NoError(t, err)
	d, err := drain.New(drain.Options{Client: client})
	require.NoError(t, err)
	return drainer{name: name, calls: m.total, meter: m, drain: func(ctx context.Context, node string) error {
		_, err := d.Drain(ctx, drain.Request{Node: node}, nil)
		return err
	}}
}

// library is the library behind kubectl drain, at the rate of ours; qps zero: at client-go's own, as kubectl has it.
func library(t *testing.T, name string, config *rest.Config, qps float32) drainer {
	m := newMeter()
	config = rest.CopyConfig(config)
	config.QPS, config.Burst, config.RateLimiter = qps, int(2*qps), nil
	config.Wrap(m.wrap)
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	return drainer{name: name, calls: m.total, meter: m, drain: func(ctx context.Context, node string) error {
		helper := &kubectl.Helper{
			Ctx: ctx, Client: client, Force: true, IgnoreAllDaemonSets: true, DeleteEmptyDirData: true,
			GracePeriodSeconds: -1, Out: io.Discard, ErrOut: io.Discard,
		}
		n, err := client.CoreV1().Nodes().Get(ctx, node, getOptions)
		if err != nil {
			return err
		}
		if err := kubectl.RunCordonOrUncordon(helper, n, true); err != nil {
			return err
		}
		return kubectl.RunNodeDrain(helper, node)
	}}
}

// request finds the requests that kubectl tells of at -v=6.
var request = regexp.MustCompile(`"Response" verb="|(GET|POST|PATCH|PUT|DELETE) https?://`)

// command is kubectl drain itself; ok is false where there is no kubectl.
func command(t *testing.T, kubeconfig string) (d drainer, ok bool) {
	path, err := exec.LookPath("../../../bin/local/kubectl")
	if err != nil {
		path, err = exec.LookPath("kubectl")
	}
	if err != nil {
		return drainer{}, false
	}
	var mu sync.Mutex
	requests := 0
	d.name = "kubectl drain"
	d.calls = func() int {
		mu.Lock()
		defer mu.Unlock()
		return requests
	}
	d.drain = func(ctx context.Context, node string) error {
		cmd := exec.CommandContext(ctx, path, "--kubeconfig="+kubeconfig, "-v=6", "drain", node,
			"--force", "--ignore-daemonsets", "--delete-emptydir-data")
		var told bytes.Buffer
		cmd.Stderr = &told
		err := cmd.Run()
		mu.Lock()
		defer mu.Unlock()
		requests += len(request.FindAllIndex(told.Bytes(), -1))
		if err != nil {
			return fmt.Errorf("%w: %s", err, told.Bytes()[max(0, told.Len()-500):])
		}
		return nil
	}
	return d, true
}
