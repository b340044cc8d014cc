package scheduler

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestConstraintsMeanWhatMarathonMeans: which of several agents may have the next node, given where nodes are already. The
// meaning is that of Marathon's documentation of constraints.
func TestConstraintsMeanWhatMarathonMeans(t *testing.T) {
	at := func(host string, attributes ...Attribute) Node {
		return Node{Host: Hostname(host), Place: Place{Attributes: attributes, Zone: "z1", Region: "eu"}}
	}
	rack := func(value string) Attribute { return Attribute{"rack", value} }
	for _, test := range []struct {
		name       string
		constraint Constraint
		nodes      []Node
		place      Node
		fits       bool
	}{
		{"UNIQUE, a new value", Constraint{"rack", Unique, ""}, []Node{at("h1", rack("a"))}, at("h2", rack("b")), true},
		{"UNIQUE, a value that is taken", Constraint{"rack", Unique, ""}, []Node{at("h1", rack("a"))}, at("h2", rack("a")), false},
		{"UNIQUE, without the attribute", Constraint{"rack", Unique, ""}, nil, at("h2"), false},
		{"UNIQUE hostname", Constraint{"hostname", Unique, ""}, []Node{at("h1")}, at("h2"), true},
		{"CLUSTER with a value", Constraint{"rack", Cluster, "a"}, nil, at("h1", rack("a")), true},
		{"CLUSTER with another value", Constraint{"rack", Cluster, "a"}, nil, at("h1", rack("b")), false},
		{"CLUSTER without a value, the first", Constraint{"rack", Cluster, ""}, nil, at("h1", rack("b")), true},
		{"CLUSTER without a value, as the first", Constraint{"rack", Cluster, ""}, []Node{at("h1", rack("b"))}, at("h2", rack("b")), true},
		{"CLUSTER without a value, not as the first", Constraint{"rack", Cluster, ""}, []Node{at("h1", rack("b"))}, at("h2", rack("a")), false},
		{"GROUP_BY, a new group", Constraint{"rack", GroupBy, ""}, []Node{at("h1", rack("a"))}, at("h2", rack("b")), true},
		{"GROUP_BY, the smallest group", Constraint{"rack", GroupBy, ""}, []Node{at("h1", rack("a")), at("h2", rack("b")), at("h3", rack("b"))}, at("h4", rack("a")), true},
		{"GROUP_BY, a larger group", Constraint{"rack", GroupBy, ""}, []Node{at("h1", rack("a")), at("h2", rack("b")), at("h3", rack("b"))}, at("h4", rack("b")), false},
		{"GROUP_BY, the only group, two wanted", Constraint{"rack", GroupBy, "2"}, []Node{at("h1", rack("a"))}, at("h2", rack("a")), false},
		{"GROUP_BY, the only group, one wanted", Constraint{"rack", GroupBy, "1"}, []Node{at("h1", rack("a"))}, at("h2", rack("a")), true},
		{"GROUP_BY, without the attribute", Constraint{"rack", GroupBy, ""}, nil, at("h1"), false},
		{"MAX_PER, below", Constraint{"rack", MaxPer, "2"}, []Node{at("h1", rack("a"))}, at("h2", rack("a")), true},
		{"MAX_PER, reached", Constraint{"rack", MaxPer, "2"}, []Node{at("h1", rack("a")), at("h2", rack("a"))}, at("h3", rack("a")), false},
		{"MAX_PER @zone", Constraint{"@zone", MaxPer, "1"}, []Node{at("h1")}, at("h2"), false},
		{"LIKE, the whole value", Constraint{"rack", Like, "r[1-3]"}, nil, at("h1", rack("r2")), true},
		{"LIKE, a part of the value", Constraint{"rack", Like, "r[1-3]"}, nil, at("h1", rack("r22")), false},
		{"LIKE, one of two", Constraint{"rack", Like, "a|b"}, nil, at("h1", rack("ab")), false},
		{"LIKE, without the attribute", Constraint{"rack", Like, ".*"}, nil, at("h1"), false},
		{"LIKE hostname", Constraint{"hostname", Like, "h.*"}, nil, at("h1"), true},
		{"UNLIKE", Constraint{"rack", Unlike, "r[1-3]"}, nil, at("h1", rack("r2")), false},
		{"UNLIKE, another value", Constraint{"rack", Unlike, "r[1-3]"}, nil, at("h1", rack("r4")), true},
		{"UNLIKE, without the attribute", Constraint{"rack", Unlike, ".*"}, nil, at("h1"), true},
		{"IS text", Constraint{"rack", Is, "a"}, nil, at("h1", rack("a")), true},
		{"IS text, not a pattern", Constraint{"rack", Is, "."}, nil, at("h1", rack("a")), false},
		{"IS scalar, to thousandths", Constraint{"cores", Is, "1.50"}, nil, at("h1", Attribute{"cores", "1.5"}), true},
		{"IS scalar, another", Constraint{"cores", Is, "1.501"}, nil, at("h1", Attribute{"cores", "1.5"}), false},
		{"IS set, in another order", Constraint{"tags", Is, "{b,a}"}, nil, at("h1", Attribute{"tags", "{a,b}"}), true},
		{"IS set, a subset", Constraint{"tags", Is, "{a}"}, nil, at("h1", Attribute{"tags", "{a,b}"}), false},
		{"IS ranges, written in another way", Constraint{"vlans", Is, "[7-9,1-3]"}, nil, at("h1", Attribute{"vlans", "[1-3, 7-9]"}), true},
		{"IS @region", Constraint{"@region", Is, "eu"}, nil, at("h1"), true},
		{"IS @region, another", Constraint{"@region", Is, "us"}, nil, at("h1"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &pool{constraints: compile([]Constraint{test.constraint})}
			c := &Core{}
			for _, n := range test.nodes {
				n.Phase = Ready
				c.order = append(c.order, &node{Node: n, pool: p})
			}
			assert.NoError(t, test.constraint.validate())
			why := p.constraints[0].refuses(test.place.Host, &test.place.Place)
			if why == (reason{}) {
				why = c.spreadOf(p).refuses(test.place.Host, &test.place.Place)
			}
			assert.Equal(t, test.fits, why == (reason{}), why.String())
		})
	}
}

// TestPoolsThatCannotMeetAreToldApart: which constraints are seen to exclude each other.
func TestPoolsThatCannotMeetAreToldApart(t *testing.T) {
	for _, test := range []struct {
		a, b  Constraint
		apart bool
	}{
		{Constraint{"kind", Is, "a"}, Constraint{"kind", Is, "b"}, true},
		{Constraint{"kind", Is, "a"}, Constraint{"kind", Is, "a"}, false},
		{Constraint{"kind", Is, "a"}, Constraint{"rack", Is, "b"}, false},
		{Constraint{"kind", Cluster, "a"}, Constraint{"kind", Is, "b"}, true},
		{Constraint{"kind", Cluster, ""}, Constraint{"kind", Is, "b"}, false},
		{Constraint{"kind", Is, "a"}, Constraint{"kind", Like, "[b-d]"}, true},
		{Constraint{"kind", Is, "a"}, Constraint{"kind", Unlike, "a|b"}, true},
		{Constraint{"kind", Like, "a.*"}, Constraint{"kind", Unlike, "a.*"}, true},
		{Constraint{"kind", Like, "a.*"}, Constraint{"kind", Like, "b.*"}, false}, // true, but not to be seen
	} {
		a, b := Pool{Constraints: []Constraint{test.a}}, Pool{Constraints: []Constraint{test.b}}
		assert.Equal(t, test.apart, disjoint(a, b), "%s and %s", test.a, test.b)
		assert.Equal(t, test.apart, disjoint(b, a), "%s and %s", test.b, test.a)
	}
}
