package scheduler

import (
	"fmt"
	"slices"
	"strings"
)

// supply is all that one agent offers to one role: offers of one agent can be used together, of two roles not.
type supply struct {
	agent  AgentID
	host   Hostname
	addr   string
	role   Role
	place  Place
	offers []OfferID
	// resources of all the offers, in their order.
	resources []Resource
	// taken says why no pool can have a node here, whatever it needs; empty: one can.
	taken reason
	// occupant is the node that is on the host.
	occupant *node
	// shared: the agent offers to another role too, which may have nothing else; other is one of those supplies.
	shared bool
	other  *supply
	// refused says of each pool of the role that misses a node why it does not have it here.
	refused  []refusal
	answered bool
	// returned: reservations were given back in the answer.
	returned bool
}

// refusal is why a pool does not use a supply.
type refusal struct {
	pool *pool
	why  reason
}

func (s *supply) refuse(p *pool, why reason) { s.refused = append(s.refused, refusal{p, why}) }

// gather joins the offers of each agent and role, in the order of their first appearance.
func gather(offers []Offer) []*supply {
	supplies := make([]*supply, 0, len(offers))
	agents := make(map[AgentID]*supply, len(offers))
	room := make([]supply, len(offers))
	for i := range offers {
		o := &offers[i]
		first := agents[o.Agent]
		if same := first.ofRole(o.Role); same != nil {
			same.offers = append(same.offers, o.ID)
			same.resources = slices.Concat(same.resources, o.Resources)
			continue
		}
		s := &room[len(supplies)]
		// Host names are compared without case, and Kubernetes writes them in lower case.
		*s = supply{
			agent: o.Agent, host: Hostname(strings.ToLower(string(o.Host))), addr: o.Address, role: o.Role, offers: []OfferID{o.ID}, resources: o.Resources,
			place: Place{Attributes: o.Attributes, Region: o.Region, Zone: o.Zone}, other: first, shared: first != nil,
		}
		if first != nil {
			first.shared = true
		}
		agents[o.Agent] = s
		supplies = append(supplies, s)
	}
	return supplies
}

// ofRole finds the supply of a role among those of one agent.
func (s *supply) ofRole(role Role) *supply {
	for ; s != nil; s = s.other {
		if s.role == role {
			return s
		}
	}
	return nil
}

// share is how a pool may use an entry of an offer.
type share int

const (
	useless    share = iota
	own              // reserved dynamically by us for the pool
	reserved         // for the pool's role, by whomever
	unreserved       // or for a role above it
)

// shareOf says how a pool may use an entry. What is reserved by us for another pool, or carries our labels while the pool
// does not reserve, is not for it.
func shareOf(p *pool, framework FrameworkID, r *Resource) share {
	if r.Special != "" {
		return useless
	}
	accepts := func(role Role) bool {
		return len(p.AcceptedResourceRoles) == 0 || slices.Contains(p.AcceptedResourceRoles, role)
	}
	at := len(r.Reservations) - 1
	switch {
	case at < 0:
		if accepts("*") {
			return unreserved
		}
	case ownedBy(framework, r) == p.Name:
		if p.Reserve {
			return own
		}
	case ownedBy(framework, r) != "":
	case r.Reservations[at].Role == p.Role:
		if accepts(p.Role) {
			return reserved
		}
	case accepts("*") || accepts(p.Role):
		return unreserved // reserved for a role above ours: offered to us, and refined if we reserve
	}
	return useless
}

// cutter takes pieces out of a supply for one pool: first what is reserved for it already, then what is not.
type cutter struct {
	pool   *pool
	left   []Resource
	shares []share
}

func (s *supply) cutter(p *pool, framework FrameworkID) *cutter {
	c := &cutter{pool: p, left: slices.Clone(s.resources), shares: make([]share, len(s.resources))}
	for i := range c.left {
		c.shares[i] = shareOf(p, framework, &c.left[i])
	}
	return c
}

// take takes the amounts, entry by entry. why says what is short, and then the cutter is of no use any more; empty: nothing
// is.
func (c *cutter) take(want Resources) (taken []Resource, why string) {
	taken = make([]Resource, 0, 4)
	for _, need := range want.named() {
		missing := need.amount
		for _, from := range [...]share{own, reserved, unreserved} {
			for i := range c.left {
				entry := &c.left[i]
				if missing == 0 || entry.Name != need.name || c.shares[i] != from || entry.Amount <= 0 {
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
			return nil, fmt.Sprintf("%s short of %s", need.name, missing)
		}
	}
	return taken, ""
}

// ports takes the ports, each run of them from one entry.
func (c *cutter) ports(want Ranges) (taken []Resource, ok bool) {
	for _, each := range want {
		found := false
		for i := range c.left {
			entry := &c.left[i]
			if found || entry.Name != "ports" || c.shares[i] == useless {
				continue
			}
			if left, has := entry.Ranges.minus(Ranges{each}); has {
				part := *entry
				part.Ranges, entry.Ranges, found = Ranges{each}, left, true
				taken = append(taken, part)
			}
		}
		if !found {
			return nil, false
		}
	}
	return taken, true
}

// short says what one node of the pool lacks in the supply, without taking anything.
func (s *supply) short(p *pool, framework FrameworkID) reason {
	var has Resources
	for i := range s.resources {
		r := &s.resources[i]
		if r.Amount <= 0 || shareOf(p, framework, r) == useless {
			continue
		}
		switch r.Name {
		case "cpus":
			has.CPUs += r.Amount
		case "mem":
			has.Mem += r.Amount
		case "disk":
			has.Disk += r.Amount
		case "gpus":
			has.GPUs += r.Amount
		}
	}
	need := p.footprint()
	left := has.Minus(need)
	switch {
	case left.CPUs < 0:
		return reason{what: whyShort, detail: "cpus", need: need.CPUs, short: -left.CPUs}
	case left.Mem < 0:
		return reason{what: whyShort, detail: "mem", need: need.Mem, short: -left.Mem}
	case left.Disk < 0:
		return reason{what: whyShort, detail: "disk", need: need.Disk, short: -left.Disk}
	case left.GPUs < 0:
		return reason{what: whyShort, detail: "gpus", need: need.GPUs, short: -left.GPUs}
	}
	if len(p.Ports) > 0 {
		if _, ok := s.cutter(p, framework).ports(p.Ports); !ok {
			return reason{what: "the agent does not offer all of the pool's ports ", detail: p.Ports.String()}
		}
	}
	return reason{}
}

// room is what the supply has of cpus and memory, for the choice of the best fit.
func (s *supply) room() (cpus, mem Amount) {
	for i := range s.resources {
		switch s.resources[i].Name {
		case "cpus":
			cpus += s.resources[i].Amount
		case "mem":
			mem += s.resources[i].Amount
		}
	}
	return cpus, mem
}

// reason is why a supply was not used. It is made for each agent and pool, and written out for those that somebody reads.
type reason struct {
	what   string
	detail string
	need   Amount
	short  Amount
	// fixed: it holds as long as pool and agent are what they are.
	fixed bool
}

const whyShort = "short"

// String is the reason for people; empty: there is none.
func (r reason) String() string {
	if r.what == whyShort {
		return fmt.Sprintf("%s: the pool needs %s, overhead included, %s short", r.detail, r.need, r.short)
	}
	return r.what + r.detail
}
