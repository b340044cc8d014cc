package site

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"k8s-framework/internal/local/host"
	"k8s-framework/internal/local/kube"
	"k8s-framework/internal/local/lab"
	"k8s-framework/internal/local/zookeeper"
)

// Options says what a site is made of.
type Options struct {
	// Agents, Masters and Instances are how many of each there are.
	Agents, Masters, Instances int
	// HollowAgents are so many agents without a host, in the process of the only master, and Kubernetes is without controllers:
	// mesos-hollow has tasks that only seem to run. There are no other agents then.
	HollowAgents int
	// AgentResources is what each agent offers, in Mesos's text form.
	AgentResources string
	// AgentFlags and MasterFlags come after our own.
	AgentFlags, MasterFlags []string
	// InstanceFlags are flags of k8s-framework beyond those that say where everything is; --pool among them.
	InstanceFlags []string
	// BareHosts have no credentials of a kubelet's.
	BareHosts bool
	// ZooKeeperHeap is as in zookeeper.Options.
	ZooKeeperHeap int
	// APIServerFlags and ControllerManagerFlags come after our own.
	APIServerFlags, ControllerManagerFlags []string
	// Says is told each step as it begins, if not nil.
	Says func(format string, args ...any)
}

// Site is a running data centre. Its methods are for one goroutine, where they do not say otherwise.
type Site struct {
	Lab       *lab.Lab
	ZooKeeper *zookeeper.Server
	Kube      *kube.ControlPlane
	Masters   []*Master
	Agents    []*Agent
	Instances []*Instance

	ctx     context.Context // of everything that is started, whichever call starts it
	options Options
	mesos   string // the folder of mesos-master and mesos-agent
	project string // the folder that holds bin/k8s-framework
}

// Start starts a site and waits until all of it answers, up to the instances of the framework. What runs ends with ctx
// and with the lab.
func Start(ctx context.Context, o Options) (*Site, error) {
	if o.Says == nil {
		o.Says = func(string, ...any) {}
	}
	l, err := lab.Start(ctx)
	if err != nil {
		return nil, err
	}
	project := filepath.Dir(filepath.Dir(l.BinDir()))
	s := &Site{Lab: l, ctx: ctx, options: o, project: project, mesos: l.BinDir()}
	if home := os.Getenv("MESOS_HOME"); home != "" {
		s.mesos = filepath.Join(home, "bin")
	}
	for _, program := range []string{s.masterProgram(), s.agentProgram(), s.frameworkProgram(), s.executorProgram()} {
		if _, err := os.Stat(program); err != nil {
			return nil, fmt.Errorf("start site: %w; `make build` builds it", err)
		}
	}
	if err := s.startOutside(ctx); err != nil {
		return nil, fmt.Errorf("start site: %w", err)
	}
	if err := s.startAgents(ctx); err != nil {
		return nil, fmt.Errorf("start site: %w", err)
	}
	for range o.Instances {
		if _, err := s.StartInstance(ctx); err != nil {
			return nil, fmt.Errorf("start site: %w", err)
		}
	}
	return s, nil
}

// startOutside starts what nodes and schedulers stand on.
func (s *Site) startOutside(ctx context.Context) error {
	var group errgroup.Group
	group.Go(func() error {
		s.options.Says("starting a Kubernetes control plane: etcd, kube-apiserver, kube-controller-manager, kube-scheduler")
		cp, err := s.Lab.StartControlPlane(ctx, kube.Options{
			APIServerFlags: s.options.APIServerFlags, ControllerManagerFlags: s.options.ControllerManagerFlags, NoControllers: s.options.HollowAgents > 0,
		})
		s.Kube = cp
		return err
	})
	group.Go(func() error {
		s.options.Says("starting ZooKeeper")
		server, err := zookeeper.Start(ctx, zookeeper.Options{
			Dir: filepath.Join(s.Lab.Dir(), "zookeeper"), Host: lab.Address().String(), Port: zooKeeperPort, Heap: s.options.ZooKeeperHeap,
		})
		if err != nil {
			return err
		}
		s.ZooKeeper = server
		for range s.options.Masters {
			if _, err := s.StartMaster(ctx); err != nil {
				return err
			}
		}
		_, err = s.Leader(ctx)
		return err
	})
	return group.Wait()
}

// startAgents boots the hosts and starts an agent on each.
func (s *Site) startAgents(ctx context.Context) error {
	s.options.Says("booting %d hosts, each with containerd and a Mesos agent", s.options.Agents)
	s.Agents = make([]*Agent, s.options.Agents)
	var group errgroup.Group
	for i := range s.Agents {
		group.Go(func() error {
			a, err := s.newAgent(ctx, fmt.Sprintf("host%d", i+1))
			s.Agents[i] = a
			return err
		})
	}
	return group.Wait()
}

// AddAgent boots one more host, with an agent on it, and waits until the master has it.
func (s *Site) AddAgent() (*Agent, error) {
	name := fmt.Sprintf("host%d", len(s.Agents)+1)
	s.options.Says("booting %s, with containerd and a Mesos agent", name)
	a, err := s.newAgent(s.ctx, name)
	if err != nil {
		return nil, err
	}
	s.Agents = append(s.Agents, a)
	return a, nil
}

// Close ends everything; another site can be started then.
func (s *Site) Close(ctx context.Context) error {
	var problems []error
	for _, i := range s.Instances {
		problems = append(problems, i.Kill())
	}
	for _, m := range s.Masters {
		problems = append(problems, m.Kill())
	}
	problems = append(problems, s.ZooKeeper.Kill(), s.Lab.Close(ctx))
	return errors.Join(problems...)
}

// Host is the host of that name, or nil.
func (s *Site) Host(name string) *host.Host {
	if a := s.Agent(name); a != nil {
		return a.Host
	}
	return nil
}

// Agent is the agent on the host of that name, or nil.
func (s *Site) Agent(name string) *Agent {
	for _, a := range s.Agents {
		if a.Host.Name() == name {
			return a
		}
	}
	return nil
}
