package scheduler

import (
	"fmt"
	"strings"
	"time"
)

// Refusal says why an agent's offer was not used for a pool that missed a node.
type Refusal struct {
	At   time.Time
	Host Hostname
	Why  string
}

// supply is all that one agent offers to one role: offers of one agent can be used together, of two roles not.
type supply struct {
	agent  AgentID
	host   Hostname
	addr   string
	role   Role
	offers []OfferID
	// resources of all the offers, in their order.
	resources []Resource
}

// placeMissing answers the offers of this Step, all of them and each once: the first pool, by name, that misses a node
// and can use an agent launches on it. Offers are never kept for later: there is no cache that could be stale.
func (c *Core) placeMissing(now time.Time) {
	supplies := gather(c.offers)
	for _, s := range supplies {
		c.superseded(now, s)
	}
	demand := c.demand(now)
	for _, s := range supplies {
		c.place(now, s, demand)
	}
}

// gather joins the offers of each agent and role, in the order of their first appearance.
func gather(offers []Offer) []*supply {
	type key struct {
		agent AgentID
		role  Role
	}
	var supplies []*supply
	index := make(map[key]*supply, len(offers))
	for _, o := range offers {
		at := key{o.Agent, o.Role}
		s := index[at]
		if s == nil {
			// Host names are compared without case, and Kubernetes writes them in lower case.
			s = &supply{agent: o.Agent, host: Hostname(strings.ToLower(string(o.Host))), addr: o.Address, role: o.Role}
			index[at] = s
			supplies = append(supplies, s)
		}
		s.offers = append(s.offers, o.ID)
		s.resources = append(s.resources, o.Resources...)
	}
	return supplies
}

// superseded ends a node whose agent is lost and whose host now offers under another agent ID: the old ID cannot come
// back. That Kubernetes still says Ready would be a sign of life, and then nothing is concluded.
func (c *Core) superseded(now time.Time, s *supply) {
	n := c.hosts[s.host]
	if n == nil || n.Agent == s.agent || n.Phase != Unreachable || c.kube[s.host].Ready {
		return
	}
	c.move(now, n, Gone, fmt.Sprintf("its agent %s is lost, and host %s has the new agent %s", n.Agent, s.host, s.agent))
}

// place launches a node on the supply, and lowers the demand, or declines it.
func (c *Core) place(now time.Time, s *supply, demand map[PoolName]int) {
	refuse, reasons := c.config.RefuseIdle, []string(nil)
	for _, name := range c.poolNames() {
		p := c.pools[name]
		if p.Role != s.role || demand[name] <= 0 {
			delete(p.refusals, s.agent)
			continue
		}
		why := c.unfit(now, p, s)
		if why == "" {
			var task, executor []Resource
			if task, executor, why = carve(p, s.resources); why == "" {
				delete(p.refusals, s.agent)
				c.launch(now, p, s, task, executor)
				demand[name]--
				return
			}
		}
		p.refusals[s.agent] = Refusal{At: now, Host: s.host, Why: why}
		refuse = c.config.RefuseUnfit
		if wait := p.launchAfter.Sub(now); wait > 0 && wait < refuse {
			refuse = wait
		}
		reasons = append(reasons, fmt.Sprintf("pool %s: %s", p.Name, why))
	}
	why := "no pool of the role misses a node"
	if len(reasons) > 0 {
		why = strings.Join(reasons, "; ")
	}
	c.call(Decline{Offers: s.offers, Refuse: refuse, Why: fmt.Sprintf("host %s: %s", s.host, why)})
}

// unfit says why the pool cannot have a node on this agent now, resources aside; empty: it can.
func (c *Core) unfit(now time.Time, p *pool, s *supply) string {
	if !c.kubeSynced {
		return "the Kubernetes API server has not answered since the start: is it reachable?"
	}
	if now.Before(p.launchAfter) {
		return fmt.Sprintf("after %d failures in a row the next launch is not before %s", p.failures, p.launchAfter.UTC().Format(time.RFC3339))
	}
	if n := c.hosts[s.host]; n != nil {
		return fmt.Sprintf("the host has node %s (%s)", n.Name, n.Phase)
	}
	if seen, there := c.kube[s.host]; there {
		return fmt.Sprintf("a Kubernetes Node %s exists (providerID %q) that is no node of ours: "+
			"stop its kubelet and delete it, to have a node here", s.host, seen.ProviderID)
	}
	for _, o := range c.orphans {
		if o.agent == s.agent {
			return "a task without a record still runs on the agent"
		}
	}
	return ""
}

// carve takes what a node of the pool needs out of an agent's resources: first what is reserved for the pool's role,
// then what is unreserved. why says what is short; empty: nothing is.
func carve(p *pool, offered []Resource) (task, executor []Resource, why string) {
	left := make([]Resource, len(offered))
	copy(left, offered)
	take := func(want Resources) ([]Resource, string) {
		var taken []Resource
		for _, need := range want.named() {
			missing := need.amount
			for _, reserved := range [...]bool{true, false} {
				for i := range left {
					entry := &left[i]
					if missing == 0 || entry.Name != need.name || entry.Special != "" || entry.Amount <= 0 || (len(entry.Reservations) > 0) != reserved {
						continue
					}
					part := *entry
					part.Amount = min(entry.Amount, missing)
					entry.Amount -= part.Amount
					missing -= part.Amount
					taken = append(taken, part)
				}
			}
			if missing > 0 {
				return nil, fmt.Sprintf("%s: the pool needs %s, overhead included, %s short", need.name, p.amount(need.name), missing)
			}
		}
		return taken, ""
	}
	if task, why = take(p.Resources); why != "" {
		return nil, nil, why
	}
	if executor, why = take(p.Overhead); why != "" {
		return nil, nil, why
	}
	return task, executor, ""
}

// amount is what one node of the pool takes of the named resource.
func (p *pool) amount(name string) Amount {
	for _, each := range p.footprint().named() {
		if each.name == name {
			return each.amount
		}
	}
	return 0
}

// launch records a new node and asks for it.
func (c *Core) launch(now time.Time, p *pool, s *supply, task, executor []Resource) {
	c.meta.Counter++
	c.dirtyMeta = true
	name := nodeName(p.Name, c.meta.Counter)
	first := name.Task(1)
	n := &node{
		Node: Node{
			Name: name, Pool: p.Name, Agent: s.agent, Host: s.host, Address: s.addr,
			Tasks:    []Task{{ID: first, Resources: p.Resources}},
			Overhead: p.Overhead, Role: p.Role, Drain: p.Drain,
			Launched: now, Phase: Launching, Since: now, Why: "launched; waiting for the executor",
		},
		number: c.meta.Counter,
		ask:    now.Add(time.Duration(p.LaunchTimeout)),
	}
	c.nodes[name], c.hosts[s.host] = n, n
	c.order = append(c.order, n)
	c.dirtyNodes[name] = true
	c.note(Note{Node: name, Pool: p.Name, Agent: s.agent, Text: fmt.Sprintf("Launching on host %s: %s for pods, %s for executor and kubelet", s.host, p.Resources, p.Overhead)})
	c.call(Accept{
		Agent: s.agent, Offers: s.offers, Refuse: c.config.RefuseIdle,
		Launches: []Launch{{
			Node: n.Node, Pool: p.Pool, Task: first, ProviderID: name.ProviderID(c.meta.FrameworkID),
			TaskResources: task, ExecutorResources: executor,
		}},
		Why: fmt.Sprintf("pool %s misses a node", p.Name),
	})
}

// counts reports whether the node is one of those that its pool wants: a retired one is not, and an unreachable one is
// only for a while.
func (c *Core) counts(n *node, now time.Time) bool {
	if n.retired() {
		return false
	}
	return n.Phase != Unreachable || now.Before(n.Since.Add(time.Duration(c.pools[n.Pool].UnreachableAfter)))
}

// tally counts a pool's nodes.
type tally struct{ counted, notReady, retired int }

func (c *Core) census(p *pool, now time.Time) tally {
	var t tally
	for _, n := range c.order {
		if n.Pool != p.Name {
			continue
		}
		if c.counts(n, now) {
			t.counted++
		}
		if n.Phase == NotReady {
			t.notReady++
		}
		if n.Phase == Draining || n.Phase == Stopping {
			t.retired++
		}
	}
	return t
}

// demand is how many nodes each pool wants beyond those it has; pools that want none are left out.
func (c *Core) demand(now time.Time) map[PoolName]int {
	demand := map[PoolName]int{}
	for name, p := range c.pools {
		if missing := p.Nodes - c.census(p, now).counted; missing > 0 {
			demand[name] = missing
		}
	}
	return demand
}
