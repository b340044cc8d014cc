package framework

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"k8s-framework/internal/kubelet"
	"k8s-framework/internal/mesos"
	"k8s-framework/scheduler"
)

// margin is what an executor needs beyond its drain: to stop the kubelet and to say so.
const margin = time.Minute

// wrongProgram is the exit status of a launch whose executor is not the one that was meant.
const wrongProgram = scheduler.WrongProgram

// executorFile is the name of a fetched executor in its sandbox.
const executorFile = "k8s-executor"

// renderer says what an executor of ours is, in the words of Mesos and of the executor. It implements mesos.Renderer.
type renderer struct {
	nodes NodeOptions
	// join is how kubelets join by token; nil: they do not.
	join *kubelet.Join
}

// Executor is the same for every task of a node: it depends on what the node's record keeps and on the options.
func (r renderer) Executor(launch scheduler.Launch) (mesos.Executor, error) {
	node := launch.Node
	data, err := r.spec(launch).Encode()
	if err != nil {
		return mesos.Executor{}, fmt.Errorf("executor of node %s: %w", node.Name, err)
	}
	program, err := kubelet.ParseProgram(r.nodes.Executor)
	if err != nil {
		return mesos.Executor{}, fmt.Errorf("executor of node %s: %w", node.Name, err)
	}
	grace := time.Duration(node.Drain.Deadline) + margin
	executor := mesos.Executor{
		Name:          fmt.Sprintf("kubelet of %s", node.Host),
		Command:       program.Path,
		Arguments:     []string{program.Path},
		Data:          data,
		ShutdownGrace: grace,
		KillGrace:     grace,
	}
	if program.Path == "" {
		executor.Command, executor.Arguments, executor.Shell = checked(program), nil, true
		executor.URIs = []mesos.URI{{Value: program.URI, Executable: true, OutputFile: executorFile}}
	}
	return executor, nil
}

// spec is what the executor is told of its kubelet.
func (r renderer) spec(launch scheduler.Launch) kubelet.Spec {
	node := launch.Node
	spec := kubelet.Defaults()
	spec.Node = string(node.Name)
	spec.Host = string(node.Host)
	spec.ProviderID = launch.ProviderID
	spec.Labels = launch.Pool.Labels
	spec.Taints = startingWith(launch.Pool.Taints)
	spec.Kubelet = r.nodes.Kubelet
	spec.RootDir = r.nodes.RootDir
	spec.RuntimeEndpoint = r.nodes.RuntimeEndpoint
	spec.Drain = kubelet.Drain{Deadline: kubelet.Duration(node.Drain.Deadline), Then: string(node.Drain.Then)}
	if r.nodes.approves() {
		spec.ServingCertificate, spec.NodeIP = true, node.Address // the certificate is approved for this address and no other
	}
	if spec.Join = r.join; spec.Join == nil {
		spec.Kubeconfig, spec.BootstrapKubeconfig = r.nodes.Kubeconfig, r.nodes.BootstrapKubeconfig
	}
	return spec
}

// startingWith puts the starting taint before the pool's own.
func startingWith(taints []string) []string {
	if slices.Contains(taints, scheduler.StartingTaint) {
		return taints
	}
	return append([]string{scheduler.StartingTaint}, taints...)
}

// checked is the command line that compares a fetched executor with its sum and becomes it: Mesos's fetcher compares nothing. What
// is wrong stands in the sandbox's stderr, and its exit status is one that the scheduler knows.
func checked(program kubelet.Program) string {
	return fmt.Sprintf(`found=$(sha256sum %[1]s) && found=${found%%%% *}; [ "$found" = %[2]s ] && exec ./%[1]s; `+
		`echo %[3]s": sha256 is $found, want %[2]s: it is not executed" >&2; exit %[4]d`,
		executorFile, program.SHA256, quoted(program.URI), wrongProgram)
}

// quoted is a text as one word of the shell, whatever is in it.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// parseProgram checks a program that is not served by us.
func parseProgram(text string) error {
	_, err := kubelet.ParseProgram(text)
	return err
}

// clusterOf is how kubelets that join by token reach the cluster of an access.
func clusterOf(config *rest.Config, server string) (*kubelet.Join, error) {
	config = rest.CopyConfig(config)
	if err := rest.LoadTLSFiles(config); err != nil {
		return nil, fmt.Errorf("read the certificates of the cluster: %w", err)
	}
	if server == "" {
		server = config.Host
	}
	if !strings.HasPrefix(server, "https://") {
		return nil, fmt.Errorf("the API server is %q, want https://host:port: nodes that join by token send it there (--node-api-server)", server)
	}
	return &kubelet.Join{Server: server, CA: string(config.CAData)}, nil
}

// Drained implements mesos.Renderer.
func (r renderer) Drained(scheduler.TellDrained) []byte {
	data, err := kubelet.Message{Drained: true}.Encode()
	if err != nil {
		panic(fmt.Sprintf("a message of one boolean cannot be written: %v", err))
	}
	return data
}

// Token implements mesos.Renderer.
func (r renderer) Token(sent scheduler.SendToken) []byte {
	data, err := kubelet.Message{Token: string(sent.Token), TokenLife: kubelet.Duration(sent.Life)}.Encode()
	if err != nil {
		panic(fmt.Sprintf("a message of a text and a duration cannot be written: %v", err))
	}
	return data
}

// Reported implements mesos.Renderer.
func (r renderer) Reported(message []byte) (scheduler.Event, error) {
	report, err := kubelet.DecodeReport(message)
	if err != nil {
		return nil, err
	}
	node := scheduler.NodeName(report.Node)
	switch {
	case report.Draining:
		return scheduler.ExecutorDraining{Node: node, Why: report.Why}, nil
	case report.TokenWanted:
		return scheduler.TokenWanted{Node: node}, nil
	default:
		return nil, fmt.Errorf("report of node %q says nothing that is known", report.Node)
	}
}
