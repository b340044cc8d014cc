//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"k8s-framework/internal/local/lab"
	"k8s-framework/internal/local/site"
)

// slice is what each node gives to pods; the agents have room for one node each, and a little more.
const (
	sliceCPUs = "1.5"
	sliceMem  = "1024"
)

// shared is the site of all tests.
var shared *site.Site

func TestMain(m *testing.M) {
	os.Exit(lab.Main(func() int {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		began := time.Now()
		s, err := site.Start(ctx, site.Options{
			Agents: 3, Masters: 3, Instances: 2,
			AgentResources: "cpus:2;mem:2048;disk:10000;ports:[31000-32000]",
			InstanceFlags: []string{
				"--pool=name=workers,nodes=3,cpus=" + sliceCPUs + ",mem=" + sliceMem + ",drain-deadline=40s",
				"--log-level=debug",
			},
			// A host without power is NotReady soon: the kubelets of the chapters about it renew their leases every 2 s.
			ControllerManagerFlags: []string{"--node-monitor-grace-period=20s"},
			Says: func(format string, args ...any) {
				fmt.Printf("%6.1f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
			},
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		shared = s
		return m.Run()
	}))
}
