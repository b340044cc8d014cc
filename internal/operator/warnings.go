package operator

import (
	"fmt"
	"strings"
	"time"

	"k8s-framework/scheduler"
)

// A table that is to be read at night has few lines; `-o json` has all.
const (
	maxReasons = 10
	maxHosts   = 3
)

// warnings are what needs an operator's eye, the widest first.
func warnings(view scheduler.View, now time.Time) []string {
	var lines []string
	for i := range view.Pools {
		lines = append(lines, poolWarnings(view, &view.Pools[i])...)
	}
	for _, n := range view.Nodes {
		if n.Phase == scheduler.Draining && now.After(n.DrainBy) {
			lines = append(lines, fmt.Sprintf("node %s drains since %s, past its deadline, and its pool waits: %s", n.Name, clock(n.Since), n.Why))
		}
		if n.Drift != "" {
			lines = append(lines, fmt.Sprintf("node %s: %s", n.Name, n.Drift))
		}
	}
	for _, task := range view.Orphans {
		lines = append(lines, fmt.Sprintf("task %s runs without a record", task))
	}
	return lines
}

func poolWarnings(view scheduler.View, p *scheduler.PoolView) []string {
	var lines []string
	if p.Rollout.Stopped != "" {
		lines = append(lines, fmt.Sprintf("pool %s: the change is stopped: %s", p.Name, p.Rollout.Stopped))
	}
	if p.Rollout.RolledBack != "" {
		lines = append(lines, fmt.Sprintf("pool %s has the definition of before again: %s", p.Name, p.Rollout.RolledBack))
	}
	if p.Paused && p.Outdated > 0 {
		lines = append(lines, fmt.Sprintf("pool %s is paused with %d nodes to go", p.Name, p.Outdated))
	}
	lines = append(lines, refusals(view, p)...)
	if p.Backoff != nil {
		lines = append(lines, fmt.Sprintf("pool %s launches again at %s, after failures", p.Name, clock(*p.Backoff)))
	}
	return lines
}

// refusals say why hosts are not used, those with the same reason together. That a pool is on a host already is no news.
func refusals(view scheduler.View, p *scheduler.PoolView) []string {
	own := map[scheduler.Hostname]bool{}
	for _, n := range view.Nodes {
		own[n.Host] = own[n.Host] || n.Pool == p.Name
	}
	hosts := map[string][]string{}
	var reasons []string
	for _, r := range p.Refusals {
		if own[r.Host] {
			continue
		}
		if hosts[r.Why] == nil {
			reasons = append(reasons, r.Why)
		}
		hosts[r.Why] = append(hosts[r.Why], string(r.Host))
	}
	var lines []string
	left := 0
	for i, reason := range reasons {
		if i >= maxReasons {
			left += len(hosts[reason])
			continue
		}
		lines = append(lines, fmt.Sprintf("pool %s is not on %s: %s", p.Name, some(hosts[reason]), reason))
	}
	if left > 0 {
		lines = append(lines, fmt.Sprintf("pool %s is not on %d hosts more: k8s-framework status -o json", p.Name, left))
	}
	return lines
}

func some(hosts []string) string {
	switch {
	case len(hosts) == 1:
		return "host " + hosts[0]
	case len(hosts) <= maxHosts:
		return "hosts " + strings.Join(hosts, ", ")
	default:
		return fmt.Sprintf("%d hosts (%s, …)", len(hosts), strings.Join(hosts[:maxHosts], ", "))
	}
}
