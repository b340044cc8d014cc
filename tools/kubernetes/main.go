package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	_ "time/tzdata" // CronJobs name time zones, and the machine may have no zone files

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json, as in the released programs
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // the client metrics of the released programs
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	name, args := program(os.Args)
	os.Args = args
	if name == "etcd" {
		etcdmain.Main(args)
		return
	}
	cmd := command(name)
	if cmd == nil {
		fmt.Fprintf(os.Stderr, "%s: unknown program; expected etcd, kube-apiserver, kube-controller-manager, "+
			"kube-scheduler, kubectl or kubelet, as the name of a link to this binary or as its first argument\n", name)
		os.Exit(2)
	}
	os.Exit(cli.Run(cmd))
}

// program says which program is asked for: by the name of the link, or, called by the binary's own name, by the first
// argument. The arguments that it returns begin with that program's name, as it would see them when called itself.
func program(args []string) (string, []string) {
	name := filepath.Base(args[0])
	if name == "kubernetes" && len(args) > 1 {
		return args[1], args[1:]
	}
	return name, args
}

// command is the root command of one program, nil when there is none of that name.
func command(name string) *cobra.Command {
	switch name {
	case "kube-apiserver":
		return apiserver.NewAPIServerCommand()
	case "kube-controller-manager":
		return controllermanager.NewControllerManagerCommand()
	case "kube-scheduler":
		return scheduler.NewSchedulerCommand()
	case "kubelet":
		return kubelet.NewKubeletCommand(context.Background())
	case "kubectl":
		return kubectl.NewDefaultKubectlCommand()
	}
	return nil
}
