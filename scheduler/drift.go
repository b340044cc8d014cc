package scheduler

import "fmt"

// drift says how a Node's Allocatable differs from what Mesos granted for pods; empty: it does not.
func drift(granted Resources, seen KubeNode) string {
	if seen.AllocatableCPU == int64(granted.CPUs) && seen.AllocatableMem == granted.MemBytes() {
		return ""
	}
	return fmt.Sprintf("Allocatable is %dm CPU and %d bytes, granted are %dm CPU and %d bytes",
		seen.AllocatableCPU, seen.AllocatableMem, int64(granted.CPUs), granted.MemBytes())
}

// watchDrift raises an alarm when a Ready node's Allocatable begins to differ from what was granted: pods could then use
// what belongs to others, or not use what is theirs.
func (c *Core) watchDrift(n *node, seen KubeNode) {
	if n.Phase != Ready {
		return
	}
	now := drift(n.Slice(), seen)
	if now != n.drift && now != "" {
		c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Alarm: true, Text: now + ": look at the kubelet's configuration on " + string(n.Host)})
	}
	n.drift = now
}
