package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// observe folds one event into what is known. It decides nothing: which node moves because of a fact stands here and in
// observe_task.go and observe_kube.go, what to do about it stands in rules.go.
func (c *Core) observe(now time.Time, event Event) {
	switch e := event.(type) {
	case Subscribed:
		c.subscribed(now, e)
	case Removed:
		c.removed(e)
	case Disconnected:
		c.connected = false
		c.note(Note{Alarm: true, Text: "the subscription to the Mesos master ended: " + e.Why})
	case Offered:
		c.offered(now, e.Offers)
	case TaskUpdated:
		c.taskUpdated(now, e)
	case ExecutorEnded:
		c.executorEnded(e)
	case ExecutorDraining:
		if n := c.nodes[e.Node]; n != nil && n.leaving == "" {
			c.leaves(n, e.Why)
		}
	case ExecutorWaits:
		if n := c.nodes[e.Node]; n != nil && n.resize.waits != e.For {
			n.resize.waits = e.For
			c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Text: "its executor waits: " + e.For})
		}
	case AgentRemoved:
		maps.DeleteFunc(c.refusals, func(at offeredTo, _ refused) bool { return at.agent == e.Agent })
		c.note(Note{Agent: e.Agent, Text: "Mesos removed the agent; its tasks' updates follow"})
	case InverseOffered:
		for _, o := range e.Offers {
			c.inverseOffered(now, o)
		}
	case InverseRescinded:
		c.inverse = slices.DeleteFunc(c.inverse, func(o InverseOffer) bool { return o.ID == e.Offer })
		for _, w := range c.maintenance {
			if w.inverse == e.Offer {
				w.doubt(now)
			}
		}
	case Asked:
		c.asked(now, e)
	case CallFailed:
		c.callFailed(now, e)
	case TokenWanted, TokenIssued, TokenRevoked, CertificateRequested, CertificateSettled, NodeWelcomed:
		c.observeIdentity(now, e)
	case Ticked:
	default:
		c.observeKube(now, event)
	}
}

// offered takes offers, and the maintenance that they announce. An offer without any puts an earlier one in doubt.
func (c *Core) offered(now time.Time, offers []Offer) {
	c.offers = append(c.offers, offers...)
	for i := range offers {
		o := &offers[i]
		switch w := c.maintenance[o.Agent]; {
		case o.UnavailableFrom != 0:
			c.announce(o.Agent, o.UnavailableFrom, now.Add(c.config.RefuseIdle+maintenanceSettle))
		case w != nil:
			w.doubt(now)
		}
	}
}

// leaves notes that Mesos ends a node whatever we think.
func (c *Core) leaves(n *node, why string) {
	n.leaving = why
	c.leaving = append(c.leaving, n)
	c.touch(n)
}

// subscribed begins a subscription: filters, suppression and offers of before are void, and nothing that Mesos has not
// said since is certain.
func (c *Core) subscribed(now time.Time, e Subscribed) {
	switch {
	case c.meta.FrameworkID == "":
		c.meta.FrameworkID = e.Framework
		c.dirtyMeta = true
	case c.meta.FrameworkID != e.Framework:
		c.plan.Fatal = fmt.Sprintf("the Mesos master %s subscribed us as framework %s, but we are %s: "+
			"check that --master names the cluster on which this framework's nodes run", e.Master, e.Framework, c.meta.FrameworkID)
		return
	}
	c.note(Note{Text: fmt.Sprintf("subscribed to the Mesos master %s as framework %s", e.Master, e.Framework)})
	c.connected, c.master = true, e.Master
	clear(c.suppressed)
	c.offers, c.inverse, c.unanswered = nil, nil, nil
	for _, w := range c.maintenance {
		w.until = now.Add(maintenanceSettle)
	}
	c.awaitReturnsAgain()
	c.freed = false // a new subscription is offered everything anyway
	c.reconcileNext = now
	for _, n := range c.order {
		n.asked = 0
		n.kill.next = now
		c.touch(n)
	}
}

// removed ends the process: with nodes recorded, a new framework ID would lose them.
func (c *Core) removed(e Removed) {
	if c.meta.Teardown == TornDown {
		c.meta.FrameworkID = ""
		c.dirtyMeta = true
		c.plan.Fatal = "the framework was torn down by an operator's command: nothing is left of it in Mesos"
		return
	}
	if len(c.nodes) > 0 {
		c.plan.Fatal = fmt.Sprintf("the Mesos master refuses framework ID %s (%s) while %d nodes are recorded: Mesos has ended or is ending their tasks. "+
			"Check with the agents that no kubelet of this framework runs, delete the node records below the nodes znode, and start again to get a new framework ID",
			c.meta.FrameworkID, e.Why, len(c.nodes))
		return
	}
	c.plan.Fatal = fmt.Sprintf("the Mesos master refuses framework ID %s (%s); no node is recorded, so it was forgotten: start again to get a new one", c.meta.FrameworkID, e.Why)
	c.meta.FrameworkID = ""
	c.dirtyMeta = true
}
