package framework

import (
	"errors"
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

// executorFile is the name of a fetched executor in its sandbox.
const executorFile = "k8s-executor"

// renderer says what an executor of ours is, in the words of Mesos and of the executor. It implements mesos.Renderer.
type renderer struct{ nodes NodeOptions }

// Executor is the same for every task of a node: it depends on what the node's record keeps and on the options.
func (r renderer) Executor(launch scheduler.Launch) (mesos.Executor, error) {
	node, nodes := launch.Node, r.nodes
	if len(node.Executor.Setup) > 0 { // a task more on an executor that was launched with other options
		var err error
		if nodes, err = decodeNodeOptions(node.Executor.Setup); err != nil {
			return mesos.Executor{}, fmt.Errorf("executor of node %s: %w", node.Name, err)
		}
	}
	data, err := whole(launch, nodes).Encode()
	if err != nil {
		return mesos.Executor{}, fmt.Errorf("executor of node %s: %w", node.Name, err)
	}
	program, err := kubelet.ParseProgram(nodes.Executor)
	if err != nil {
		return mesos.Executor{}, fmt.Errorf("executor of node %s: %w", node.Name, err)
	}
	grace := time.Duration(node.Executor.Drain.Deadline) + margin
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

// whole is what the executor is told of its kubelet.
func whole(launch scheduler.Launch, nodes NodeOptions) kubelet.Spec {
	node := launch.Node
	spec := specOf(node.Executor)
	spec.Node = string(node.Name)
	spec.Host = string(node.Host)
	spec.ProviderID = launch.ProviderID
	if len(node.Executor.Setup) > 0 { // executors of before that had no such taint, and must be told the same for another task
		spec.Taints = startingWith(spec.Taints)
	}
	if spec.Kubelet == "" {
		spec.Kubelet = nodes.Kubelet
	}
	spec.RootDir = nodes.RootDir
	spec.RuntimeEndpoint = nodes.RuntimeEndpoint
	if nodes.approves() {
		spec.ServingCertificate, spec.NodeIP = true, node.Address // the certificate is approved for this address and no other
	}
	if nodes.byToken() {
		spec.Join = &kubelet.Join{Server: nodes.APIServer, CA: nodes.ClusterCA}
	} else {
		spec.Kubeconfig, spec.BootstrapKubeconfig = nodes.Kubeconfig, nodes.BootstrapKubeconfig
	}
	return spec
}

// specOf is the part of a kubelet's spec that its pool decides. Ports are only kept from others: the kubelet needs to know
// nothing of them.
func specOf(executor scheduler.Executor) kubelet.Spec {
	spec := kubelet.Defaults()
	spec.Labels = executor.Labels
	spec.Taints = executor.Taints
	spec.Extra, spec.Kubelet = executor.Kubelet, executor.KubeletProgram
	spec.Drain = kubelet.Drain{Deadline: kubelet.Duration(executor.Drain.Deadline), Then: string(executor.Drain.Then)}
	spec.FenceAfter = kubelet.Duration(executor.FenceAfter)
	health := executor.Health
	spec.Restart.StartTimeout, spec.Restart.HangTimeout = kubelet.Duration(health.StartTimeout), kubelet.Duration(health.HangTimeout)
	spec.Restart.Failures, spec.Restart.Window = health.Failures, kubelet.Duration(health.Window)
	return spec
}

// launchable checks what only a kubelet's spec knows of pools: labels that a kubelet may not set, and fields of its
// configuration that are unknown or not the operator's. Otherwise the first launch would tell.
func launchable(pools []scheduler.Pool) error {
	var problems []error
	for _, pool := range pools {
		if pool.Validate() != nil {
			continue // it is refused for that; a spec of it would say the same in other words
		}
		spec := specOf(scheduler.Executor{Labels: pool.Labels, Taints: pool.Taints, Kubelet: pool.Kubelet, KubeletProgram: pool.KubeletProgram, Drain: pool.Drain, Health: pool.Health, FenceAfter: pool.FenceAfter})
		spec.Node, spec.Host, spec.ProviderID = "a-1", "a", "mesos://a/a-1"
		spec.Kubeconfig = "/kubeconfig"
		if spec.Kubelet == "" {
			spec.Kubelet = "/kubelet"
		}
		if err := spec.Validate(); err != nil {
			problems = append(problems, fmt.Errorf("pool %q: %w", pool.Name, err))
		}
	}
	return errors.Join(problems...)
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
		executorFile, program.SHA256, quoted(program.URI), scheduler.WrongProgram)
}

// quoted is a text as one word of the shell, whatever is in it.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// parseProgram checks a program that is not served by us.
func parseProgram(text string) error {
	_, err := kubelet.ParseProgram(text)
	return err
}

// clusterOf is the API server's URL and its certificates, in PEM, for kubelets that join by token: those of an access, unless server
// is another URL.
func clusterOf(config *rest.Config, server string) (url, ca string, err error) {
	config = rest.CopyConfig(config)
	if err := rest.LoadTLSFiles(config); err != nil {
		return "", "", fmt.Errorf("read the certificates of the cluster: %w", err)
	}
	if server == "" {
		server = config.Host
	}
	if !strings.HasPrefix(server, "https://") {
		return "", "", fmt.Errorf("the API server is %q, want https://host:port: nodes that join by token send it there (--node-api-server)", server)
	}
	return server, string(config.CAData), nil
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
