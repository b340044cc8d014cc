package scheduler

import (
	"fmt"
	"slices"
	"time"
)

// When Mesos has lost an agent, its node may live: the network between host and master may be cut. The kubelet's lease in
// Kubernetes is the second witness. It is read twice, since clocks differ: a lease that was renewed in between shows a
// kubelet that lives, and then its node counts on.

// leaseApart is the least time between two readings from which something follows: a kubelet renews its lease every ten
// seconds, and Kubernetes takes it for dead after forty.
const leaseApart = 45 * time.Second

// witness is what the kubelet's lease says of a node that Mesos has lost.
type witness struct {
	renewed time.Time
	// read is when renewed was read; zero: never.
	read time.Time
	ask  retry
	// lost: the node does not count any more.
	lost bool
}

// judgeLost asks for the leases of nodes that Mesos has lost, gives those up that Kubernetes has not heard of either for as long
// as their pool says, and ends those whose host has another agent by now.
func (c *Core) judgeLost(now time.Time) {
	for _, n := range slices.Clone(c.active()) {
		switch {
		case n.Phase == Gone:
		case n.successor != "":
			c.judgeSucceeded(now, n)
		case n.Phase == Unreachable && !n.lease.lost && n.pool.Unreachable.Then == Replace:
			c.readLease(now, n, n.lostAt())
		}
	}
}

// readLease reads a lease at once, and again when the time has come and something can follow from it.
func (c *Core) readLease(now time.Time, n *node, again time.Time) {
	if !n.lease.ask.due(now) {
		return
	}
	if n.lease.read.IsZero() || !now.Before(again) && !now.Before(n.lease.read.Add(leaseApart)) {
		n.lease.ask.asked(now)
		c.operate(ReadLease{Node: n.Name, Host: n.Host, Why: "Mesos has lost its agent"})
	}
}

// judgeSucceeded ends a node whose agent cannot come back, if no kubelet of it shows that it lives: with the posix launcher its
// executor outlives the agent, and ends the node by itself.
func (c *Core) judgeSucceeded(now time.Time, n *node) {
	why := fmt.Sprintf("its agent %s is lost, and host %s has the new agent %s", n.Agent, n.Host, n.successor)
	switch {
	case !c.kubeSynced:
	case !c.registered(n):
		c.move(now, n, Gone, why)
	case n.lease.lost:
		c.move(now, n, Gone, why+"; its kubelet does not renew its lease")
	default:
		c.readLease(now, n, now)
	}
}

// lostAt is when an unreachable node stops to count if Kubernetes has not heard of it either.
func (n *node) lostAt() time.Time { return n.Since.Add(time.Duration(n.pool.Unreachable.After)) }

// leaseSeen compares two readings of a lease.
func (c *Core) leaseSeen(now time.Time, e LeaseSeen) {
	n := c.nodes[e.Node]
	if n == nil {
		return
	}
	n.lease.ask = retry{}
	before := n.lease
	if !n.agentLost || n.Phase == Gone || n.lease.lost {
		return
	}
	switch {
	case before.read.IsZero() || n.successor == "" && now.Before(n.lostAt()):
	case now.Before(before.read.Add(leaseApart)):
		return
	case !e.Renewed.Equal(before.renewed):
		c.explain(n, fmt.Sprintf("Mesos has lost its agent, but its kubelet has renewed its lease at %s: the node counts on", e.Renewed.UTC().Format(time.RFC3339)))
	default:
		n.lease.lost = true
		c.counted, c.freed = false, true
		if n.successor != "" {
			return // judged by the rule
		}
		n.Why = fmt.Sprintf("unreachable for %s, and its kubelet has not renewed its lease: another node is launched; its pods stay bound to host %s "+
			"until the agent is back, or marked gone in Mesos, or the Node is deleted", n.pool.Unreachable.After, n.Host)
		c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Alarm: true, Text: n.Why})
		return
	}
	n.lease.renewed, n.lease.read = e.Renewed, now
}
