package mesos

import (
	"errors"
	"fmt"
	"math"

	v1 "github.com/mesos/mesos-go/api/v1/lib"
	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"google.golang.org/protobuf/encoding/protowire"

	"k8s-framework/internal/mesos/wire"
	"k8s-framework/scheduler"
)

// An OFFERS event holds the offers of every agent, once a second at worst. Building mesos-go's messages first and converting
// them costs some forty allocations an offer, most of them for what we never look at. So this event alone is read directly
// from its bytes into the core's words. What is plain (scalars, ports, text attributes, unreserved or statically reserved) is
// read here; anything else of a resource or an attribute goes through mesos-go's messages and fromResource, as if all did. That
// both ways agree is tested on recorded events and fuzzed (FuzzOffers).

// Numbers of fields in scheduler.proto and mesos.proto.
const (
	eventType   protowire.Number = 1
	eventOffers protowire.Number = 3
	offersOffer protowire.Number = 1

	offerID             protowire.Number = 1
	offerAgent          protowire.Number = 3
	offerHostname       protowire.Number = 4
	offerResources      protowire.Number = 5
	offerAttributes     protowire.Number = 7
	offerURL            protowire.Number = 8
	offerUnavailability protowire.Number = 9
	offerAllocation     protowire.Number = 10
	offerDomain         protowire.Number = 11

	urlAddress protowire.Number = 2
	addressIP  protowire.Number = 2

	resourceName         protowire.Number = 1
	resourceType         protowire.Number = 2
	resourceScalar       protowire.Number = 3
	resourceRanges       protowire.Number = 4
	resourceAllocation   protowire.Number = 11
	resourceReservations protowire.Number = 13

	rangeBegin protowire.Number = 1
	rangeEnd   protowire.Number = 2

	reservationRole protowire.Number = 3
	reservationType protowire.Number = 4

	attributeName protowire.Number = 1
	attributeType protowire.Number = 2
	attributeText protowire.Number = 5

	// onlyField is the field of the many messages that have one field of interest, the first: ids, names, scalars, AllocationInfo.
	onlyField protowire.Number = 1
)

// offersReader reads one OFFERS event. Texts that are the same in most offers are kept once.
type offersReader struct {
	texts map[string]string
	// resources and attributes are those of the offer that is being read: they are converted when its role is known.
	resources, attributes [][]byte
}

// isOffers reports whether a frame is an OFFERS event, by its first field; OFFERS is by far the largest event.
func isOffers(frame []byte) bool {
	const tag = byte(eventType<<3) | byte(protowire.VarintType)
	return len(frame) > 2 && frame[0] == tag && frame[1] == byte(v1sched.Event_OFFERS)
}

// decodeOffers reads an OFFERS event.
func decodeOffers(frame []byte) ([]scheduler.Offer, error) {
	list, err := inner(frame, eventOffers)
	if err != nil {
		return nil, err
	}
	reader := offersReader{texts: map[string]string{}}
	offers := make([]scheduler.Offer, 0, count(list, offersOffer))
	s := scan{rest: list}
	for s.next() {
		if s.field != offersOffer {
			continue
		}
		offer, err := reader.offer(s.bytes)
		if err != nil {
			return nil, fmt.Errorf("offer %d: %w", len(offers)+1, err)
		}
		offers = append(offers, offer)
	}
	return offers, s.err
}

// text keeps one copy of a text that occurs often.
func (r *offersReader) text(bytes []byte) string {
	if text, known := r.texts[string(bytes)]; known {
		return text
	}
	text := string(bytes)
	r.texts[text] = text
	return text
}

// innerText is the text in the only field of a message.
func (r *offersReader) innerText(message []byte) (string, error) {
	bytes, err := inner(message, onlyField)
	return r.text(bytes), err
}

// offer reads one Offer.
func (r *offersReader) offer(message []byte) (offer scheduler.Offer, err error) {
	var id, agent, host, ip []byte
	r.resources, r.attributes = r.resources[:0], r.attributes[:0]
	s := scan{rest: message}
	for s.next() && err == nil {
		switch s.field {
		case offerID:
			id, err = inner(s.bytes, onlyField)
		case offerAgent:
			agent, err = inner(s.bytes, onlyField)
		case offerHostname:
			host = s.bytes
		case offerResources:
			r.resources = append(r.resources, s.bytes)
		case offerAttributes:
			r.attributes = append(r.attributes, s.bytes)
		case offerURL:
			ip, err = agentIP(s.bytes)
		case offerUnavailability:
			offer.UnavailableFrom, err = unavailableFrom(s.bytes)
		case offerAllocation:
			var role string
			role, err = r.innerText(s.bytes)
			offer.Role = scheduler.Role(role)
		case offerDomain:
			offer.Region, offer.Zone, err = r.domain(s.bytes)
		}
	}
	if err = errors.Join(s.err, err); err != nil {
		return offer, err
	}
	if id == nil || agent == nil || host == nil {
		return offer, errors.New("malformed message: an offer without id, agent or host name")
	}
	// One allocation for the three texts that are the offer's own.
	own := string(append(append(append(make([]byte, 0, len(id)+len(agent)+len(host)), id...), agent...), host...))
	offer.ID = scheduler.OfferID(own[:len(id)])
	offer.Agent = scheduler.AgentID(own[len(id) : len(id)+len(agent)])
	offer.Host = scheduler.Hostname(own[len(id)+len(agent):])
	offer.Address = address(string(ip), string(offer.Host))
	return r.lists(offer)
}

// lists adds an offer's resources and attributes, of which there are so many.
func (r *offersReader) lists(offer scheduler.Offer) (scheduler.Offer, error) {
	if len(r.resources) > 0 {
		offer.Resources = make([]scheduler.Resource, 0, len(r.resources))
	}
	for i, message := range r.resources {
		resource, err := r.resource(message, offer.Role)
		if err != nil {
			return offer, fmt.Errorf("resource %d: %w", i+1, err)
		}
		offer.Resources = append(offer.Resources, resource)
	}
	if len(r.attributes) > 0 {
		offer.Attributes = make([]scheduler.Attribute, 0, len(r.attributes))
	}
	for i, message := range r.attributes {
		attribute, err := r.attribute(message)
		if err != nil {
			return offer, fmt.Errorf("attribute %d: %w", i+1, err)
		}
		offer.Attributes = append(offer.Attributes, attribute)
	}
	return offer, nil
}

// agentIP reads URL.address.ip; nil: it is not there.
func agentIP(message []byte) ([]byte, error) {
	address, err := inner(message, urlAddress)
	if err != nil {
		return nil, err
	}
	return inner(address, addressIP)
}

// unavailableFrom reads Unavailability.start.nanoseconds; 0 means that nothing is planned.
func unavailableFrom(message []byte) (int64, error) {
	var planned v1.Unavailability
	if err := wire.Decode(message, &planned); err != nil {
		return 0, err
	}
	return start(&planned), nil
}

// domain reads DomainInfo.fault_domain.
func (r *offersReader) domain(message []byte) (region, zone string, err error) {
	fault, err := inner(message, onlyField)
	if err != nil {
		return "", "", err
	}
	s := scan{rest: fault}
	for s.next() && err == nil {
		switch s.field {
		case 1:
			region, err = r.innerText(s.bytes)
		case 2:
			zone, err = r.innerText(s.bytes)
		}
	}
	return region, zone, errors.Join(s.err, err)
}

// resource reads one Resource.
func (r *offersReader) resource(message []byte, allocated scheduler.Role) (resource scheduler.Resource, err error) {
	resource.Role = allocated
	plain, kind, ranges := true, v1.SCALAR, []byte(nil)
	s := scan{rest: message}
	for s.next() && err == nil && plain {
		switch s.field {
		case resourceName:
			resource.Name = r.text(s.bytes)
		case resourceType:
			kind = v1.Value_Type(s.number)
		case resourceRanges:
			ranges = s.bytes
		case resourceScalar:
			resource.Amount, err = scalar(s.bytes)
		case resourceAllocation:
			var role string
			if role, err = r.innerText(s.bytes); role != "" {
				resource.Role = scheduler.Role(role)
			}
		case resourceReservations:
			var role scheduler.Role
			if role, plain, err = r.staticRole(s.bytes); plain {
				resource.Reservations = append(resource.Reservations, scheduler.Reservation{Role: role})
			}
		default:
			plain = false
		}
	}
	if err = errors.Join(s.err, err); err != nil {
		return resource, err
	}
	if plain {
		if resource.Name == portsName && kind == v1.RANGES {
			resource.Ranges, err = portRanges(ranges)
		}
		return resource, err
	}
	var whole v1.Resource
	if err := wire.Decode(message, &whole); err != nil {
		return resource, err
	}
	return fromResource(&whole, allocated), nil
}

// scalar reads Value.Scalar.
func scalar(message []byte) (amount scheduler.Amount, err error) {
	s := scan{rest: message}
	for s.next() {
		if s.field == onlyField {
			amount = scheduler.AmountOf(math.Float64frombits(s.number))
		}
	}
	return amount, s.err
}

// portRanges reads Value.Ranges.
func portRanges(message []byte) (scheduler.Ranges, error) {
	ranges := make(scheduler.Ranges, 0, count(message, onlyField))
	s := scan{rest: message}
	for s.next() {
		if s.field != onlyField {
			continue
		}
		var each scheduler.Range
		ends := scan{rest: s.bytes}
		for ends.next() {
			switch ends.field {
			case rangeBegin:
				each.Begin = ends.number
			case rangeEnd:
				each.End = ends.number
			}
		}
		if ends.err != nil {
			return nil, ends.err
		}
		ranges = append(ranges, each)
	}
	if len(ranges) == 0 {
		return nil, s.err
	}
	return ranges, s.err
}

// staticRole reads a ReservationInfo that is static and has a role and nothing else; plain is false for all others.
func (r *offersReader) staticRole(message []byte) (role scheduler.Role, plain bool, err error) {
	static := false
	s := scan{rest: message}
	for s.next() {
		switch s.field {
		case reservationRole:
			role = scheduler.Role(r.text(s.bytes))
		case reservationType:
			static = s.number == uint64(v1.Resource_ReservationInfo_STATIC)
		default:
			return "", false, nil
		}
	}
	return role, static, s.err
}

// attribute reads one Attribute.
func (r *offersReader) attribute(message []byte) (attribute scheduler.Attribute, err error) {
	isText, plain := false, true
	s := scan{rest: message}
	for s.next() && err == nil && plain {
		switch s.field {
		case attributeName:
			attribute.Name = r.text(s.bytes)
		case attributeType:
			isText = s.number == uint64(v1.TEXT)
		case attributeText:
			attribute.Value, err = r.innerText(s.bytes)
		default:
			plain = false
		}
	}
	if err = errors.Join(s.err, err); err != nil || plain && isText {
		return attribute, err
	}
	var whole v1.Attribute
	if err := wire.Decode(message, &whole); err != nil {
		return attribute, err
	}
	return fromAttribute(&whole), nil
}
