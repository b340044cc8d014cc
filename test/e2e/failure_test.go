//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"k8s-framework/scheduler"
)

// The leader dies by SIGKILL in the middle of a drain: the standby finishes it, under the same framework ID, and launches
// nothing twice.
func leaderDiesInDrain(t *testing.T) {
	nodes := nodesReady(t, 3)
	before := state(t)
	deployment(t, "slow", 3, map[string]string{"DELAY": "12s"})
	spread(t, "slow", hosts(nodes))
	scale(t, 2)
	leaver := retiring(t)
	eventually(t, "a pod to be leaving", func(context.Context) error {
		for _, p := range pods(t, "slow") {
			if p.Spec.NodeName == string(leaver.Host) && p.DeletionTimestamp != nil {
				return nil
			}
		}
		return errNotYet
	})
	leading, err := shared.LeadingInstance(t.Context())
	require.NoError(t, err)
	killed := time.Now()
	require.NoError(t, leading.Kill())
	eventually(t, "a request to be stored", func(ctx context.Context) error {
		_, err := shared.Command(ctx, "scale", "workers", "2")
		return err
	})
	t.Logf("SIGKILL of the leader → next Save: %s", time.Since(killed).Round(time.Millisecond))
	successor, err := shared.LeadingInstance(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, leading.Address, successor.Address)
	after := nodesReady(t, 2)
	require.Equal(t, before.FrameworkID, state(t).FrameworkID)
	for _, n := range after {
		require.NotEqual(t, leaver.Name, n.Name)
		require.Contains(t, names(nodes), n.Name, "a node was launched")
	}
	restartInstances(t)
	scale(t, 3)
	nodesReady(t, 3)
}

// The leader is asked to make way: the other leads, and nobody else notices. With nobody to follow, the request is refused.
func leaderAbdicates(t *testing.T) {
	nodes := nodesReady(t, 3)
	tasks := activeTasks(t)
	leading, err := shared.LeadingInstance(t.Context())
	require.NoError(t, err)
	said, err := shared.Command(t.Context(), "abdicate")
	require.NoError(t, err)
	require.Contains(t, said, "leads next")
	<-leading.Done()
	require.NoError(t, leading.Err(), "it ends well")
	successor, err := shared.LeadingInstance(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, leading.Address, successor.Address)
	require.Contains(t, said, successor.Address)
	_, err = shared.Command(t.Context(), "abdicate")
	require.ErrorContains(t, err, "no other instance stands by to lead: start one")
	require.Equal(t, names(nodes), names(nodesReady(t, 3)))
	require.ElementsMatch(t, tasks, activeTasks(t))
	restartInstances(t)
}

// An agent is killed and started again: kubelet and pods do not notice.
func agentRestarts(t *testing.T) {
	nodes := nodesReady(t, 3)
	deployment(t, "calm", 3, nil)
	spread(t, "calm", hosts(nodes))
	available(t, "calm", 3)
	host := string(nodes[0].Host)
	kubelet, before := kubelets(t, host), containerIDs(t, "calm")
	agent := shared.Agent(host)
	require.NoError(t, agent.Process().Kill())
	require.NoError(t, agent.Start(t.Context()))
	eventually(t, "the framework to hear of the task again", func(context.Context) error {
		if tasks := activeTasks(t); len(tasks) != 3 {
			return fmt.Errorf("the master knows %v", tasks)
		}
		return nil
	})
	require.Equal(t, names(nodes), names(nodesReady(t, 3)))
	require.Equal(t, kubelet, kubelets(t, host), "another kubelet")
	require.Equal(t, before, containerIDs(t, "calm"), "other containers")
}

// An executor is killed: no process of its pods is left, and a new node takes the place.
func executorDies(t *testing.T) {
	nodes := nodesReady(t, 3)
	deployment(t, "victim", 3, nil)
	spread(t, "victim", hosts(nodes))
	available(t, "victim", 3)
	host := string(nodes[0].Host)
	lost := podProcesses(t, host)
	require.NotEmpty(t, lost)
	found := executors(t, host)
	require.Len(t, found, 1)
	require.NoError(t, syscall.Kill(found[0], syscall.SIGKILL))
	eventually(t, "every process of the container to end", func(context.Context) error {
		for _, pid := range lost {
			if err := syscall.Kill(pid, 0); !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("process %d of a pod is there", pid)
			}
		}
		return nil
	})
	eventually(t, "the dead node to be replaced", func(ctx context.Context) error {
		view, err := shared.State(ctx)
		if err != nil {
			return err
		}
		for _, n := range view.Nodes {
			if n.Name == nodes[0].Name {
				return fmt.Errorf("it is %s", n.Phase)
			}
		}
		return nil
	})
	after := nodesReady(t, 3)
	require.NotContains(t, names(after), nodes[0].Name)
	available(t, "victim", 3)
}

// drainAgent has Mesos drain an agent with six pods of the app spread over three hosts. DRAIN_AGENT asks nobody: the executor
// drains, so that pods leave by eviction, under their budget, before the kubelet stops.
func drainAgent(t *testing.T, app, options string) (host, id string) {
	nodes := nodesReady(t, 3)
	deployment(t, app, 6, map[string]string{"DELAY": "1s"})
	spread(t, app, hosts(nodes))
	available(t, app, 6)
	budget(t, app, 5)
	watching := observe(t, app)
	host = string(nodes[0].Host)
	id, err := shared.AgentID(t.Context(), host)
	require.NoError(t, err)
	onHost := podsOn(t, app, host)
	_, err = shared.Operate(t.Context(), fmt.Sprintf(
		`{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":%q},"max_grace_period":{"seconds":60}%s}}`, id, options))
	require.NoError(t, err)
	eventually(t, "the kubelet to stop", func(context.Context) error {
		if running := kubelets(t, host); len(running) > 0 {
			return fmt.Errorf("it runs as %v", running)
		}
		return nil
	})
	fewest, evicted := watching.result()
	require.GreaterOrEqual(t, fewest, 5, "fewer pods were ready than the budget demands")
	require.Len(t, evicted, onHost, "%v", evicted)
	require.Empty(t, podProcesses(t, host))
	nodesReady(t, 2)
	available(t, app, 6)
	return host, id
}

// An agent is drained for a while, and put back to work.
func drainedAgentEvicts(t *testing.T) {
	host, id := drainAgent(t, "moving", "")
	eventually(t, "the agent to be drained", func(ctx context.Context) error {
		_, err := shared.Operate(ctx, fmt.Sprintf(`{"type":"REACTIVATE_AGENT","reactivate_agent":{"agent_id":{"value":%q}}}`, id))
		return err
	})
	require.Contains(t, hosts(nodesReady(t, 3)), host)
}

// ZooKeeper restarts: nodes and pods do not notice, and the framework goes on, by itself or through its supervisor.
func zooKeeperRestarts(t *testing.T) {
	nodes := nodesReady(t, 3)
	deployment(t, "steady", 3, nil)
	before := containerIDs(t, "steady")
	require.NoError(t, shared.ZooKeeper.Restart(t.Context()))
	eventually(t, "an instance to lead", func(ctx context.Context) error {
		restartInstances(t)
		for _, i := range shared.Instances {
			if role, _ := i.Role(ctx); role == "leading" {
				return nil
			}
		}
		return errNotYet
	})
	require.Equal(t, names(nodes), names(nodesReady(t, 3)))
	require.Equal(t, before, containerIDs(t, "steady"))
}

// The leading Mesos master dies: the framework finds the other one, and nothing happens to nodes and pods.
func masterFailsOver(t *testing.T) {
	nodes := nodesReady(t, 3)
	before := state(t)
	deployment(t, "constant", 3, nil)
	containers := containerIDs(t, "constant")
	leader, err := shared.Leader(t.Context())
	require.NoError(t, err)
	killed := time.Now()
	require.NoError(t, leader.Kill())
	eventually(t, "the framework to be subscribed to another master", func(ctx context.Context) error {
		view, err := shared.State(ctx)
		if err != nil {
			return err
		}
		if view.Master == "" || view.Master == before.Master {
			return fmt.Errorf("it is subscribed to %q", view.Master)
		}
		return nil
	})
	t.Logf("SIGKILL of the leading master → subscribed to the next: %s", time.Since(killed).Round(time.Millisecond))
	eventually(t, "the agents to be back", func(context.Context) error {
		if tasks := activeTasks(t); len(tasks) != 3 {
			return fmt.Errorf("the master knows %v", tasks)
		}
		return nil
	})
	require.Equal(t, before.FrameworkID, state(t).FrameworkID)
	require.Equal(t, names(nodes), names(nodesReady(t, 3)))
	require.Equal(t, containers, containerIDs(t, "constant"))
	scale(t, 2)
	nodesReady(t, 2)
	scale(t, 3)
	nodesReady(t, 3)
}

// restartInstances does what a supervisor does: it starts instances that have ended again.
func restartInstances(t *testing.T) {
	t.Helper()
	for at := 0; at < len(shared.Instances); {
		select {
		case <-shared.Instances[at].Done():
			t.Logf("%s has ended: %v", shared.Instances[at].Name(), shared.Instances[at].Err())
			_, err := shared.RestartInstance(t.Context(), at)
			require.NoError(t, err)
		default:
		}
		at++
	}
}

func names(nodes []scheduler.NodeView) []scheduler.NodeName {
	var found []scheduler.NodeName
	for _, n := range nodes {
		found = append(found, n.Name)
	}
	return found
}

// containerIDs are those of a deployment's pods, with how often each was restarted: what does not change when nothing happens.
func containerIDs(t *testing.T, app string) map[string]string {
	t.Helper()
	ids := map[string]string{}
	for _, p := range pods(t, app) {
		for _, c := range p.Status.ContainerStatuses {
			require.Equal(t, corev1.PodRunning, p.Status.Phase, p.Name)
			ids[p.Name] = fmt.Sprintf("%s, %d restarts", c.ContainerID, c.RestartCount)
		}
	}
	return ids
}
