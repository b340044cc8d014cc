package scheduler

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// constraint is a Constraint that is ready to be asked often.
type constraint struct {
	Constraint
	// label begins the reason of a refusal.
	label   string
	pattern *regexp.Regexp
	number  int
	// known remembers which values match the pattern; agents share few.
	known map[string]bool
}

func compile(constraints []Constraint) []constraint {
	compiled := make([]constraint, len(constraints))
	for i, each := range constraints {
		c := constraint{Constraint: each, label: fmt.Sprintf("constraint %s: %s is ", each, each.Field), known: map[string]bool{}}
		switch each.Operator {
		case Like, Unlike:
			c.pattern = whole(each.Value)
		case MaxPer, GroupBy:
			c.number, _ = strconv.Atoi(each.Value) // checked by validate; 0 is none
		case Is:
			c.Value = canonical(each.Value)
		}
		compiled[i] = c
	}
	return compiled
}

// valueOf is what a place has for a field; ok is false if it has nothing.
func valueOf(field string, host Hostname, place *Place) (value string, ok bool) {
	switch field {
	case "hostname", "@hostname":
		return string(host), true
	case "@region":
		return place.Region, place.Region != ""
	case "@zone":
		return place.Zone, place.Zone != ""
	}
	for i := range place.Attributes {
		if place.Attributes[i].Name == field {
			return place.Attributes[i].Value, true
		}
	}
	return "", false
}

// refuses says why the constraint by itself keeps a place out, whatever nodes there are; empty: it does not.
func (c *constraint) refuses(host Hostname, place *Place) reason {
	value, there := valueOf(c.Field, host, place)
	if !there {
		if c.Operator == Unlike {
			return reason{}
		}
		return reason{what: c.label, detail: "not set", fixed: true}
	}
	fits := true
	switch c.Operator {
	case Like:
		fits = c.matches(value)
	case Unlike:
		fits = !c.matches(value)
	case Is:
		fits = value == c.Value || canonical(value) == c.Value
	case Cluster:
		fits = c.Value == "" || value == c.Value
	}
	if fits {
		return reason{}
	}
	return reason{what: c.label, detail: value, fixed: true}
}

func (c *constraint) matches(value string) bool {
	match, known := c.known[value]
	if !known {
		if len(c.known) > 100_000 {
			clear(c.known) // a field that is different everywhere
		}
		match = c.pattern.MatchString(value)
		c.known[value] = match
	}
	return match
}

// canonical is a value in the form in which equal ones are equal texts: scalars to thousandths, as Mesos compares them, the
// members of sets and ranges in order.
func canonical(value string) string {
	if amount, err := ParseAmount(value); err == nil {
		return amount.String()
	}
	for _, brackets := range [...]string{"{}", "[]"} {
		if inner, ok := strings.CutPrefix(value, brackets[:1]); ok && strings.HasSuffix(inner, brackets[1:]) {
			parts := strings.Split(strings.TrimSuffix(inner, brackets[1:]), ",")
			for i := range parts {
				parts[i] = strings.TrimSpace(parts[i])
			}
			slices.Sort(parts)
			return brackets[:1] + strings.Join(parts, ",") + brackets[1:]
		}
	}
	return value
}

// spread counts a pool's nodes over the values of the fields that its constraints name, over all versions; a node that is
// not gone counts.
type spread struct {
	constraints []constraint
	counts      []map[string]int
}

func (c *Core) spreadOf(p *pool) spread {
	s := spread{constraints: p.constraints, counts: make([]map[string]int, len(p.constraints))}
	for i := range s.counts {
		s.counts[i] = map[string]int{}
	}
	if len(p.constraints) == 0 {
		return s
	}
	for _, n := range c.order {
		if n.pool == p && n.live() {
			s.add(n.Host, &n.Place)
		}
	}
	return s
}

func (s spread) add(host Hostname, place *Place) {
	for i := range s.constraints {
		if value, there := valueOf(s.constraints[i].Field, host, place); there {
			s.counts[i][value]++
		}
	}
}

// refuses says why the nodes that there are keep a place out; empty: they do not.
func (s spread) refuses(host Hostname, place *Place) reason {
	for i := range s.constraints {
		c, counts := &s.constraints[i], s.counts[i]
		value, _ := valueOf(c.Field, host, place)
		fits := true
		switch c.Operator {
		case Unique:
			fits = counts[value] == 0
		case MaxPer:
			fits = counts[value] < c.number
		case Cluster:
			fits = c.Value != "" || len(counts) == 0 || counts[value] > 0
		case GroupBy:
			fits = evenWith(counts, value, c.number)
		}
		switch {
		case fits:
		case c.Operator == Cluster:
			return reason{what: c.label, detail: value + ", the others are elsewhere"}
		default:
			return reason{what: c.label, detail: fmt.Sprintf("%s, which has %d already", value, counts[value])}
		}
	}
	return reason{}
}

// evenWith reports whether one more in the group keeps the groups even: it is new, or the smallest, once there are as many
// groups as wanted.
func evenWith(counts map[string]int, value string, groups int) bool {
	own, there := counts[value]
	if !there {
		return true
	}
	if len(counts) < groups {
		return false
	}
	for _, count := range counts {
		if count < own {
			return false
		}
	}
	return true
}

// groupOf is the bucket of a place from which nodes are chosen in turn: its value of the pool's first GROUP_BY, else its zone.
func groupOf(p *pool, host Hostname, place *Place) string {
	for i := range p.constraints {
		if p.constraints[i].Operator == GroupBy {
			value, _ := valueOf(p.constraints[i].Field, host, place)
			return value
		}
	}
	return place.Zone
}
