package site

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"k8s-framework/internal/local/lab"
	"k8s-framework/internal/local/process"
	"k8s-framework/internal/operator"
	"k8s-framework/scheduler"
)

const (
	firstInstancePort = 10260
	frameworkPath     = "/k8s-framework"
	// nodeKubeconfig is where every host has the credentials of its kubelet, in a folder of its own.
	nodeKubeconfig = "/var/lib/kubelet/kubeconfig"
)

func (s *Site) frameworkProgram() string { return filepath.Join(s.project, "bin", "k8s-framework") }
func (s *Site) executorProgram() string  { return filepath.Join(s.project, "bin", "k8s-executor") }

// StateURL is where the framework keeps its state.
func (s *Site) StateURL() string { return s.ZooKeeper.URL(frameworkPath) }

// ForgetState deletes all that the framework has saved, as an operator does who begins anew. No instance may run.
func (s *Site) ForgetState(ctx context.Context) error {
	connection, _, err := zk.Connect([]string{net.JoinHostPort(lab.Address().String(), strconv.Itoa(zooKeeperPort))}, 5*time.Second, zk.WithLogInfo(false))
	if err != nil {
		return fmt.Errorf("connect to ZooKeeper: %w", err)
	}
	defer connection.Close()
	// A candidate's ephemeral znode outlives its process for as long as its session.
	return process.WaitFor(ctx, frameworkPath+" to be deleted", func(context.Context) error { return deleteAll(connection, frameworkPath) })
}

func deleteAll(connection *zk.Conn, path string) error {
	children, _, err := connection.Children(path)
	if errors.Is(err, zk.ErrNoNode) {
		return nil
	} else if err != nil {
		return fmt.Errorf("list %s: %w", path, err)
	}
	for _, child := range children {
		if err := deleteAll(connection, path+"/"+child); err != nil {
			return err
		}
	}
	if err := connection.Delete(path, -1); err != nil && !errors.Is(err, zk.ErrNoNode) {
		return fmt.Errorf("delete %s: %w", path, err)
	}
	return nil
}

// Instance is one process of k8s-framework.
type Instance struct {
	*process.Process
	Address string // host:port of its API
}

// StartInstance starts one more instance of the framework, and waits until it leads or stands by.
func (s *Site) StartInstance(ctx context.Context) (*Instance, error) {
	s.Instances = append(s.Instances, nil)
	return s.RestartInstance(ctx, len(s.Instances)-1)
}

// RestartInstance starts the instance of that index anew, as its supervisor does when it has ended.
func (s *Site) RestartInstance(ctx context.Context, index int) (*Instance, error) {
	name := fmt.Sprintf("k8s-framework-%d", index+1)
	address := net.JoinHostPort(lab.Address().String(), strconv.Itoa(firstInstancePort+index))
	s.options.Says("starting %s, its API is on %s", name, address)
	started, err := process.Start(s.ctx, process.Options{
		Name: name, LogDir: s.Lab.LogDir(), Cmd: exec.Command(s.frameworkProgram(), s.instanceFlags(address)...),
	})
	if err != nil {
		return nil, err
	}
	i := &Instance{started, address}
	s.Instances[index] = i
	return i, started.WaitFor(ctx, name+" to be ready", func(ctx context.Context) error {
		_, err := i.Role(ctx)
		return err
	})
}

// AddInstanceFlags gives further flags to the instances that are started from now on; of two values of one flag the later counts.
func (s *Site) AddInstanceFlags(flags ...string) {
	s.options.InstanceFlags = append(slices.Clone(s.options.InstanceFlags), flags...)
}

// instanceFlags is how an operator would start the framework here.
func (s *Site) instanceFlags(address string) []string {
	return append([]string{
		"--master=" + s.MesosURL(), "--zk=" + s.StateURL(), "--zk-session-timeout=4s",
		"--listen=" + address, "--advertise=" + address, "--kubeconfig=" + s.Kube.AdminKubeconfig(),
		"--executor=" + s.executorProgram(), "--kubelet=" + filepath.Join(s.Lab.BinDir(), "kubelet"),
		"--node-kubeconfig=" + nodeKubeconfig,
	}, s.options.InstanceFlags...)
}

// Role is what the instance says of itself when it is ready: "leading" or "standby".
func (i *Instance) Role(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+i.Address+"/readyz", nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK {
		return "", errors.New(strings.TrimSpace(string(text)))
	}
	return strings.TrimSpace(string(text)), nil
}

// LeadingInstance waits until an instance leads.
func (s *Site) LeadingInstance(ctx context.Context) (*Instance, error) {
	var leading *Instance
	err := process.WaitFor(ctx, "an instance of k8s-framework to lead", func(ctx context.Context) error {
		err := errors.New("all stand by")
		for _, i := range s.Instances {
			role, problem := i.Role(ctx)
			if role == "leading" {
				leading = i
				return nil
			}
			if problem != nil {
				err = problem
			}
		}
		return err
	})
	return leading, err
}

// Servers are the addresses of the instances, for the commands' --server.
func (s *Site) Servers() []string {
	var servers []string
	for _, i := range s.Instances {
		servers = append(servers, i.Address)
	}
	return servers
}

// Command runs a command of k8s-framework, as an operator would type it, and returns what it prints.
func (s *Site) Command(ctx context.Context, arguments ...string) (string, error) {
	arguments = append(arguments, "--server="+strings.Join(s.Servers(), ","))
	text, err := exec.CommandContext(ctx, s.frameworkProgram(), arguments...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("k8s-framework %s: %w: %s", strings.Join(arguments, " "), err, text)
	}
	return string(text), nil
}

// State is what the leading instance sees. It may be called from any goroutine.
func (s *Site) State(ctx context.Context) (scheduler.View, error) {
	client, err := operator.New(s.Servers())
	if err != nil {
		return scheduler.View{}, err
	}
	return client.State(ctx)
}
