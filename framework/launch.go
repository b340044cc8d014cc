package framework

import (
	"errors"
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
	spec := specOf(node.Executor)
	spec.Node = string(node.Name)
	spec.Host = string(node.Host)
	spec.ProviderID = launch.ProviderID
	spec.Kubelet = nodes.Kubelet
	spec.RootDir = nodes.RootDir
	spec.Kubeconfig = nodes.Kubeconfig
	spec.BootstrapKubeconfig = nodes.BootstrapKubeconfig
	spec.RuntimeEndpoint = nodes.RuntimeEndpoint
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

// specOf is the part of a kubelet's spec that its pool decides. Ports are only kept from others: the kubelet needs to know
// nothing of them.
func specOf(executor scheduler.Executor) kubelet.Spec {
	spec := kubelet.Defaults()
	spec.Labels = executor.Labels
	spec.Taints = executor.Taints
	spec.Extra = executor.Kubelet
	spec.Drain = kubelet.Drain{Deadline: kubelet.Duration(executor.Drain.Deadline), Then: string(executor.Drain.Then)}
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
		spec := specOf(scheduler.Executor{Labels: pool.Labels, Taints: pool.Taints, Kubelet: pool.Kubelet, Drain: pool.Drain, Health: pool.Health})
		spec.Node, spec.Host, spec.ProviderID = "a-1", "a", "mesos://a/a-1"
		spec.Kubelet, spec.Kubeconfig = "/kubelet", "/kubeconfig"
		if err := spec.Validate(); err != nil {
			problems = append(problems, fmt.Errorf("pool %q: %w", pool.Name, err))
		}
	}
	return errors.Join(problems...)
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
