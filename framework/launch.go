package framework

import (
	"fmt"
	"time"

	"k8s-framework/internal/kubelet"
	"k8s-framework/internal/mesos"
	"k8s-framework/scheduler"
)

// margin is what an executor needs beyond its drain: to stop the kubelet and to say so.
const margin = time.Minute

// renderer says what an executor of ours is, in the words of Mesos and of the executor. It implements mesos.Renderer.
type renderer struct{ nodes NodeOptions }

// Executor is the same for every task of a node: it depends on what the node's record keeps and on the options.
func (r renderer) Executor(launch scheduler.Launch) (mesos.Executor, error) {
	node := launch.Node
	spec := kubelet.Defaults()
	spec.Node = string(node.Name)
	spec.Host = string(node.Host)
	spec.ProviderID = launch.ProviderID
	spec.Labels = launch.Pool.Labels
	spec.Taints = launch.Pool.Taints
	spec.Kubelet = r.nodes.Kubelet
	spec.RootDir = r.nodes.RootDir
	spec.Kubeconfig = r.nodes.Kubeconfig
	spec.BootstrapKubeconfig = r.nodes.BootstrapKubeconfig
	spec.RuntimeEndpoint = r.nodes.RuntimeEndpoint
	spec.Drain = kubelet.Drain{Deadline: kubelet.Duration(node.Drain.Deadline), Then: string(node.Drain.Then)}
	data, err := spec.Encode()
	if err != nil {
		return mesos.Executor{}, fmt.Errorf("executor of node %s: %w", node.Name, err)
	}
	grace := time.Duration(node.Drain.Deadline) + margin
	return mesos.Executor{
		Name:          fmt.Sprintf("kubelet of %s", node.Host),
		Command:       r.nodes.Executor,
		Arguments:     []string{r.nodes.Executor},
		Data:          data,
		ShutdownGrace: grace,
		KillGrace:     grace,
	}, nil
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
