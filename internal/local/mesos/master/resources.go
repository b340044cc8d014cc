package master

import (
	"math"
	"slices"
	"sort"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// resources are amounts of distinct things, in the order in which they were added. Scalars are whole thousandths, as
// Mesos compares them. Operations return new values; the receiver is not changed.
type resources []resource

// resource is an amount of one thing: a name with its type, its reservations and whatever else tells it from others.
type resource struct {
	key    string          // name, type, reservations, disk, …: what must be equal for amounts to be added
	role   string          // to which role it is allocated, "" for none
	kind   *mesos.Resource // the thing, without amount and allocation; shared, never changed
	milli  int64           // for scalars
	exact  float64         // the scalar as it was said, until something is added or taken away: only then Mesos rounds it
	ranges []mesos.Value_Range
	items  []string
}

// fromProto reads resources, adding up what is the same thing and leaving out what is zero.
func fromProto(list []mesos.Resource) resources {
	if len(list) == 0 {
		return nil
	}
	all := make(resources, 0, len(list))
	for i := range list {
		all = all.add(oneFromProto(&list[i]))
	}
	return all
}

func oneFromProto(r *mesos.Resource) resource {
	one := resource{role: r.GetAllocationInfo().GetRole()}
	switch {
	case r.Scalar != nil:
		one.milli, one.exact = int64(math.Round(r.Scalar.Value*1000)), r.Scalar.Value
	case r.Ranges != nil:
		one.ranges = squash(r.Ranges.Range)
	case r.Set != nil:
		one.items = append(one.items, r.Set.Item...)
	}
	kind := *r
	kind.Scalar, kind.Ranges, kind.Set, kind.AllocationInfo, kind.Role = nil, nil, nil, nil, nil
	if r.Reservation != nil || (r.Role != nil && *r.Role != "*" && len(r.Reservations) == 0) {
		kind.Reservations = []mesos.Resource_ReservationInfo{refined(r)}
		kind.Reservation = nil
	}
	one.kind = &kind
	one.key = keyOf(&kind)
	return one
}

// refined is the one reservation that the older format (role and reservation) says.
func refined(r *mesos.Resource) mesos.Resource_ReservationInfo {
	info := mesos.Resource_ReservationInfo{Type: mesos.Resource_ReservationInfo_STATIC.Enum(), Role: r.Role}
	if r.Reservation != nil {
		info.Type = mesos.Resource_ReservationInfo_DYNAMIC.Enum()
		info.Principal, info.Labels = r.Reservation.Principal, r.Reservation.Labels
	}
	return info
}

func keyOf(kind *mesos.Resource) string {
	if len(kind.Reservations) == 0 && kind.Disk == nil && kind.Revocable == nil && kind.Shared == nil && kind.ProviderID == nil {
		return kind.Name
	}
	b, err := kind.Marshal()
	if err != nil {
		return kind.Name + "?" // cannot be: what was read can be written
	}
	return string(b)
}

// proto is the amount as a message.
func (r *resource) proto() mesos.Resource {
	p := *r.kind
	switch {
	case r.kind.GetType() == mesos.RANGES:
		p.Ranges = &mesos.Value_Ranges{Range: r.ranges}
	case r.kind.GetType() == mesos.SET:
		p.Set = &mesos.Value_Set{Item: r.items}
	default:
		p.Scalar = &mesos.Value_Scalar{Value: r.exact}
	}
	if r.role != "" {
		role := r.role
		p.AllocationInfo = &mesos.Resource_AllocationInfo{Role: &role}
	}
	return p
}

func (all resources) proto() []mesos.Resource {
	if len(all) == 0 {
		return nil
	}
	list := make([]mesos.Resource, len(all))
	for i := range all {
		list[i] = all[i].proto()
	}
	return list
}

func (r *resource) empty() bool { return r.milli == 0 && len(r.ranges) == 0 && len(r.items) == 0 }

func (r *resource) setMilli(milli int64) { r.milli, r.exact = milli, float64(milli)/1000 }

func (r *resource) same(o *resource) bool { return r.role == o.role && r.key == o.key }

// plusOne adds an amount.
func (all resources) plusOne(one resource) resources { return slices.Clone(all).add(one) }

func (all resources) plus(others resources) resources {
	sum := slices.Grow(slices.Clone(all), len(others))
	for _, one := range others {
		sum = sum.add(one)
	}
	return sum
}

// add changes the receiver, which nobody else has.
func (all resources) add(one resource) resources {
	if one.empty() {
		return all
	}
	for i := range all {
		if !all[i].same(&one) {
			continue
		}
		all[i].setMilli(all[i].milli + one.milli)
		all[i].ranges = squash(append(slices.Clone(all[i].ranges), one.ranges...))
		all[i].items = append(slices.Clone(all[i].items), one.items...)
		if all[i].empty() {
			return slices.Delete(all, i, i+1)
		}
		return all
	}
	return append(all, one)
}

// minus takes away what is there; an amount that is larger than what is there leaves nothing of it.
func (all resources) minus(others resources) resources {
	left := slices.Clone(all)
	for _, one := range others {
		for i := range left {
			if !left[i].same(&one) {
				continue
			}
			left[i].setMilli(max(0, left[i].milli-one.milli))
			left[i].ranges = withoutRanges(left[i].ranges, one.ranges)
			left[i].items = slices.DeleteFunc(slices.Clone(left[i].items), func(s string) bool { return slices.Contains(one.items, s) })
			if left[i].empty() {
				left = slices.Delete(left, i, i+1)
			}
			break
		}
	}
	return left
}

// contains says whether all amounts of others are there.
func (all resources) contains(others resources) bool {
	for i := range others {
		if !all.containsOne(&others[i]) {
			return false
		}
	}
	return true
}

func (all resources) containsOne(one *resource) bool {
	for i := range all {
		if all[i].same(one) {
			return all[i].milli >= one.milli && len(withoutRanges(one.ranges, all[i].ranges)) == 0 &&
				!slices.ContainsFunc(one.items, func(s string) bool { return !slices.Contains(all[i].items, s) })
		}
	}
	return one.empty()
}

// allocated are the same amounts, allocated to a role ("" for to none).
func (all resources) allocated(role string) resources {
	to := slices.Clone(all)
	for i := range to {
		to[i].role = role
	}
	return to
}

// scalar is the sum of a scalar's amounts in thousandths, whatever they are reserved for.
func (all resources) scalar(name string) int64 {
	var sum int64
	for i := range all {
		if all[i].kind.Name == name {
			sum += all[i].milli
		}
	}
	return sum
}

// reservedFor is the role for which an amount is reserved, "" for none.
func (r *resource) reservedFor() string {
	if n := len(r.kind.Reservations); n > 0 {
		return r.kind.Reservations[n-1].GetRole()
	}
	return ""
}

// allocatableTo says whether an amount may be offered to a role: unreserved, reserved for it, or for a parent of it.
func (r *resource) allocatableTo(role string) bool {
	reserved := r.reservedFor()
	return reserved == "" || reserved == role || strings.HasPrefix(role, reserved+"/")
}

// offerOrder puts what is not scalar first, then what is reserved, then the rest, keeping the order in each.
func (all resources) offerOrder() resources {
	rank := func(r resource) int {
		switch {
		case r.kind.GetType() != mesos.SCALAR:
			return 0
		case len(r.kind.Reservations) > 0:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(all, func(a, b resource) int { return rank(a) - rank(b) })
	return all
}

// inOrderOf puts what is left of a total into the order in which Mesos has it: that of the total, but into the place of
// what is used up comes the last one (Mesos takes out by swapping with the last; 09 of the recordings shows it).
func (all resources) inOrderOf(total resources) resources {
	order := slices.Clone(total)
	for i := len(total) - 1; i >= 0; i-- {
		if all.find(total[i].key) >= 0 {
			continue
		}
		last := len(order) - 1
		order[order.find(total[i].key)] = order[last]
		order = order[:last]
	}
	for i := range order {
		whole := order[i]
		order[i] = all[all.find(whole.key)]
		if order[i].milli == whole.milli { // nothing of it is used: it is as the agent said it
			order[i].exact = whole.exact
		}
	}
	return order
}

// find is the place of a thing, whatever it is allocated to; -1 for none.
func (all resources) find(key string) int {
	return slices.IndexFunc(all, func(r resource) bool { return r.key == key })
}

// squash sorts ranges and joins those that touch.
func squash(ranges []mesos.Value_Range) []mesos.Value_Range {
	if len(ranges) == 0 {
		return nil
	}
	sorted := slices.Clone(ranges)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].Begin < sorted[j].Begin })
	joined := sorted[:1]
	for _, r := range sorted[1:] {
		last := &joined[len(joined)-1]
		if r.Begin <= last.End+1 {
			last.End = max(last.End, r.End)
		} else {
			joined = append(joined, r)
		}
	}
	return joined
}

// withoutRanges is what is left of ranges after others have been taken out.
func withoutRanges(ranges, others []mesos.Value_Range) []mesos.Value_Range {
	left := ranges
	for _, o := range others {
		var next []mesos.Value_Range
		for _, r := range left {
			if o.End < r.Begin || o.Begin > r.End {
				next = append(next, r)
				continue
			}
			if r.Begin < o.Begin {
				next = append(next, mesos.Value_Range{Begin: r.Begin, End: o.Begin - 1})
			}
			if r.End > o.End {
				next = append(next, mesos.Value_Range{Begin: o.End + 1, End: r.End})
			}
		}
		left = next
	}
	return left
}
