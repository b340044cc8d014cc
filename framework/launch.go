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
	node, nodes := launch.Node, r.nodes
	if len(node.Executor.Setup) > 0 { // a task more on an executor that was launched with other options
		var err error
		if nodes, err = decodeNodeOptions(node.Executor.Setup); err != nil {
			return mesos.Executor{}, fmt.Errorf("executor of node %s: %w", node.Name, err)
		}
	}
	spec := kubelet.Defaults()
	spec.Node = string(node.Name)
	spec.Host = string(node.Host)
	spec.ProviderID = launch.ProviderID
	spec.Labels = node.Executor.Labels
	spec.Taints = node.Executor.Taints
	spec.Kubelet = nodes.Kubelet
	spec.RootDir = nodes.RootDir
	spec.Kubeconfig = nodes.Kubeconfig
	spec.BootstrapKubeconfig = nodes.BootstrapKubeconfig
	spec.RuntimeEndpoint = nodes.RuntimeEndpoint
	spec.Extra = node.Executor.Kubelet
	spec.Drain = kubelet.Drain{Deadline: kubelet.Duration(node.Executor.Drain.Deadline), Then: string(node.Executor.Drain.Then)}
	// node.Executor.FenceAfter has its place here. The ports are only kept from others: the kubelet needs to know nothing of them.
	health := node.Executor.Health
	spec.Restart.StartTimeout, spec.Restart.HangTimeout = kubelet.Duration(health.StartTimeout), kubelet.Duration(health.HangTimeout)
	spec.Restart.Failures, spec.Restart.Window = health.Failures, kubelet.Duration(health.Window)
	data, err := spec.Encode()
	if err != nil {
		return mesos.Executor{}, fmt.Errorf("executor of node %s: %w", node.Name, err)
	}
	grace := time.Duration(node.Executor.Drain.Deadline) + margin
	return mesos.Executor{
		Name:          fmt.Sprintf("kubelet of %s", node.Host),
		Command:       nodes.Executor,
		Arguments:     []string{nodes.Executor},
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

// Reported implements mesos.Renderer.
func (r renderer) Reported(message []byte) (scheduler.Event, error) {
	report, err := kubelet.DecodeReport(message)
	if err != nil {
		return nil, err
	}
	if !report.Draining {
		return nil, fmt.Errorf("report of node %q says nothing that is known", report.Node)
	}
	return scheduler.ExecutorDraining{Node: scheduler.NodeName(report.Node), Why: report.Why}, nil
}
