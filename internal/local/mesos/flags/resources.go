package flags

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// ParseResources reads --resources: "cpus:4;mem:4096;ports:[31000-31999,32005-32005];cpus(workers):2", or a JSON list of
// Resource. A role in brackets (in JSON: role, or reservations) makes a static reservation. Resources of size zero are
// left out, as Mesos leaves them out of what an agent has; order is kept.
func ParseResources(s string) ([]mesos.Resource, error) {
	if strings.HasPrefix(strings.TrimSpace(s), "[") {
		return resourcesFromJSON(s)
	}
	var all []mesos.Resource
	for token := range strings.SplitSeq(strings.ReplaceAll(s, "\n", ";"), ";") {
		if strings.TrimSpace(token) == "" {
			continue
		}
		r, err := parseResource(token)
		if err != nil {
			return nil, err
		}
		if !isZero(r) {
			all = append(all, r)
		}
	}
	return all, nil
}

func parseResource(token string) (mesos.Resource, error) {
	name, text, ok := strings.Cut(token, ":")
	if !ok {
		return mesos.Resource{}, fmt.Errorf("Bad value for resources, missing or extra ':' in %s", token)
	}
	role := "*"
	name = strings.TrimSpace(name)
	if before, after, found := strings.Cut(name, "("); found {
		inner, closed := strings.CutSuffix(after, ")")
		if !closed {
			return mesos.Resource{}, fmt.Errorf("Bad value for resources, mismatched parentheses in %s", token)
		}
		name, role = strings.TrimSpace(before), strings.TrimSpace(inner)
	}
	v, err := ParseValue(strings.TrimSpace(text))
	if err != nil {
		return mesos.Resource{}, fmt.Errorf("Bad value for resource '%s': %w", token, err)
	}
	if v.Type == mesos.TEXT {
		return mesos.Resource{}, fmt.Errorf("Bad type for resource %s value %s type TEXT", name, text)
	}
	r := mesos.Resource{Name: name, Type: v.Type.Enum(), Scalar: v.Scalar, Ranges: v.Ranges, Set: v.Set}
	if role != "*" {
		r.Reservations = []mesos.Resource_ReservationInfo{{Type: mesos.Resource_ReservationInfo_STATIC.Enum(), Role: &role}}
	}
	return r, validScalar(r)
}

func validScalar(r mesos.Resource) error {
	if r.Scalar != nil && r.Scalar.Value < 0 {
		return fmt.Errorf("Resource '%s:%v' is invalid: Invalid scalar resource: value < 0", r.Name, r.Scalar.Value)
	}
	return nil
}

func resourcesFromJSON(s string) ([]mesos.Resource, error) {
	var list []mesos.Resource
	if err := json.Unmarshal([]byte(s), &list); err != nil {
		return nil, fmt.Errorf("resources as JSON: %w", err)
	}
	var all []mesos.Resource
	for _, r := range list {
		if r.Type == nil || r.Name == "" {
			return nil, errors.New("resources as JSON: an entry has no name or no type")
		}
		if r.Role != nil && *r.Role != "*" && len(r.Reservations) == 0 {
			r.Reservations = []mesos.Resource_ReservationInfo{{Type: mesos.Resource_ReservationInfo_STATIC.Enum(), Role: r.Role}}
		}
		r.Role = nil
		if err := validScalar(r); err != nil {
			return nil, err
		}
		if !isZero(r) {
			all = append(all, r)
		}
	}
	return all, nil
}

func isZero(r mesos.Resource) bool {
	switch {
	case r.Scalar != nil:
		return r.Scalar.Value < 0.0005
	case r.Ranges != nil:
		return len(r.Ranges.Range) == 0
	case r.Set != nil:
		return len(r.Set.Item) == 0
	}
	return false
}

// Value is a typed value as Mesos writes it in resources and attributes.
type Value struct {
	Type   mesos.Value_Type
	Scalar *mesos.Value_Scalar
	Ranges *mesos.Value_Ranges
	Set    *mesos.Value_Set
	Text   *mesos.Value_Text
}

// ParseValue reads "[1-3, 7-9]" (ranges), "{a,b}" (a set), "1.5" (a scalar), anything else is text.
func ParseValue(s string) (Value, error) {
	switch {
	case strings.HasPrefix(s, "["):
		return parseRanges(s)
	case strings.HasPrefix(s, "{"):
		inner, ok := strings.CutSuffix(s[1:], "}")
		if !ok {
			return Value{}, fmt.Errorf("Expecting '}' at the end of '%s'", s)
		}
		set := &mesos.Value_Set{}
		for item := range strings.SplitSeq(inner, ",") {
			if item = strings.TrimSpace(item); item != "" {
				set.Item = append(set.Item, item)
			}
		}
		return Value{Type: mesos.SET, Set: set}, nil
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return Value{Type: mesos.SCALAR, Scalar: &mesos.Value_Scalar{Value: f}}, nil
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_./-]*$`).MatchString(s) {
		return Value{}, fmt.Errorf("Unexpected '%s' found", s)
	}
	return Value{Type: mesos.TEXT, Text: &mesos.Value_Text{Value: s}}, nil
}

func parseRanges(s string) (Value, error) {
	inner, ok := strings.CutSuffix(s[1:], "]")
	if !ok {
		return Value{}, fmt.Errorf("Expecting one or more \"ranges\" in '%s'", s)
	}
	ranges := &mesos.Value_Ranges{}
	for token := range strings.SplitSeq(inner, ",") {
		if strings.TrimSpace(token) == "" {
			continue
		}
		from, to, ok := strings.Cut(token, "-")
		begin, err1 := strconv.ParseUint(strings.TrimSpace(from), 10, 64)
		end, err2 := strconv.ParseUint(strings.TrimSpace(to), 10, 64)
		if !ok || err1 != nil || err2 != nil || begin > end {
			return Value{}, fmt.Errorf("Expecting non-negative integers in '%s'", token)
		}
		ranges.Range = append(ranges.Range, mesos.Value_Range{Begin: begin, End: end})
	}
	return Value{Type: mesos.RANGES, Ranges: ranges}, nil
}

// ErrAttributeSet is returned for an attribute whose value is a set: a real agent aborts on it.
var ErrAttributeSet = errors.New("an attribute cannot be a set")

// ParseAttributes reads --attributes: "rack:r7;disks:[1-3];load:1.5".
func ParseAttributes(s string) ([]mesos.Attribute, error) {
	var all []mesos.Attribute
	for token := range strings.SplitSeq(strings.ReplaceAll(s, "\n", ";"), ";") {
		if strings.TrimSpace(token) == "" {
			continue
		}
		name, text, ok := strings.Cut(token, ":")
		if !ok || strings.TrimSpace(name) == "" || strings.TrimSpace(text) == "" {
			return nil, fmt.Errorf("Invalid attribute key:value pair '%s'", token)
		}
		v, err := ParseValue(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("Invalid attribute key:value pair '%s': %w", token, err)
		}
		if v.Type == mesos.SET {
			return nil, fmt.Errorf("attribute '%s': %w", token, ErrAttributeSet)
		}
		all = append(all, mesos.Attribute{
			Name: strings.TrimSpace(name), Type: v.Type, Scalar: v.Scalar, Ranges: v.Ranges, Text: v.Text,
		})
	}
	return all, nil
}

// ParseDomain reads --domain, a DomainInfo in JSON; "" is none.
func ParseDomain(s string) (*mesos.DomainInfo, error) {
	if s == "" {
		return nil, nil
	}
	d := &mesos.DomainInfo{}
	if err := json.Unmarshal([]byte(s), d); err != nil {
		return nil, fmt.Errorf("domain: %w", err)
	}
	return d, nil
}
