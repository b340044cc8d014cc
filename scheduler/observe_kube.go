package scheduler

import (
	"fmt"
	"strings"
	"time"
)

// observeKube takes in what Kubernetes says, and what became of operations on it.
func (c *Core) observeKube(now time.Time, event Event) {
	switch e := event.(type) {
	case KubeNodeSeen:
		c.kube[e.Node.Host] = e.Node
		c.stray(now, e.Node)
		if n := c.hosts[e.Node.Host]; n != nil {
			c.touch(n)
			c.readiness(now, n)
			c.watchDrift(n, e.Node)
		}
	case KubeNodeDeleted:
		delete(c.kube, e.Host)
		delete(c.strays, e.Host)
		c.freed = true
		if n := c.hosts[e.Host]; n != nil {
			c.unmark(n)
			c.readiness(now, n)
		}
	case KubeSynced:
		c.kubeSynced = true
		c.freed = true
	case DrainProgressed:
		c.drainProgressed(e)
	case NodeDrained:
		if n := c.nodes[e.Node]; n != nil {
			n.drained, n.drain.waiting = true, false
			// A Node that was not there yet may still register, and get pods: then the executor must drain.
			n.drainOver = c.registered(n)
		}
	case KubeNodeForgotten:
		c.kubeNodeForgotten(e.Node)
	case OpFailed:
		c.opFailed(now, e)
	case Uncordoned:
		if n := c.nodes[e.Node]; n != nil {
			n.uncordon = retry{}
			if n.Uncordon {
				n.Uncordon = false
				c.changed(n)
			}
		}
	case KubeNodeMarked:
		c.nodeMarked(e)
	case LeaseSeen:
		c.leaseSeen(now, e)
	case PodsCounted:
		if p := c.pools[e.Pool]; p != nil {
			p.pods = podCount{pods: e.Pods, at: now}
		}
	default:
		panic(fmt.Sprintf("unknown event %T", event))
	}
}

// readiness moves a running node by what Kubernetes says of its Node object. An object of another launch says nothing.
func (c *Core) readiness(now time.Time, n *node) {
	seen, there := c.kube[n.Host]
	ready := seen.Ready && c.registered(n)
	switch {
	case n.Phase == NotReady && ready:
		c.move(now, n, Ready, "Kubernetes says Ready")
		n.pool.failures = 0
	case n.Phase == Ready && !ready && there:
		c.move(now, n, NotReady, "Kubernetes says not Ready: "+seen.ReadyWhy)
	case n.Phase == Ready && !ready:
		c.move(now, n, NotReady, "the Kubernetes Node was deleted")
	}
}

// registered reports whether Kubernetes has the Node object of this launch.
func (c *Core) registered(n *node) bool {
	return c.kube[n.Host].ProviderID == n.Name.ProviderID(c.meta.FrameworkID)
}

func (c *Core) drainProgressed(e DrainProgressed) {
	n := c.nodes[e.Node]
	if n == nil || n.Phase != Draining {
		return
	}
	n.progress = e
	c.explain(n, drainWhy(e))
}

// drainWhy says what a drain waits for.
func drainWhy(e DrainProgressed) string {
	const most = 3 // a node may hold hundreds of pods
	if more := len(e.Blocked) - most; more > 0 {
		return fmt.Sprintf("%d pods left; blocked: %s; and %d more", e.PodsLeft, strings.Join(e.Blocked[:most], "; "), more)
	} else if len(e.Blocked) > 0 {
		return fmt.Sprintf("%d pods left; blocked: %s", e.PodsLeft, strings.Join(e.Blocked, "; "))
	}
	return fmt.Sprintf("%d pods left", e.PodsLeft)
}

func (c *Core) opFailed(now time.Time, e OpFailed) {
	if count, ok := e.Op.(CountPods); ok {
		if p := c.pools[count.Pool]; p != nil {
			p.pods.ask.waiting = false
			c.note(Note{Pool: p.Name, Alarm: true, Text: fmt.Sprintf("%s failed: %s", e.Op, e.Why)})
		}
		return
	}
	n := c.nodes[e.Op.For()]
	if n == nil {
		for _, stray := range c.strays {
			stray.waiting = false
		}
		return
	}
	c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Alarm: true, Text: fmt.Sprintf("%s failed: %s", e.Op, e.Why)})
	switch e.Op.(type) {
	case Drain:
		n.drain.waiting = false
		c.explain(n, "the drain failed, it is tried again: "+e.Why)
	case Uncordon:
		n.uncordon.waiting = false
	case MarkKubeNode:
		n.mark.waiting = false
	case ReadLease:
		n.lease.ask.waiting = false
	case ForgetKubeNode:
		n.forget.waiting = false
		c.explain(n, "deleting the Kubernetes Node failed, it is tried again: "+e.Why)
	default:
		c.identityFailed(n, e)
	}
}

// stray notes a Node object of ours whose record is gone, to be deleted when its task had time to show itself: with the
// object its pods go, without asking a budget. One with a number that was never given out is left alone: then our memory is
// older than the world.
func (c *Core) stray(now time.Time, seen KubeNode) {
	name := c.ownNode(seen.ProviderID)
	number, ours := name.Number()
	if !ours || number > c.meta.Counter || c.nodes[name] != nil {
		delete(c.strays, seen.Host)
		return
	}
	if c.strays[seen.Host] == nil {
		c.strays[seen.Host] = &retry{next: now.Add(strayPatience)}
	}
}

// ownNode is the node that a provider ID of this framework names; empty: it is not one of this framework.
func (c *Core) ownNode(providerID string) NodeName {
	name, ours := strings.CutPrefix(providerID, NodeName("").ProviderID(c.meta.FrameworkID))
	if !ours || c.meta.FrameworkID == "" {
		return ""
	}
	return NodeName(name)
}

// kubeNodeForgotten: the Node object of the launch is not there any more, whatever the watch has said last.
func (c *Core) kubeNodeForgotten(name NodeName) {
	if n := c.nodes[name]; n != nil {
		n.forgotten = n.Phase == Gone
		c.unseen(n.Host, name)
	}
	for host := range c.strays {
		c.unseen(host, name)
	}
}

// unseen takes the Node object of the named launch out of what is known of a host.
func (c *Core) unseen(host Hostname, name NodeName) {
	if c.kube[host].ProviderID == name.ProviderID(c.meta.FrameworkID) {
		delete(c.kube, host)
		delete(c.strays, host)
		c.freed = true
	}
}
