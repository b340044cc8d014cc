package scheduler

import (
	"encoding/json"
	"fmt"
	"regexp"
)

// Constraint narrows where a pool may have nodes, with the meaning and the form of Marathon's: ["rack", "MAX_PER", "2"].
type Constraint struct {
	// Field is "hostname", "@region", "@zone", or the name of an attribute.
	Field    string
	Operator Operator
	// Value is the operator's; empty where it needs none.
	Value string
}

// Operator is what a constraint asks of its field.
type Operator string

// The operators of Marathon.
const (
	Unique  Operator = "UNIQUE"   // no two nodes have the same value
	Cluster Operator = "CLUSTER"  // all have the given value, or that of the first
	GroupBy Operator = "GROUP_BY" // spread evenly over the values, of which there are at least as many as given
	Like    Operator = "LIKE"     // the value matches the regular expression, whole
	Unlike  Operator = "UNLIKE"   // it does not, or there is none
	MaxPer  Operator = "MAX_PER"  // so many nodes at most have the same value
	Is      Operator = "IS"       // exactly this value
)

// String is the constraint as Marathon writes it.
func (c Constraint) String() string {
	text, err := c.MarshalJSON()
	if err != nil {
		return fmt.Sprintf("%s %s %s", c.Field, c.Operator, c.Value)
	}
	return string(text)
}

// MarshalJSON writes the constraint as a list of two or three texts.
func (c Constraint) MarshalJSON() ([]byte, error) {
	list := []string{c.Field, string(c.Operator)}
	if c.Value != "" {
		list = append(list, c.Value)
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads a list of two or three texts.
func (c *Constraint) UnmarshalJSON(text []byte) error {
	var list []string
	if err := json.Unmarshal(text, &list); err != nil || len(list) < 2 || len(list) > 3 {
		return fmt.Errorf("%s is not a constraint: want a list such as [\"rack\", \"MAX_PER\", \"2\"]", text)
	}
	*c = Constraint{Field: list[0], Operator: Operator(list[1])}
	if len(list) == 3 {
		c.Value = list[2]
	}
	return nil
}

// disjoint reports whether the constraints of two pools exclude each other on some field, so that no agent can match both.
func disjoint(a, b Pool) bool {
	for _, x := range a.Constraints {
		for _, y := range b.Constraints {
			if x.Field == y.Field && (excludes(x, y) || excludes(y, x)) {
				return true
			}
		}
	}
	return false
}

// excludes reports whether two constraints on one field can be seen to exclude each other.
func excludes(x, y Constraint) bool {
	exact := func(c Constraint) bool { return c.Operator == Is || c.Operator == Cluster && c.Value != "" }
	switch {
	case exact(x) && exact(y):
		return x.Value != y.Value
	case exact(x) && y.Operator == Like:
		return !whole(y.Value).MatchString(x.Value)
	case exact(x) && y.Operator == Unlike:
		return whole(y.Value).MatchString(x.Value)
	case x.Operator == Like && y.Operator == Unlike:
		return x.Value == y.Value
	default:
		return false
	}
}

// whole compiles a regular expression that must match the whole value; one that cannot be compiled matches nothing, and is
// refused by validate.
func whole(expression string) *regexp.Regexp {
	compiled, err := regexp.Compile(`^(?:` + expression + `)$`)
	if err != nil {
		return regexp.MustCompile(`^\b$`)
	}
	return compiled
}
