package operator

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"k8s-framework/scheduler"
)

// Print writes the state as tables for people: pools, nodes with phase, agent, age, Allocatable and reason, and what
// needs an operator's eye.
func Print(out io.Writer, view scheduler.View, now time.Time) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "FRAMEWORK\t%s\nMESOS\t%s\nKUBERNETES\t%s\n\n",
		orElse(string(view.FrameworkID), "(no ID yet)"), orElse(view.Master, "NOT SUBSCRIBED"), kubernetes(view))
	fmt.Fprintln(table, "POOL\tWANTED\tMISSING\tNODES\tEACH")
	for _, p := range view.Pools {
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%s\n", p.Name, p.Nodes, p.Missing, phases(p), p.Resources)
	}
	fmt.Fprintln(table, "\nNODE\tPHASE\tHOST\tAGENT\tAGE\tALLOCATABLE\tWHY")
	for _, n := range view.Nodes {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", n.Name, n.Phase, n.Host, n.Agent, age(now.Sub(n.Launched)), allocatable(n), why(n, now))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return printWarnings(out, view)
}

func printWarnings(out io.Writer, view scheduler.View) error {
	var lines []string
	for _, p := range view.Pools {
		for _, r := range p.Refusals {
			lines = append(lines, fmt.Sprintf("pool %s is not on host %s: %s", p.Name, r.Host, r.Why))
		}
		if p.Backoff != nil {
			lines = append(lines, fmt.Sprintf("pool %s launches again at %s, after failures", p.Name, p.Backoff.UTC().Format(time.RFC3339)))
		}
	}
	for _, n := range view.Nodes {
		if n.Drift != "" {
			lines = append(lines, fmt.Sprintf("node %s: %s", n.Name, n.Drift))
		}
	}
	for _, task := range view.Orphans {
		lines = append(lines, fmt.Sprintf("task %s runs without a record", task))
	}
	if len(lines) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(out, "\nLOOK AT\n%s\n", strings.Join(lines, "\n"))
	return err
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func kubernetes(view scheduler.View) string {
	if view.KubernetesSeen {
		return "watched"
	}
	return "NOT SEEN YET"
}

func phases(p scheduler.PoolView) string {
	if len(p.Phases) == 0 {
		return "none"
	}
	var parts []string
	for _, phase := range slices.Sorted(maps.Keys(p.Phases)) {
		parts = append(parts, fmt.Sprintf("%d %s", p.Phases[phase], phase))
	}
	return strings.Join(parts, ", ")
}

func allocatable(n scheduler.NodeView) string {
	if n.AllocatableMem == 0 {
		return "-"
	}
	return fmt.Sprintf("%dm/%dMi", n.AllocatableCPU, n.AllocatableMem>>20)
}

// why adds to a node's reason how long it has stood there, and until when it may.
func why(n scheduler.NodeView, now time.Time) string {
	text := fmt.Sprintf("%s (for %s)", n.Why, age(now.Sub(n.Since)))
	if n.Phase == scheduler.Draining {
		text += fmt.Sprintf("; deadline %s, then %s", n.DrainBy.UTC().Format(time.RFC3339), n.Drain.Then)
	}
	return text
}

// age rounds a duration to what matters.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	default:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
}
