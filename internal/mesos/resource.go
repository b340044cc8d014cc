package mesos

import (
	"fmt"
	"strings"

	v1 "github.com/mesos/mesos-go/api/v1/lib"

	"k8s-framework/scheduler"
)

// fromResource converts one entry of an offer. allocated is the offer's role, for entries that do not name theirs.
func fromResource(resource *v1.Resource, allocated scheduler.Role) scheduler.Resource {
	converted := scheduler.Resource{Name: resource.Name, Role: allocated, Special: special(resource)}
	if role := resource.GetAllocationInfo().GetRole(); role != "" {
		converted.Role = scheduler.Role(role)
	}
	if resource.Scalar != nil {
		converted.Amount = scheduler.AmountOf(resource.Scalar.Value)
	}
	if resource.Name == portsName && resource.GetType() == v1.RANGES {
		converted.Ranges = fromRanges(resource.Ranges)
	}
	for i := range resource.Reservations {
		converted.Reservations = append(converted.Reservations, fromReservation(&resource.Reservations[i]))
	}
	if len(resource.Reservations) == 0 {
		converted.Reservations = fromUnrefined(resource)
	}
	return converted
}

// portsName is the one resource of ranges that is of use here: others count as nothing.
const portsName = "ports"

func fromRanges(ranges *v1.Value_Ranges) scheduler.Ranges {
	var converted scheduler.Ranges
	for _, each := range ranges.GetRange() {
		converted = append(converted, scheduler.Range{Begin: each.Begin, End: each.End})
	}
	return converted
}

func fromReservation(reservation *v1.Resource_ReservationInfo) scheduler.Reservation {
	return scheduler.Reservation{
		Role:      scheduler.Role(reservation.GetRole()),
		Dynamic:   reservation.GetType() == v1.Resource_ReservationInfo_DYNAMIC,
		Principal: reservation.GetPrincipal(),
		Labels:    fromLabels(reservation.Labels),
	}
}

// fromUnrefined reads the format of before reservation refinement: one role, and a reservation if it is dynamic.
func fromUnrefined(resource *v1.Resource) []scheduler.Reservation {
	if resource.Role == nil || *resource.Role == "*" || *resource.Role == "" {
		return nil
	}
	reservation := scheduler.Reservation{Role: scheduler.Role(*resource.Role)}
	if resource.Reservation != nil {
		reservation.Dynamic = true
		reservation.Principal = resource.Reservation.GetPrincipal()
		reservation.Labels = fromLabels(resource.Reservation.Labels)
	}
	return []scheduler.Reservation{reservation}
}

func fromLabels(labels *v1.Labels) []scheduler.Label {
	var converted []scheduler.Label
	for _, label := range labels.GetLabels() {
		converted = append(converted, scheduler.Label{Key: label.Key, Value: label.GetValue()})
	}
	return converted
}

// special says why an entry is no plain resource; empty if it is one. Beside what Mesos treats differently this is what we
// could not give back as it came, because Mesos tells "no value" from "an empty value" and package scheduler does not.
func special(resource *v1.Resource) string {
	var reasons []string
	if resource.Revocable != nil {
		reasons = append(reasons, "revocable")
	}
	if resource.Shared != nil {
		reasons = append(reasons, "shared")
	}
	if persistence := resource.GetDisk().GetPersistence(); persistence != nil {
		reasons = append(reasons, "a persistent volume "+persistence.ID)
	} else if resource.GetDisk().GetVolume() != nil {
		reasons = append(reasons, "a volume")
	}
	if source := resource.GetDisk().GetSource(); source != nil {
		reasons = append(reasons, fmt.Sprintf("a disk of type %s", source.Type))
	}
	if provider := resource.ProviderID; provider != nil {
		reasons = append(reasons, "of resource provider "+provider.Value)
	}
	if oddlyLabelled(resource) {
		reasons = append(reasons, "reserved with empty labels")
	}
	return strings.Join(reasons, ", ")
}

// oddlyLabelled reports labels that are there but empty, or that have no value.
func oddlyLabelled(resource *v1.Resource) bool {
	odd := func(labels *v1.Labels) bool {
		for _, label := range labels.GetLabels() {
			if label.Value == nil {
				return true
			}
		}
		return labels != nil && len(labels.Labels) == 0
	}
	for i := range resource.Reservations {
		if odd(resource.Reservations[i].Labels) {
			return true
		}
	}
	return odd(resource.GetReservation().GetLabels())
}

// toResources converts what an operation takes back into the form in which it was offered.
func toResources(resources []scheduler.Resource) ([]v1.Resource, error) {
	converted := make([]v1.Resource, 0, len(resources))
	for _, resource := range resources {
		if resource.Special != "" {
			return nil, fmt.Errorf("resource %s is %s, which cannot be used", resource.Name, resource.Special)
		}
		converted = append(converted, toResource(resource))
	}
	return converted, nil
}

// toReserved converts what is reserved or given back. Mesos would pass over in silence what is not reserved dynamically.
func toReserved(resources []scheduler.Resource) ([]v1.Resource, error) {
	for _, resource := range resources {
		last := len(resource.Reservations) - 1
		if last < 0 || !resource.Reservations[last].Dynamic {
			return nil, fmt.Errorf("resource %s has reservations %v, want a dynamic one as the last", resource.Name, resource.Reservations)
		}
	}
	return toResources(resources)
}

func toResource(resource scheduler.Resource) v1.Resource {
	converted := v1.Resource{Name: resource.Name}
	if resource.Name == portsName {
		converted.Type, converted.Ranges = v1.RANGES.Enum(), toRanges(resource.Ranges)
	} else {
		converted.Type, converted.Scalar = v1.SCALAR.Enum(), &v1.Value_Scalar{Value: resource.Amount.Float()}
	}
	if resource.Role != "" {
		converted.AllocationInfo = &v1.Resource_AllocationInfo{Role: pointer(string(resource.Role))}
	}
	for _, reservation := range resource.Reservations {
		converted.Reservations = append(converted.Reservations, toReservation(reservation))
	}
	return converted
}

func toRanges(ranges scheduler.Ranges) *v1.Value_Ranges {
	converted := &v1.Value_Ranges{}
	for _, each := range ranges {
		converted.Range = append(converted.Range, v1.Value_Range{Begin: each.Begin, End: each.End})
	}
	return converted
}

func toReservation(reservation scheduler.Reservation) v1.Resource_ReservationInfo {
	kind := v1.Resource_ReservationInfo_STATIC
	if reservation.Dynamic {
		kind = v1.Resource_ReservationInfo_DYNAMIC
	}
	return v1.Resource_ReservationInfo{
		Type:      kind.Enum(),
		Role:      pointer(string(reservation.Role)),
		Principal: optional(reservation.Principal),
		Labels:    toLabels(reservation.Labels),
	}
}

func toLabels(labels []scheduler.Label) *v1.Labels {
	if len(labels) == 0 {
		return nil
	}
	converted := &v1.Labels{}
	for _, label := range labels {
		converted.Labels = append(converted.Labels, v1.Label{Key: label.Key, Value: pointer(label.Value)})
	}
	return converted
}

func pointer[T any](value T) *T { return &value }

// optional is a field that is absent when it is empty.
func optional[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}
