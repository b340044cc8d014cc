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

// Print writes the state as tables for people: pools and how far their changes are, nodes with phase, agent, age, Allocatable
// and reason, planned maintenance, and what needs an operator's eye.
func Print(out io.Writer, view scheduler.View, now time.Time) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "FRAMEWORK\t%s\nMESOS\t%s\nKUBERNETES\t%s\n",
		orElse(string(view.FrameworkID), "(no ID yet)"), orElse(view.Master, "NOT SUBSCRIBED"), kubernetes(view))
	if view.Teardown != "" {
		fmt.Fprintf(table, "TEARDOWN\t%s\n", view.Teardown)
	}
	fmt.Fprintln(table, "\nPOOL\tWANTED\tMISSING\tNODES\tEACH\tVERSION")
	for i := range view.Pools {
		p := &view.Pools[i]
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\n", p.Name, p.Nodes, p.Missing, phases(p), p.Resources, change(p))
	}
	fmt.Fprintln(table, "\nNODE\tPHASE\tHOST\tAGENT\tAGE\tALLOCATABLE\tWHY")
	for _, n := range view.Nodes {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", n.Name, n.Phase, n.Host, n.Agent, age(now.Sub(n.Launched)), allocatable(n), why(view, n, now))
	}
	if len(view.Maintenance) > 0 {
		fmt.Fprintln(table, "\nMAINTENANCE OF\tHOST\tFROM\tUNTIL")
	}
	for _, m := range view.Maintenance {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", m.Agent, orElse(string(m.Host), "-"), clock(m.From), clock(m.Until))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	lines := warnings(view, now)
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

func phases(p *scheduler.PoolView) string {
	if len(p.Phases) == 0 {
		return "none"
	}
	var parts []string
	for _, phase := range slices.Sorted(maps.Keys(p.Phases)) {
		parts = append(parts, fmt.Sprintf("%d %s", p.Phases[phase], phase))
	}
	return strings.Join(parts, ", ")
}

// change is the pool's version, and how far its nodes are from it.
func change(p *scheduler.PoolView) string {
	if p.Deleted {
		return "being deleted"
	}
	text := fmt.Sprint(p.Rollout.Version)
	switch {
	case p.Rollout.Stopped != "":
		text += ", STOPPED"
	case p.Rollout.RolledBack != "":
		text += ", ROLLED BACK"
	}
	switch {
	case p.Paused:
		text += ", paused"
	case p.Outdated == 0 && !p.Rollout.Done:
		text += ", not all in place"
	}
	if p.Outdated > 0 {
		text += fmt.Sprintf(", %d to go", p.Outdated)
	}
	if p.Rollout.Failures > 0 && !p.Rollout.Done {
		text += fmt.Sprintf(", %d failed", p.Rollout.Failures)
	}
	return text
}

func allocatable(n scheduler.NodeView) string {
	if n.AllocatableMem == 0 {
		return "-"
	}
	return fmt.Sprintf("%dm/%dMi", n.AllocatableCPU, n.AllocatableMem>>20)
}

// why adds to a node's reason how long it has stood there, until when it may, and that it is to be replaced.
func why(view scheduler.View, n scheduler.NodeView, now time.Time) string {
	text := fmt.Sprintf("%s (for %s)", n.Why, age(now.Sub(n.Since)))
	if n.Phase == scheduler.Draining {
		text += fmt.Sprintf("; deadline %s, then %s", clock(n.DrainBy), n.Drain.Then)
	}
	if p := findPool(view, string(n.Pool)); p != nil && n.Version != p.Rollout.Version && !p.Deleted {
		text += fmt.Sprintf("; outdated: version %d", n.Version)
	}
	if n.Waits != "" {
		text += "; shrinking: " + n.Waits
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

// clock is a moment for people; zero: it is not known.
func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}
