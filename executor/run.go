package executor

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"k8s-framework/internal/mesos/execapi"
)

// Options of Run.
type Options struct {
	// Environment is this process's, as "NAME=value": what the agent says stands in it.
	Environment []string
	// CgroupParent is the cgroup below which pods live where the Mesos container has no cgroup of its own (posix launcher).
	CgroupParent string
	// AgentCAFile holds the certificates, in PEM, that an agent's is checked against where agents speak https; empty: the
	// system's.
	AgentCAFile string
	// Paths are the kernel's files, and where a file system in memory may be; empty ones are /proc, /sys and /run.
	Paths Paths
	// Clock tells the time; nil: the system's.
	Clock func() time.Time
	// Drainer, Room and Witness are the node's side at the API server; nil: with the kubelet's credentials.
	Drainer Drainer
	Room    Room
	Witness Witness
	Log     *logrus.Entry
}

// Run runs one executor to its end, which is the end of its last task, SHUTDOWN, or the loss of the agent. When ctx is done it
// ends as if the agent had asked for SHUTDOWN. nil means that it has said all that was to be said, good or bad; the error is
// about the Options.
func Run(ctx context.Context, options Options) error {
	env, err := execapi.FromEnvironment(getenv(options.Environment))
	if err != nil {
		return err
	}
	if parent := options.CgroupParent; !path.IsAbs(parent) || path.Clean(parent) != parent || parent == "/" {
		return fmt.Errorf("cgroup parent is %q, want an absolute path below the root of the cgroups", parent)
	}
	if options.Log == nil {
		return errors.New("log is nil, want a logger")
	}
	log := options.Log.WithFields(logrus.Fields{"node": env.Executor, "agent": env.Endpoint})
	client, err := execapi.New(env, execapi.Options{
		CAFile: options.AgentCAFile,
		Failed: func(err error) { log.Debugf("not subscribed: %v", err) },
	})
	if err != nil {
		return err
	}
	l := newLoop(env, options, log)
	l.agent = client
	l.run(ctx)
	return nil
}

func newLoop(env execapi.Environment, options Options, log *logrus.Entry) *loop {
	l := &loop{
		machine: NewMachine(Settings{
			Checkpoint: env.Checkpoint, RecoveryTimeout: env.RecoveryTimeout, ShutdownGrace: env.ShutdownGrace,
		}),
		host: &host{
			paths: options.Paths, sandbox: env.Directory, cgroupParent: options.CgroupParent,
			environment: cleanEnvironment(options.Environment),
		},
		drainer: options.Drainer, room: options.Room, witness: options.Witness, clock: options.Clock, log: log,
		events: make(chan Event), asks: make(chan chan execapi.Pending),
	}
	if l.host.paths.Proc == "" {
		l.host.paths.Proc = "/proc"
	}
	if l.host.paths.Sys == "" {
		l.host.paths.Sys = "/sys"
	}
	if l.host.paths.Run == "" {
		l.host.paths.Run = "/run"
	}
	if l.clock == nil {
		l.clock = time.Now
	}
	if l.drainer == nil {
		l.drainer = kubeNode{}
	}
	if l.room == nil {
		l.room = kubeNode{}
	}
	if l.witness == nil {
		l.witness = kubeNode{}
	}
	return l
}

// getenv looks a variable up as os.Getenv does.
func getenv(environment []string) func(string) string {
	return func(name string) string {
		for _, variable := range environment {
			if value, ok := strings.CutPrefix(variable, name+"="); ok {
				return value
			}
		}
		return ""
	}
}
