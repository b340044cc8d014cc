package master

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"k8s-framework/internal/local/mesos/wire"
)

// offerConstraints are a framework's offer constraints by role: an agent is offered when one of a role's groups holds. They
// are newer than mesos-go's messages, so they are read from the JSON of a call; in protobuf they are passed over.
type offerConstraints map[string][]constraintGroup

type constraintGroup struct {
	Constraints []attributeConstraint `json:"attribute_constraints"`
}

type attributeConstraint struct {
	Selector struct {
		Pseudo string `json:"pseudoattribute_type"`
		Name   string `json:"attribute_name"`
	} `json:"selector"`
	Predicate struct {
		Exists         *struct{}    `json:"exists"`
		NotExists      *struct{}    `json:"not_exists"`
		TextEquals     *textOperand `json:"text_equals"`
		TextNotEquals  *textOperand `json:"text_not_equals"`
		TextMatches    *textOperand `json:"text_matches"`
		TextNotMatches *textOperand `json:"text_not_matches"`
	} `json:"predicate"`
}

type textOperand struct {
	Value  string `json:"value"`
	Regexp string `json:"regex"`
}

// readConstraints reads the offer constraints of the named part of a call.
func readConstraints(r *http.Request, body []byte, part string) (offerConstraints, *wire.Refusal) {
	if r.Header.Get("Content-Type") != wire.TypeJSON {
		return nil, nil
	}
	var call map[string]json.RawMessage
	if json.Unmarshal(body, &call) != nil || call[part] == nil {
		return nil, nil
	}
	var inner struct {
		Constraints struct {
			Roles map[string]struct {
				Groups []constraintGroup `json:"groups"`
			} `json:"role_constraints"`
		} `json:"offer_constraints"`
	}
	if err := json.Unmarshal(call[part], &inner); err != nil {
		return nil, nil // the fields that are read here are the only ones that can be wrong
	}
	constraints := offerConstraints{}
	for role, c := range inner.Constraints.Roles {
		for _, g := range c.Groups {
			for _, a := range g.Constraints {
				if text := a.check(); text != "" {
					return nil, wire.Refuse(http.StatusBadRequest, "Offer constraints are invalid: "+text)
				}
			}
		}
		constraints[role] = c.Groups
	}
	return constraints, nil
}

func (c *attributeConstraint) check() string {
	for _, o := range []*textOperand{c.Predicate.TextMatches, c.Predicate.TextNotMatches} {
		if o != nil {
			if _, err := regexp.Compile(o.Regexp); err != nil {
				return fmt.Sprintf("Failed to construct regex from pattern '%s': %v", o.Regexp, err)
			}
		}
	}
	return ""
}

// allow says whether an agent may be offered to a role.
func (c offerConstraints) allow(role string, agent *mesos.AgentInfo) bool {
	groups, limited := c[role]
	if !limited || len(groups) == 0 {
		return true
	}
	for _, g := range groups {
		holds := true
		for i := range g.Constraints {
			holds = holds && g.Constraints[i].holds(agent)
		}
		if holds {
			return true
		}
	}
	return false
}

func (c *attributeConstraint) holds(agent *mesos.AgentInfo) bool {
	text, isText, exists := c.selected(agent)
	p := &c.Predicate
	match := func(o *textOperand) bool {
		found, err := regexp.MatchString("^(?:"+o.Regexp+")$", text)
		return err == nil && found
	}
	switch {
	case p.Exists != nil:
		return exists
	case p.NotExists != nil:
		return !exists
	case !exists || !isText: // predicates on text hold of everything else, but equality needs something
		return p.TextNotEquals != nil || p.TextNotMatches != nil || (exists && !isText)
	case p.TextEquals != nil:
		return text == p.TextEquals.Value
	case p.TextNotEquals != nil:
		return text != p.TextNotEquals.Value
	case p.TextMatches != nil:
		return match(p.TextMatches)
	case p.TextNotMatches != nil:
		return !match(p.TextNotMatches)
	}
	return true
}

// selected is the attribute that a constraint speaks of.
func (c *attributeConstraint) selected(agent *mesos.AgentInfo) (text string, isText, exists bool) {
	domain := agent.GetDomain().GetFaultDomain()
	switch c.Selector.Pseudo {
	case "HOSTNAME":
		return agent.Hostname, true, true
	case "REGION":
		return domain.GetRegion().Name, true, domain != nil
	case "ZONE":
		return domain.GetZone().Name, true, domain != nil
	}
	for _, a := range agent.Attributes {
		if a.Name == c.Selector.Name {
			return a.GetText().GetValue(), a.Type == mesos.TEXT, true
		}
	}
	return "", false, false
}
