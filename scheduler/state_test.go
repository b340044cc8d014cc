package scheduler

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

var phases = []Phase{Launching, NotReady, Ready, Unreachable, Draining, Stopping, Gone}

// phaseTable says, for every phase and every state of its task, which phase follows; it is printed by the transcript
// testdata/phase_by_task_state. Kubernetes says Ready all the while, so that NotReady is left at once.
func phaseTable(ready bool) string {
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "TASK")
	for _, phase := range phases {
		fmt.Fprintf(table, "\t%s", phase)
	}
	for _, state := range TaskStates() {
		fmt.Fprintf(table, "\n%s", state)
		for _, phase := range phases {
			fmt.Fprintf(table, "\t%s", phaseAfter(phase, state, ready))
		}
	}
	fmt.Fprintln(table)
	table.Flush()
	return out.String()
}

// phaseAfter is the phase of a node after an update of its task; "." if it is the same.
func phaseAfter(phase Phase, state TaskState, ready bool) string {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	pool := DefaultPool()
	pool.Name, pool.Nodes, pool.Resources = "workers", 1, Resources{CPUs: 1000, Mem: 1_024_000}
	record := Node{
		Name: "workers-1", Pool: "workers", Agent: "a1", Host: "h1", Version: 1, Drain: pool.Drain,
		Tasks: []Task{{ID: "workers-1.1", Resources: pool.Resources}}, Executor: Executor{Overhead: pool.Overhead, Role: "*"},
		Launched: now, Phase: phase, Since: now, DrainBy: now.Add(time.Hour),
	}
	core, err := New(DefaultConfig(), State{Meta: Meta{FrameworkID: "fw-1", Counter: 1}, Pools: []PoolRecord{NewPoolRecord(pool)}, Nodes: []Node{record}})
	if err != nil {
		return err.Error()
	}
	core.Step(now, Subscribed{Framework: "fw-1"}, KubeSynced{})
	if ready && phase != Ready {
		core.kube["h1"] = KubeNode{Host: "h1", Ready: true, ProviderID: "mesos://fw-1/workers-1"}
	}
	core.Step(now, TaskUpdated{Task: "workers-1.1", Agent: "a1", State: state, Update: "u1"})
	if after := core.nodes["workers-1"].Phase; after != phase {
		return string(after)
	}
	return "."
}
