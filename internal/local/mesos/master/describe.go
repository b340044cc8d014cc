package master

import (
	"fmt"
	"strconv"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// String writes resources as Mesos's messages do: "cpus(allocated: workers):4; ports(allocated: workers):[31000-31009]".
func (all resources) String() string {
	parts := make([]string, len(all))
	for i := range all {
		parts[i] = all[i].String()
	}
	return strings.Join(parts, "; ")
}

func (r *resource) String() string {
	return describeKind(r.kind, r.role) + ":" + r.amount()
}

func (r *resource) amount() string {
	switch {
	case r.kind.GetType() == mesos.RANGES:
		parts := make([]string, len(r.ranges))
		for i, x := range r.ranges {
			parts[i] = fmt.Sprintf("%d-%d", x.Begin, x.End)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case r.kind.GetType() == mesos.SET:
		return "{" + strings.Join(r.items, ", ") + "}"
	}
	return strconv.FormatFloat(float64(r.milli)/1000, 'f', -1, 64)
}

func describeKind(kind *mesos.Resource, role string) string {
	var b strings.Builder
	b.WriteString(kind.Name)
	if role != "" {
		fmt.Fprintf(&b, "(allocated: %s)", role)
	}
	if len(kind.Reservations) > 0 {
		parts := make([]string, len(kind.Reservations))
		for i := range kind.Reservations {
			parts[i] = describeReservation(&kind.Reservations[i])
		}
		fmt.Fprintf(&b, "(reservations: [%s])", strings.Join(parts, ","))
	}
	if kind.Revocable != nil {
		b.WriteString("{REV}")
	}
	if kind.Shared != nil {
		b.WriteString("<SHARED>")
	}
	return b.String()
}

func describeReservation(r *mesos.Resource_ReservationInfo) string {
	parts := []string{r.GetType().String(), r.GetRole()}
	if r.Principal != nil {
		parts = append(parts, r.GetPrincipal())
	}
	if r.Labels != nil {
		labels := make([]string, len(r.Labels.Labels))
		for i, l := range r.Labels.Labels {
			labels[i] = l.Key
			if l.Value != nil {
				labels[i] += ": " + *l.Value
			}
		}
		parts = append(parts, "{"+strings.Join(labels, ", ")+"}")
	}
	return "(" + strings.Join(parts, ",") + ")"
}

// olderFormat rewrites resources for a framework that does not know reservation refinement.
func olderFormat(list []mesos.Resource) []mesos.Resource {
	older := make([]mesos.Resource, len(list))
	for i, r := range list {
		role := "*"
		if n := len(r.Reservations); n > 0 {
			last := r.Reservations[n-1]
			role = last.GetRole()
			if last.GetType() == mesos.Resource_ReservationInfo_DYNAMIC {
				r.Reservation = &mesos.Resource_ReservationInfo{Principal: last.Principal, Labels: last.Labels}
			}
		}
		r.Reservations, r.Role = nil, &role
		older[i] = r
	}
	return older
}

// withRole adds the role to resources as operator answers show them beside the reservations.
func withRole(list []mesos.Resource) []mesos.Resource {
	shown := make([]mesos.Resource, len(list))
	for i, r := range list {
		role := "*"
		if n := len(r.Reservations); n > 0 {
			role = r.Reservations[n-1].GetRole()
		}
		r.Role = &role
		shown[i] = r
	}
	return shown
}
