package agent

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gogo/protobuf/proto"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"
)

// compatible says whether an agent may go on as the one that it was before: with the policy equal when nothing has changed, with
// additive when something was added. It compares with the first registration, not with the last start.
func compatible(policy string, previous, current mesos.AgentInfo) error {
	if policy == "additive" {
		return additive(previous, current)
	}
	// Resources are compared as sums and attributes as sets, so their order does not matter.
	p, c := previous, current
	p.Resources, c.Resources = nil, nil
	p.Attributes, c.Attributes = nil, nil
	if p.Equal(c) && resources.Equivalent(previous.Resources, current.Resources) && sameAttributes(previous.Attributes, current.Attributes) {
		return nil
	}
	const line = "\n------------------------------------------------------------\n"
	return errors.New("Incompatible agent info detected. \n" + line + // Mesos's words
		"Old agent info:\n" + infoText(&previous) + "\n" + line +
		"New agent info:\n" + infoText(&current) + "\n" + line)
}

// infoText is the agent's info as the real one writes it: C++'s brackets, and the port last, behind a field that the v1
// message does not have.
func infoText(info *mesos.AgentInfo) string {
	without := *info
	without.Port = nil
	text := strings.ReplaceAll(proto.MarshalTextString(&without), ": <\n", " {\n")
	return strings.ReplaceAll(text, ">\n", "}\n") + fmt.Sprintf("checkpoint: true\nport: %d\n", info.GetPort())
}

func sameAttributes(a, b []mesos.Attribute) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if m := attribute(b, a[i].Name); m == nil || !m.Equal(a[i]) {
			return false
		}
	}
	return true
}

func attribute(all []mesos.Attribute, name string) *mesos.Attribute {
	for i := range all {
		if all[i].Name == name {
			return &all[i]
		}
	}
	return nil
}

func additive(previous, current mesos.AgentInfo) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("Configuration change not permitted under 'additive' policy: "+format, args...) // Mesos's words
	}
	switch {
	case previous.Hostname != current.Hostname:
		return refuse("Hostname changed from %s to %s", previous.Hostname, current.Hostname)
	case previous.GetPort() != current.GetPort():
		return refuse("Port changed from %d to %d", previous.GetPort(), current.GetPort())
	case previous.Domain != nil && !previous.Domain.Equal(current.Domain):
		return refuse("Domain changed from %v to %v", previous.Domain, current.Domain)
	}
	for _, r := range mesos.Resources(nil).Plus(previous.Resources...) {
		if !resources.ContainsAll(mesos.Resources(nil).Plus(current.Resources...), []mesos.Resource{r}) {
			return refuse("resource '%v' is not contained in %v", mesos.Resources{r}, mesos.Resources(current.Resources))
		}
	}
	for _, old := range previous.Attributes {
		match := attribute(current.Attributes, old.Name)
		switch {
		case match == nil:
			return refuse("Couldn't find attribute %s", old.Name)
		case match.Type != old.Type:
			return refuse("Type of attribute '%s' changed from %s to %s", old.Name, old.Type, match.Type)
		case old.Text != nil && old.Text.Value != match.Text.GetValue():
			return refuse("Value of text attribute '%s' changed from %s to %s", old.Name, old.Text.Value, match.Text.GetValue())
		case old.Scalar != nil && !old.Scalar.Equal(match.Scalar):
			return refuse("Value of scalar attribute '%s' changed from %v to %v", old.Name, old.Scalar.Value, match.Scalar.GetValue())
		case old.Ranges != nil && old.Ranges.Compare(match.Ranges) > 0:
			return refuse("Previous value of ranges resource '%s' (%v) not included in current %v", old.Name, old.Ranges, match.Ranges)
		}
	}
	return nil
}
