// Command k8s-executor runs one kubelet inside the Mesos container that an agent starts it in. It is started by Mesos, not by
// hand: what it needs to know stands in the environment that the agent gives it and in ExecutorInfo.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"k8s-framework/executor"
)

func main() {
	// Little lives long in this process, and its memory is taken from what pods could have.
	debug.SetGCPercent(50)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "k8s-executor:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	options := executor.Options{Environment: os.Environ()}
	var level string
	cmd := &cobra.Command{
		Use:           "k8s-executor",
		Short:         "Runs one kubelet inside a Mesos container, within exactly the resources of its tasks",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := logger(level)
			if err != nil {
				return err
			}
			options.Log = log
			return executor.Run(cmd.Context(), options)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&options.CgroupParent, "cgroup-parent", "/k8s-framework",
		"cgroup below which pods live where the Mesos container has none of its own (posix launcher); a path below the root of the cgroups")
	flags.StringVar(&options.AgentCAFile, "agent-ca-file", "",
		"file with the certificates, in PEM, that the agent's is checked against where agents speak https; empty: the system's")
	flags.StringVar(&level, "log-level", "info", "least level that is written to stderr: debug, info, warn or error")
	return cmd
}

func logger(level string) (*logrus.Entry, error) {
	parsed, err := logrus.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("log-level is %q, want debug, info, warn or error", level)
	}
	log := logrus.New()
	log.SetOutput(os.Stderr)
	log.SetLevel(parsed)
	log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, TimestampFormat: "2006-01-02T15:04:05.000Z07:00", DisableColors: true})
	return logrus.NewEntry(log), nil
}
