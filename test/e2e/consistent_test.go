//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s-framework/scheduler"
)

// consistent waits until records, Mesos, Kubernetes and the hosts say the same: every task has a record and every record
// its tasks, each Node object is that of a record, a kubelet runs where a node is and nowhere else, and what is reserved for
// us is used by a node of the pool that reserved it.
func consistent(t *testing.T) {
	t.Helper()
	within(t, 2*patience, "records, tasks, Node objects, kubelets and reservations to agree", func(ctx context.Context) error {
		view, err := shared.State(ctx)
		if err != nil {
			return err
		}
		if len(view.Orphans) > 0 {
			return fmt.Errorf("tasks without a record run: %v", view.Orphans)
		}
		for _, look := range []func(context.Context, scheduler.View) error{tasksAgree, nodeObjectsAgree, reservationsAgree} {
			if err := look(ctx, view); err != nil {
				return err
			}
		}
		return kubeletsAgree(t, view)
	})
}

func tasksAgree(ctx context.Context, view scheduler.View) error {
	running, err := shared.ActiveTasks(ctx)
	if err != nil {
		return err
	}
	var recorded []scheduler.TaskID
	for _, n := range view.Nodes {
		for _, task := range n.Tasks {
			recorded = append(recorded, task.ID)
		}
	}
	slices.Sort(running)
	slices.Sort(recorded)
	if !slices.Equal(running, recorded) {
		return fmt.Errorf("tasks are %v, recorded are %v", running, recorded)
	}
	return nil
}

func nodeObjectsAgree(ctx context.Context, view scheduler.View) error {
	list, err := shared.Kube.Client().CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, object := range list.Items {
		if !slices.ContainsFunc(view.Nodes, func(n scheduler.NodeView) bool { return object.Spec.ProviderID == n.Name.ProviderID(view.FrameworkID) }) {
			return fmt.Errorf("Node %s (%s) has no record", object.Name, object.Spec.ProviderID)
		}
	}
	if len(list.Items) != len(view.Nodes) {
		return fmt.Errorf("there are %d Node objects, and %d nodes are recorded", len(list.Items), len(view.Nodes))
	}
	return nil
}

func reservationsAgree(ctx context.Context, view scheduler.View) error {
	reserved, err := shared.Reservations(ctx)
	if err != nil {
		return err
	}
	for _, r := range reserved {
		if r.Labels["framework"] != string(view.FrameworkID) {
			return fmt.Errorf("a reservation without our label: %+v", r)
		}
		owned := slices.ContainsFunc(view.Nodes, func(n scheduler.NodeView) bool {
			return n.Reserved && string(n.Host) == r.Host && string(n.Pool) == r.Labels["pool"]
		})
		if !owned {
			return fmt.Errorf("a reservation that no node uses: %+v", r)
		}
	}
	return nil
}

func kubeletsAgree(t *testing.T, view scheduler.View) error {
	t.Helper()
	for _, a := range shared.Agents {
		name := a.Host.Name()
		has := slices.ContainsFunc(view.Nodes, func(n scheduler.NodeView) bool { return string(n.Host) == name })
		if running := kubelets(t, name); has != (len(running) == 1) {
			return fmt.Errorf("host %s has a node: %v, its kubelets are %v", name, has, running)
		}
	}
	return nil
}

// cordoned reports whether a Node object takes no new pods.
func cordoned(t *testing.T, host string) bool {
	t.Helper()
	return kubeNode(t, host).Spec.Unschedulable
}

// capacityOf waits until a Node's Allocatable is as expected.
func capacityOf(t *testing.T, host string, want corev1.ResourceList) {
	t.Helper()
	eventually(t, "Allocatable of "+host, func(ctx context.Context) error {
		node, err := shared.Kube.Client().CoreV1().Nodes().Get(ctx, host, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for name, amount := range want {
			if is := node.Status.Allocatable[name]; is.Cmp(amount) != 0 {
				return fmt.Errorf("%s is %s, want %s", name, &is, &amount)
			}
		}
		return nil
	})
}

// reserved waits until so much is reserved on a host for the pool, and nothing else; 0: nothing at all.
func reserved(t *testing.T, host string, cpus, mem float64) {
	t.Helper()
	want := map[string]float64{"cpus": cpus, "mem": mem}
	within(t, 2*patience, fmt.Sprintf("%v to be reserved on %s", want, host), func(ctx context.Context) error {
		all, err := shared.Reservations(ctx)
		if err != nil {
			return err
		}
		sum := map[string]float64{}
		for _, r := range all {
			if r.Host == host {
				sum[r.Name] += r.Amount
			}
		}
		for name := range want {
			if math.Abs(sum[name]-want[name]) > 1e-6 || len(sum) > len(want) {
				return fmt.Errorf("it is %v", sum)
			}
		}
		return nil
	})
}
