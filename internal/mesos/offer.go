package mesos

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	v1 "github.com/mesos/mesos-go/api/v1/lib"
	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"k8s-framework/scheduler"
)

// fromOffers converts what mesos-go decoded. It is what decodeOffers must agree with, and how an offer's parts are read that
// are not plain.
func fromOffers(offers *v1sched.Event_Offers) []scheduler.Offer {
	converted := make([]scheduler.Offer, 0, len(offers.GetOffers()))
	for i := range offers.GetOffers() {
		converted = append(converted, fromOffer(&offers.Offers[i]))
	}
	return converted
}

func fromOffer(offer *v1.Offer) scheduler.Offer {
	converted := scheduler.Offer{
		ID:    scheduler.OfferID(offer.ID.Value),
		Agent: scheduler.AgentID(offer.AgentID.Value),
		Host:  scheduler.Hostname(offer.Hostname),
		Role:  scheduler.Role(offer.GetAllocationInfo().GetRole()),
	}
	url := offer.GetURL().GetAddress()
	converted.Address = address(url.GetIP(), offer.Hostname)
	if domain := offer.GetDomain().GetFaultDomain(); domain != nil {
		converted.Region, converted.Zone = domain.Region.Name, domain.Zone.Name
	}
	if planned := offer.Unavailability; planned != nil {
		converted.UnavailableFrom = start(planned)
	}
	for i := range offer.Resources {
		converted.Resources = append(converted.Resources, fromResource(&offer.Resources[i], converted.Role))
	}
	for i := range offer.Attributes {
		converted.Attributes = append(converted.Attributes, fromAttribute(&offer.Attributes[i]))
	}
	return converted
}

// start is when an unavailability begins; 0 would mean that nothing is planned.
func start(planned *v1.Unavailability) int64 { return max(planned.Start.Nanoseconds, 1) }

// fromInverse converts inverse offers. Maintenance asks for all that we have on an agent: Mesos names no resources.
func fromInverse(offers *v1sched.Event_InverseOffers) []scheduler.InverseOffer {
	converted := make([]scheduler.InverseOffer, 0, len(offers.GetInverseOffers()))
	for i := range offers.GetInverseOffers() {
		offer := &offers.InverseOffers[i]
		converted = append(converted, scheduler.InverseOffer{
			ID:              scheduler.OfferID(offer.OfferID.Value),
			Agent:           scheduler.AgentID(offer.GetAgentID().GetValue()),
			UnavailableFrom: start(&offer.Unavailability),
			For:             time.Duration(max(offer.Unavailability.GetDuration().GetNanoseconds(), 0)),
		})
	}
	return converted
}

// address is an agent's IP address in its canonical form: that of its URL, or its host name where that is one; else empty.
func address(ip, hostname string) string {
	for _, text := range []string{ip, hostname} {
		if parsed, err := netip.ParseAddr(text); err == nil {
			return parsed.Unmap().String()
		}
	}
	return ""
}

// fromAttribute writes an attribute's value as Mesos does.
func fromAttribute(attribute *v1.Attribute) scheduler.Attribute {
	converted := scheduler.Attribute{Name: attribute.Name}
	switch attribute.Type {
	case v1.SCALAR:
		converted.Value = scheduler.AmountOf(attribute.GetScalar().GetValue()).String()
	case v1.RANGES:
		converted.Value = rangesText(attribute.GetRanges())
	case v1.SET:
		converted.Value = "{" + strings.Join(attribute.GetSet().GetItem(), ",") + "}"
	default:
		converted.Value = attribute.GetText().GetValue()
	}
	return converted
}

func rangesText(ranges *v1.Value_Ranges) string {
	var parts []string
	for _, each := range ranges.GetRange() {
		parts = append(parts, fmt.Sprintf("%d-%d", each.Begin, each.End))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
