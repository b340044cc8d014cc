package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s-framework/internal/local/process"
	"k8s-framework/internal/local/site"
	"k8s-framework/scheduler"
)

// stage is where the story takes place.
type stage struct {
	*site.Site
	began time.Time
	// env is the environment in which the story types its commands: k8s-framework and kubectl are in its PATH.
	env []string
}

// tell tells the whole story; on a terminal it then waits for the end of ctx.
func tell(ctx context.Context, watched bool) error {
	s := &stage{began: time.Now()}
	for _, chapter := range []func(context.Context) error{
		s.build, s.showNodes, s.showSlice, s.deploy, s.scaleDown, s.showEnd,
	} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	if !watched {
		return nil
	}
	s.chapter("It stays up until Ctrl-C")
	s.say("in another terminal, as root, this opens a shell in which k8s-framework and kubectl reach the demo:")
	// The process id of the lab's process 1 is not known inside of it; its name is.
	fmt.Printf("\n    nsenter --target \"$(pgrep -n -f ^k8s-framework-lab)\" --mount --net --pid env %s bash\n\n",
		strings.ReplaceAll(strings.Join(s.env, " "), os.Getenv("PATH"), "$PATH"))
	<-ctx.Done()
	return ctx.Err()
}

func (s *stage) chapter(title string) { fmt.Printf("\n== %s\n", title) }

func (s *stage) say(format string, args ...any) {
	fmt.Printf("[%5.1f s] %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

// run types a command as an operator would, and shows what it prints.
func (s *stage) run(ctx context.Context, line string) error {
	fmt.Printf("\n$ %s\n", line)
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Env = append(os.Environ(), s.env...)
	text, err := cmd.CombinedOutput()
	fmt.Printf("%s\n", text)
	if err != nil {
		return fmt.Errorf("%s: %w", line, err)
	}
	return nil
}

// build starts everything.
func (s *stage) build(ctx context.Context) error {
	s.chapter("A data centre inside this machine, of real parts")
	started, err := site.Start(ctx, site.Options{
		Agents: 3, Masters: 1, Instances: 2,
		AgentResources: "cpus:2;mem:2048;disk:10000;ports:[31000-32000]",
		InstanceFlags:  []string{"--pool=name=workers,nodes=3,cpus=1.5,mem=1024"},
		Says:           s.say,
	})
	if err != nil {
		return err
	}
	s.Site = started
	project := filepath.Dir(filepath.Dir(s.Lab.BinDir()))
	s.env = []string{
		"PATH=" + filepath.Join(project, "bin") + ":" + s.Lab.BinDir() + ":" + os.Getenv("PATH"),
		"KUBECONFIG=" + s.Kube.AdminKubeconfig(),
		"K8S_FRAMEWORK_SERVER=" + strings.Join(s.Servers(), ","),
	}
	return nil
}

// ready waits until so many nodes are there, all Ready.
func (s *stage) ready(ctx context.Context, count int) (nodes []scheduler.NodeView, err error) {
	err = process.WaitFor(ctx, fmt.Sprintf("%d Ready nodes", count), func(ctx context.Context) error {
		view, err := s.State(ctx)
		if err != nil {
			return err
		}
		nodes = view.Nodes
		for _, n := range nodes {
			if n.Phase != scheduler.Ready {
				return fmt.Errorf("node %s is %s: %s", n.Name, n.Phase, n.Why)
			}
		}
		if len(nodes) != count {
			return fmt.Errorf("there are %d", len(nodes))
		}
		return nil
	})
	return nodes, err
}

func (s *stage) showNodes(ctx context.Context) error {
	s.chapter("The pool asks for three workers; Mesos offers, the framework launches a kubelet on each host")
	if _, err := s.ready(ctx, 3); err != nil {
		return err
	}
	s.say("three nodes are Ready")
	return errors.Join(
		s.run(ctx, "k8s-framework status"),
		s.run(ctx, "kubectl get nodes -o wide"),
	)
}

func (s *stage) showSlice(ctx context.Context) error {
	s.chapter("Kubernetes may use what Mesos granted, and not a byte more")
	nodes, err := s.ready(ctx, 3)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		s.say("%s: granted are %s to pods, and %s to executor and kubelet", n.Name, n.Slice(), n.Executor.Overhead)
		if n.Drift != "" {
			return fmt.Errorf("node %s: %s", n.Name, n.Drift)
		}
	}
	host := s.Host(string(nodes[0].Host))
	return errors.Join(
		s.run(ctx, "kubectl get nodes -o custom-columns=NODE:.metadata.name,CPU:.status.allocatable.cpu,MEMORY:.status.allocatable.memory,OF:.status.capacity.memory,PROVIDER:.spec.providerID"),
		s.run(ctx, "grep . /sys/fs/cgroup/memory"+host.CgroupRoot()+"/mesos/*/kubepods/memory.limit_in_bytes   # on "+host.Name()),
	)
}

func (s *stage) deploy(ctx context.Context) error {
	s.chapter("Pods run on them, under a budget: five of six must always be available")
	manifest := filepath.Join(filepath.Dir(filepath.Dir(s.Lab.BinDir())), "examples", "demo", "web.yaml")
	return errors.Join(
		s.run(ctx, "kubectl apply -f "+manifest),
		s.run(ctx, "kubectl rollout status deployment web --timeout=60s"),
		s.run(ctx, "kubectl get pods -o wide"),
	)
}

// scaleDown takes one worker away and follows its end.
func (s *stage) scaleDown(ctx context.Context) error {
	s.chapter("Capacity goes back to Mesos: one worker less")
	before, err := s.ready(ctx, 3)
	if err != nil {
		return err
	}
	if err := s.run(ctx, "k8s-framework scale workers 2"); err != nil {
		return err
	}
	if err := s.follow(ctx); err != nil {
		return err
	}
	after, err := s.ready(ctx, 2)
	if err != nil {
		return err
	}
	for _, n := range before {
		if !slices.ContainsFunc(after, func(left scheduler.NodeView) bool { return left.Name == n.Name }) {
			s.say("node %s is forgotten; host %s offers its resources to everybody again", n.Name, n.Host)
		}
	}
	return nil
}

// showEnd looks at what is left, with the eyes of Kubernetes, of Mesos and of the host.
func (s *stage) showEnd(ctx context.Context) error {
	s.chapter("Nothing is left of it, and nobody missed a pod")
	tasks, err := s.ActiveTasks(ctx)
	if err != nil {
		return err
	}
	s.say("tasks that the Mesos master still knows as running (GET_TASKS): %v", tasks)
	return errors.Join(
		s.run(ctx, "kubectl rollout status deployment web --timeout=60s"),
		s.run(ctx, "kubectl get pods -o wide"),
		s.run(ctx, "kubectl get nodes"),
		s.run(ctx, "k8s-framework status"),
	)
}
