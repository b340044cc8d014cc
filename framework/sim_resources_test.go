package framework

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"

	"k8s-framework/scheduler"
)

// simBag is an amount of resources as a master counts them: entries of one name and one stack of reservations are one. It is
// sorted by both.
type simBag []simEntry

type simEntry struct {
	name         string
	reservations []scheduler.Reservation
	amount       scheduler.Amount
	ports        uint64 // a bit for each, from simFirstPort on
}

// simFirstPort is the first of the 64 ports that a simulated agent may have.
const simFirstPort = 31000

func newSimBag(entries ...[]scheduler.Resource) *simBag {
	b := &simBag{}
	for _, each := range entries {
		for _, r := range each {
			b.add(r)
		}
	}
	return b
}

func (b *simBag) clone() *simBag {
	copied := slices.Clone(*b)
	return &copied
}

// compare orders entries by their names, and those of one name by their reservations.
func (e simEntry) compare(other simEntry) int {
	return cmp.Or(cmp.Compare(e.name, other.name), slices.CompareFunc(e.reservations, other.reservations, func(x, y scheduler.Reservation) int {
		return cmp.Or(cmp.Compare(x.Role, y.Role), cmp.Compare(x.Principal, y.Principal), slices.CompareFunc(x.Labels, y.Labels, func(p, q scheduler.Label) int {
			return cmp.Or(cmp.Compare(p.Key, q.Key), cmp.Compare(p.Value, q.Value))
		}))
	}))
}

// entry is a resource of an offer as the master counts it.
func simEntryOf(r scheduler.Resource) simEntry {
	e := simEntry{name: r.Name, reservations: r.Reservations, amount: r.Amount}
	for _, each := range r.Ranges {
		for port := each.Begin; port <= each.End; port++ {
			e.ports |= 1 << (port - simFirstPort)
		}
	}
	return e
}

func (b *simBag) add(r scheduler.Resource) {
	e := simEntryOf(r)
	at, found := slices.BinarySearchFunc(*b, e, simEntry.compare)
	if !found {
		*b = slices.Insert(*b, at, e)
		return
	}
	(*b)[at].amount += e.amount
	(*b)[at].ports |= e.ports
}

// take removes entries, all or none; short names the first that is not there.
func (b *simBag) take(entries []scheduler.Resource) (short string) {
	want := newSimBag(entries)
	if short = b.without(want); short != "" {
		return short
	}
	for _, e := range *want {
		if at, found := slices.BinarySearchFunc(*b, e, simEntry.compare); found {
			(*b)[at].amount -= e.amount
			(*b)[at].ports &^= e.ports
		}
	}
	return ""
}

// without names something of another bag that is not in this one; empty: all of it is.
func (b *simBag) without(other *simBag) string {
	for _, want := range *other {
		var have simEntry
		if at, found := slices.BinarySearchFunc(*b, want, simEntry.compare); found {
			have = (*b)[at]
		}
		switch {
		case want.amount > have.amount:
			return fmt.Sprintf("%s of %s %v, of which there are %s", want.amount, want.name, want.reservations, have.amount)
		case want.ports&^have.ports != 0:
			return fmt.Sprintf("port %d of %v", simFirstPort+bits.TrailingZeros64(want.ports&^have.ports), want.reservations)
		}
	}
	return ""
}

// entries lists what is there for a role: what is reserved for it, and what is not reserved.
func (b *simBag) entries(role scheduler.Role) []scheduler.Resource {
	all := make([]scheduler.Resource, 0, len(*b))
	for _, e := range *b {
		if last := len(e.reservations) - 1; last >= 0 && e.reservations[last].Role != role {
			continue
		}
		if e.amount > 0 || e.ports != 0 {
			all = append(all, scheduler.Resource{Name: e.name, Amount: e.amount, Ranges: e.ranges(), Role: role, Reservations: e.reservations})
		}
	}
	return all
}

// ranges are the entry's ports.
func (e simEntry) ranges() scheduler.Ranges {
	var ranges scheduler.Ranges
	for left := e.ports; left != 0; left &= left - 1 {
		port := uint64(simFirstPort + bits.TrailingZeros64(left))
		if last := len(ranges) - 1; last >= 0 && ranges[last].End+1 == port {
			ranges[last].End = port
		} else {
			ranges = append(ranges, scheduler.Range{Begin: port, End: port})
		}
	}
	return ranges
}

// simUnreserved is an entry without its last reservation, which is what RESERVE makes and UNRESERVE takes away.
func simUnreserved(r scheduler.Resource) scheduler.Resource {
	r.Reservations = slices.Clone(r.Reservations[:max(len(r.Reservations)-1, 0)])
	return r
}
