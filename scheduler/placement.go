package scheduler

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
)

// refused is why the pools that missed a node did not use an agent's last offers to a role.
type refused struct {
	at   time.Time
	host Hostname
	by   []refusal
}

// offeredTo is an agent and the role that it offers to.
type offeredTo struct {
	agent AgentID
	role  Role
}

// placeMissing answers the offers of this Step, all of them and each once: nodes grow, pools launch what they miss, in the
// order of their names, reservations that nobody owns are given back, and the rest is declined with its reason. Offers are
// never kept for later: there is no cache that could be stale.
func (c *Core) placeMissing(now time.Time) {
	if len(c.offers) == 0 {
		c.watchReturns(now, nil)
		return
	}
	supplies := gather(c.offers)
	for _, s := range supplies {
		c.succeeded(s)
	}
	c.judgeLost(now)
	c.count(now)
	blocked := c.orphanAgents()
	room := make([]refusal, len(supplies)*len(c.pools)) // of all supplies, in one piece
	for i, s := range supplies {
		s.refused = room[i*len(c.pools) : i*len(c.pools) : (i+1)*len(c.pools)]
		c.look(s, blocked)
		s.answered = s.occupant != nil && c.grow(now, s)
	}
	for _, name := range c.poolNames() {
		c.placePool(now, c.pools[name], supplies)
	}
	c.remember(now, supplies)
	c.declineRest(now, supplies)
	c.watchReturns(now, supplies)
}

// orphanAgents are the agents on which a task without a record runs.
func (c *Core) orphanAgents() map[AgentID]bool {
	agents := make(map[AgentID]bool, len(c.orphans))
	for _, o := range c.orphans {
		agents[o.agent] = true
	}
	return agents
}

// succeeded notes that the host of a node whose agent is lost offers under another agent ID: the old ID cannot come back.
// Whether the node's processes live on all the same is for its kubelet to show (witness.go).
func (c *Core) succeeded(s *supply) {
	n := c.hosts[s.host]
	if n != nil && n.Agent != s.agent && n.agentLost && n.Phase != Gone && n.successor != s.agent {
		n.successor = s.agent
		c.touch(n)
	}
}

// look says why no pool can have a node on the supply, whatever it needs.
func (c *Core) look(s *supply, blocked map[AgentID]bool) {
	s.occupant = c.hosts[s.host]
	switch {
	case !c.kubeSynced:
		s.taken = reason{what: "the Kubernetes API server has not answered since the start: is it reachable?"}
	case s.occupant != nil:
		s.taken = reason{what: "the host has node ", detail: string(s.occupant.Name)}
	case blocked[s.agent]:
		s.taken = reason{what: "a task without a record still runs on the agent"}
	default:
		if seen, there := c.kube[s.host]; there {
			s.taken = reason{what: fmt.Sprintf("a Kubernetes Node %s exists (providerID %q) that is no node of ours: "+
				"stop its kubelet and delete it, to have a node here", s.host, seen.ProviderID)}
		}
	}
}

// placePool launches what one pool misses on the supplies of its role, and notes why others do not do.
func (c *Core) placePool(now time.Time, p *pool, supplies []*supply) {
	missing := c.missing(p, now)
	if missing <= 0 {
		return
	}
	var fit []*supply
	for _, s := range supplies {
		if s.answered || p.Role != s.role {
			continue
		}
		if why := c.unfit(now, p, s); why != (reason{}) {
			s.refuse(p, why)
		} else {
			fit = append(fit, s)
		}
	}
	if len(fit) > 0 {
		c.choose(now, p, fit, missing)
	}
}

// unfit says why the pool cannot have a node on this agent now, other nodes of the pool aside; none: it can.
func (c *Core) unfit(now time.Time, p *pool, s *supply) reason {
	if s.taken != (reason{}) {
		return s.taken
	}
	if now.Before(p.launchAfter) {
		return reason{what: fmt.Sprintf("after %d failures in a row the next launch is not before %s", p.failures, p.launchAfter.UTC().Format(time.RFC3339))}
	}
	if w := c.maintenance[s.agent]; w != nil && !now.Before(w.from.Add(-time.Duration(p.MaintenanceHorizon))) {
		return reason{what: "maintenance of the agent is planned from ", detail: w.from.UTC().Format(time.RFC3339)}
	}
	for i := range p.constraints {
		if why := p.constraints[i].refuses(s.host, &s.place); why != (reason{}) {
			return why
		}
	}
	return s.short(p, c.meta.FrameworkID)
}

// candidate is a supply on which the pool could launch.
type candidate struct {
	*supply
	own       bool // has a reservation of the pool
	cpus, mem Amount
}

// compare orders the candidates of a group: the ones to launch on first are first. It is called so often that it looks at no
// more than it must.
func (a candidate) compare(b candidate) int {
	switch {
	case a.own != b.own:
		return byTruth(b.own, a.own)
	case a.shared != b.shared:
		return byTruth(a.shared, b.shared)
	case a.cpus != b.cpus:
		return cmp.Compare(a.cpus, b.cpus)
	case a.mem != b.mem:
		return cmp.Compare(a.mem, b.mem)
	default:
		return cmp.Compare(a.agent, b.agent)
	}
}

// choose launches up to missing nodes: first where the pool has its own reservations, then in the zone (or group) that has
// the fewest of the pool's nodes, there on an agent that offers to no other role, on the one that has the least to spare,
// and by the agent's ID where all is equal.
func (c *Core) choose(now time.Time, p *pool, fit []*supply, missing int) {
	groups := map[string][]candidate{}
	for _, s := range fit {
		one := candidate{supply: s}
		one.cpus, one.mem = s.room()
		one.own = p.Reserve && slices.ContainsFunc(s.resources, func(r Resource) bool { return ownedBy(c.meta.FrameworkID, &r) == p.Name })
		group := groupOf(p, s.host, &s.place)
		groups[group] = append(groups[group], one)
	}
	for _, group := range groups {
		slices.SortFunc(group, candidate.compare)
	}
	counts := map[string]int{}
	for _, n := range c.order {
		if n.pool == p && !n.retired() {
			counts[groupOf(p, n.Host, &n.Place)]++
		}
	}
	spread, names := c.spreadOf(p), sortedKeys(groups)
	for missing > 0 && len(names) > 0 {
		at := nextGroup(names, groups, counts)
		group := names[at]
		s := groups[group][0].supply
		if groups[group] = groups[group][1:]; len(groups[group]) == 0 {
			names = slices.Delete(names, at, at+1)
		}
		why := spread.refuses(s.host, &s.place)
		if why == (reason{}) {
			why = c.launch(now, p, s)
		}
		if why != (reason{}) {
			s.refuse(p, why)
			continue
		}
		missing--
		counts[group]++
		spread.add(s.host, &s.place)
	}
}

// nextGroup is the index of the group to launch in next: one with a reservation of the pool, else the one with the fewest
// nodes, else the first by name.
func nextGroup(names []string, groups map[string][]candidate, counts map[string]int) int {
	best := 0
	for i, name := range names[1:] {
		first, other := groups[names[best]][0].own, groups[name][0].own
		if other && !first || other == first && counts[name] < counts[names[best]] {
			best = i + 1
		}
	}
	return best
}

// byTruth orders false before true.
func byTruth(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// launch records a new node on the supply and asks for it; the reason says what is short.
func (c *Core) launch(now time.Time, p *pool, s *supply) reason {
	if other := c.hosts[s.host]; other != nil { // launched in this Step, on an offer to another role
		return reason{what: "the host has node ", detail: string(other.Name)}
	}
	cut := s.cutter(p, c.meta.FrameworkID)
	task, why := cut.take(p.Resources)
	if why != "" {
		return reason{what: why}
	}
	executor, why := cut.take(p.Overhead)
	if why != "" {
		return reason{what: why}
	}
	ports, ok := cut.ports(p.Ports)
	if !ok {
		return reason{what: "the agent does not offer all of the pool's ports ", detail: p.Ports.String()}
	}
	executor = append(executor, ports...)
	c.meta.Counter++
	c.dirtyMeta = true
	name := nodeName(p.Name, c.meta.Counter)
	first := name.Task(1)
	n := &node{
		Node: Node{
			Name: name, Pool: p.Name, Agent: s.agent, Host: s.host, Address: s.addr, Version: p.Rollout.Version,
			Tasks: []Task{{ID: first, Resources: p.Resources}}, LastTask: 1,
			Executor: Executor{
				Overhead: p.Overhead, Ports: p.Ports, Role: p.Role, Labels: p.Labels, Taints: p.Taints, Kubelet: p.Kubelet, KubeletProgram: p.KubeletProgram,
				Drain: p.Drain, Health: p.Health, FenceAfter: p.FenceAfter, Setup: c.config.Setup,
			},
			Place: s.place, Marks: Marks{Labels: p.Labels, Taints: p.Taints}, Reserved: p.Reserve,
			Launched: now, Phase: Launching, Since: now, Why: "launched; waiting for the executor",
		},
		number: c.meta.Counter,
		ask:    now.Add(time.Duration(p.LaunchTimeout)),
	}
	n.pool = p
	reserveTask, task := c.reserve(n, task)
	reserveExecutor, executor := c.reserve(n, executor)
	n.Executor.Resources = executor
	c.add(n)
	delete(p.awaited, n.Host)
	c.changed(n)
	c.note(Note{Node: name, Pool: p.Name, Agent: s.agent, Text: "Launching on host " + string(s.host) + ": " + p.sizes})
	c.accept(now, s, Accept{
		Reserve:  append(reserveTask, reserveExecutor...),
		Launches: []Launch{{Node: n.Node, Task: first, ProviderID: name.ProviderID(c.meta.FrameworkID), TaskResources: task}},
		Refuse:   c.config.RefuseIdle,
		Why:      "pool " + string(p.Name) + " misses a node",
	}, cut)
	return reason{}
}

// accept answers a supply; reservations in what is left of it that nobody owns are given back along.
func (c *Core) accept(now time.Time, s *supply, call Accept, cut *cutter) {
	s.answered, s.occupant = true, c.hosts[s.host]
	call.Agent, call.Offers = s.agent, s.offers
	call.Unreserve = c.leftover(now, s, cut.left)
	s.returned = len(call.Unreserve) > 0
	c.call(call)
}

// remember keeps the last reasons for status.
func (c *Core) remember(now time.Time, supplies []*supply) {
	if len(c.refusals) == 0 {
		c.refusals = make(map[offeredTo]refused, len(supplies))
	}
	for _, s := range supplies {
		at := offeredTo{s.agent, s.role}
		if len(s.refused) > 0 && !s.answered {
			c.refusals[at] = refused{now, s.host, slices.Clone(s.refused)} // not to keep the room of all
		} else if len(c.refusals) > 0 {
			delete(c.refusals, at)
		}
	}
}

// declines is one DECLINE in the making.
type declines struct {
	call  Decline
	why   string
	hosts []Hostname
}

// declineRest declines what was not used, with its reasons: in as few calls as there are different ones.
func (c *Core) declineRest(now time.Time, supplies []*supply) {
	var calls []*declines
	index := map[string]*declines{}
	reasons := map[refusal]uint32{} // a number for each different one
	var key []byte
	for _, s := range supplies {
		if s.answered || c.giveBack(now, s) {
			continue
		}
		refuse := c.refuseFor(now, s)
		key = binary.BigEndian.AppendUint64(key[:0], uint64(refuse))
		for _, r := range s.refused {
			number, known := reasons[r]
			if !known {
				number = uint32(len(reasons))
				reasons[r] = number
			}
			key = binary.BigEndian.AppendUint32(key, number)
		}
		d := index[string(key)]
		if d == nil {
			d = &declines{call: Decline{Refuse: refuse}, why: whyNot(s)}
			index[string(key)] = d
			calls = append(calls, d)
		}
		d.call.Offers = append(d.call.Offers, s.offers...)
		d.hosts = append(d.hosts, s.host)
	}
	for _, d := range calls {
		d.call.Why = fmt.Sprintf("%s: %s", nameSome(d.hosts), d.why)
		c.call(d.call)
	}
}

// whyNot says in words why a supply is declined.
func whyNot(s *supply) string {
	if len(s.refused) == 0 {
		return "no pool of the role misses a node"
	}
	parts := make([]string, len(s.refused))
	for i, r := range s.refused {
		parts[i] = fmt.Sprintf("pool %s: %s", r.pool.Name, r.why)
	}
	return strings.Join(parts, "; ")
}

// refuseFor is for how long a supply is refused: long, unless a pool may want it as it is when something has passed.
func (c *Core) refuseFor(now time.Time, s *supply) time.Duration {
	refuse := c.config.RefuseIdle
	staying := s.occupant != nil && !s.occupant.retired() && !s.occupant.resizes()
	for _, r := range s.refused {
		if staying && r.pool.Nodes == All || r.why.fixed {
			continue // it has its node here; or only an edit changes the reason, and that revives
		}
		refuse = min(refuse, c.config.RefuseUnfit)
		if wait := r.pool.launchAfter.Sub(now); wait > 0 && wait < refuse {
			refuse = wait
		}
	}
	if s.occupant != nil && s.occupant.resizes() {
		refuse = min(refuse, c.config.RefuseUnfit)
	}
	return refuse
}

// nameSome names hosts for people: all of a few, else the first and how many more.
func nameSome(hosts []Hostname) string {
	const most = 3
	switch {
	case len(hosts) == 1:
		return "host " + string(hosts[0])
	case len(hosts) <= most:
		return "hosts " + join(hosts)
	default:
		return fmt.Sprintf("hosts %s and %d more", join(hosts[:most]), len(hosts)-most)
	}
}
