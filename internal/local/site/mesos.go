package site

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s-framework/internal/local/host"
	"k8s-framework/internal/local/lab"
	"k8s-framework/internal/local/process"
	"k8s-framework/scheduler"
)

const (
	zooKeeperPort = 2181
	agentPort     = 5051
	mesosPath     = "/mesos"
)

// firstMasterPort is that of the first master; the others follow in tens.
const firstMasterPort = 5050

func (s *Site) masterProgram() string {
	if s.options.HollowAgents > 0 {
		return filepath.Join(s.mesos, "mesos-hollow")
	}
	return filepath.Join(s.mesos, "mesos-master")
}
func (s *Site) agentProgram() string { return filepath.Join(s.mesos, "mesos-agent") }

// MesosURL is where masters announce themselves.
func (s *Site) MesosURL() string { return s.ZooKeeper.URL(mesosPath) }

// Master is one Mesos master.
type Master struct {
	*process.Process
	Address string // host:port
}

// StartMaster starts one more master.
func (s *Site) StartMaster(ctx context.Context) (*Master, error) {
	number := len(s.Masters) + 1
	port := firstMasterPort + 10*(number-1)
	name := fmt.Sprintf("mesos-master-%d", number)
	s.options.Says("starting %s on port %d", name, port)
	var hollow []string
	if s.options.HollowAgents > 0 {
		hollow = []string{"--quiet", "--agents=" + strconv.Itoa(s.options.HollowAgents)}
		if s.options.AgentResources != "" {
			hollow = append(hollow, "--agent_resources="+s.options.AgentResources)
		}
	}
	started, err := process.Start(s.ctx, process.Options{
		Name: name, LogDir: s.Lab.LogDir(),
		Cmd: exec.Command(s.masterProgram(), slices.Concat([]string{
			"--zk=" + s.MesosURL(), "--quorum=" + strconv.Itoa(s.options.Masters/2+1), "--registry=replicated_log",
			"--ip=" + lab.Address().String(), "--port=" + strconv.Itoa(port), "--hostname=" + lab.Address().String(),
			"--work_dir=" + filepath.Join(s.Lab.Dir(), name),
		}, hollow, s.options.MasterFlags)...),
	})
	if err != nil {
		return nil, err
	}
	m := &Master{started, net.JoinHostPort(lab.Address().String(), strconv.Itoa(port))}
	s.Masters = append(s.Masters, m)
	return m, started.WaitFor(ctx, name+" to listen", func(ctx context.Context) error {
		var dialer net.Dialer
		connection, err := dialer.DialContext(ctx, "tcp", m.Address)
		if err != nil {
			return err
		}
		return connection.Close()
	})
}

// Leader is the master that leads.
func (s *Site) Leader(ctx context.Context) (*Master, error) {
	var leader *Master
	err := process.WaitFor(ctx, "a leading Mesos master", func(ctx context.Context) error {
		for _, m := range s.Masters {
			select {
			case <-m.Done():
				continue
			default:
			}
			if _, err := ask(ctx, m.Address, `{"type":"GET_MASTER"}`); err == nil {
				leader = m
				return nil
			}
		}
		return errors.New("none answers by itself")
	})
	return leader, err
}

// Operate makes a call of the operator API at the leading master, and returns its answer.
func (s *Site) Operate(ctx context.Context, call string) ([]byte, error) {
	leader, err := s.Leader(ctx)
	if err != nil {
		return nil, err
	}
	return ask(ctx, leader.Address, call)
}

// ask posts one call and takes 2xx for an answer. Standbys redirect, which is none.
func ask(ctx context.Context, address, call string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/api/v1", strings.NewReader(call))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode/100 != 2 {
		return nil, fmt.Errorf("master %s answers %s: %s", address, answer.Status, bytes.TrimSpace(text))
	}
	return text, nil
}

// Agent is a host and the Mesos agent on it.
type Agent struct {
	Host    *host.Host
	site    *Site
	process *process.Process
}

// newAgent boots a host and starts its agent.
func (s *Site) newAgent(ctx context.Context, name string) (*Agent, error) {
	h, err := s.Lab.StartHost(ctx, name)
	if err != nil {
		return nil, err
	}
	if !s.options.BareHosts {
		kubeconfig, err := s.Kube.KubeletKubeconfig(name)
		if err != nil {
			return nil, err
		}
		// The file system is shared, this folder is not: it is where --node-kubeconfig points on every host.
		if _, err := h.Exec(ctx, "cp", kubeconfig, nodeKubeconfig); err != nil {
			return nil, err
		}
	}
	a := &Agent{Host: h, site: s}
	return a, a.Start(ctx)
}

// StartAnew starts the agent without what it remembers, so that it gets a new agent ID: what operators do with one that was
// marked gone. A host that has lost its power is booted first.
func (a *Agent) StartAnew(ctx context.Context) error {
	for _, dir := range []string{a.workDir(), a.runtimeDir()} {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("start the agent on %s anew: %w", a.Host.Name(), err)
		}
	}
	if a.Host.Init() == nil {
		if err := a.Host.Boot(a.site.ctx); err != nil {
			return err
		}
	}
	return a.Start(ctx)
}

func (a *Agent) workDir() string    { return filepath.Join(a.Host.Dir(), "mesos") }
func (a *Agent) runtimeDir() string { return filepath.Join(a.Host.Dir(), "mesos-run") }

// Start starts the agent, or starts it again, with the same work directory, and waits until the master has it.
func (a *Agent) Start(ctx context.Context) error {
	name := a.Host.Name()
	started, err := a.Host.Start(a.site.ctx, process.Options{
		Name: name + "-mesos-agent",
		Cmd: exec.Command(a.site.agentProgram(), append([]string{
			"--master=" + a.site.MesosURL(), "--ip=" + a.Host.Address().String(), "--port=" + strconv.Itoa(agentPort), "--hostname=" + name,
			"--work_dir=" + a.workDir(), "--runtime_dir=" + a.runtimeDir(),
			"--launcher=linux", "--isolation=cgroups/cpu,cgroups/mem,filesystem/posix", "--no-systemd_enable_support",
			"--cgroups_root=" + strings.TrimPrefix(a.Host.CgroupRoot(), "/") + "/mesos",
			"--resources=" + a.site.options.AgentResources,
		}, a.site.options.AgentFlags...)...),
	})
	if err != nil {
		return err
	}
	a.process = started
	return started.WaitFor(ctx, "the agent on "+name+" to register", func(ctx context.Context) error {
		known, err := a.site.knownAgents(ctx)
		if err != nil {
			return err
		}
		if known[name] == "" {
			return fmt.Errorf("the master does not list it among %d agents", len(known))
		}
		return nil
	})
}

// Process is the agent's, of now.
func (a *Agent) Process() *process.Process { return a.process }

// knownAgents lists the agent IDs of those that are registered and active, by host name.
func (s *Site) knownAgents(ctx context.Context) (map[string]string, error) {
	text, err := s.Operate(ctx, `{"type":"GET_AGENTS"}`)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Get struct {
			Agents []struct {
				Active bool `json:"active"`
				Info   struct {
					Hostname string                 `json:"hostname"`
					ID       struct{ Value string } `json:"id"`
				} `json:"agent_info"`
			} `json:"agents"`
		} `json:"get_agents"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("GET_AGENTS: %w", err)
	}
	known := map[string]string{}
	for _, agent := range answer.Get.Agents {
		if agent.Active {
			known[agent.Info.Hostname] = agent.Info.ID.Value
		}
	}
	return known, nil
}

// AgentID is the ID that the leading master knows the agent by.
func (s *Site) AgentID(ctx context.Context, name string) (string, error) {
	known, err := s.knownAgents(ctx)
	if err != nil {
		return "", err
	}
	if known[name] == "" {
		return "", fmt.Errorf("no agent is registered for host %s", name)
	}
	return known[name], nil
}

// ActiveTasks are those that the leading master knows as not over.
func (s *Site) ActiveTasks(ctx context.Context) ([]scheduler.TaskID, error) {
	text, err := s.Operate(ctx, `{"type":"GET_TASKS"}`)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Get struct {
			Tasks []struct {
				ID struct{ Value scheduler.TaskID } `json:"task_id"`
			} `json:"tasks"`
		} `json:"get_tasks"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("GET_TASKS: %w", err)
	}
	var ids []scheduler.TaskID
	for _, task := range answer.Get.Tasks {
		ids = append(ids, task.ID.Value)
	}
	return ids, nil
}
