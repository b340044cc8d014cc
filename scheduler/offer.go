package scheduler

import "time"

// Offer is what one agent has to give at the moment, to one role.
type Offer struct {
	ID    OfferID
	Agent AgentID
	Host  Hostname
	// Address is the agent's IP address, as it is written canonically; empty: Mesos does not say.
	Address string
	// Role is the role that the offer was allocated to.
	Role      Role
	Resources []Resource
	// Attributes are the agent's, in the offer's order.
	Attributes []Attribute
	Region     string
	Zone       string
	// UnavailableFrom is the start of a planned maintenance in nanoseconds since 1970; 0: none is planned.
	UnavailableFrom int64
}

// InverseOffer asks us to leave an agent before its maintenance.
type InverseOffer struct {
	ID    OfferID
	Agent AgentID
	// UnavailableFrom is the start of the maintenance in nanoseconds since 1970; For is how long it lasts, 0: for ever.
	UnavailableFrom int64
	For             time.Duration
}

// Attribute is one of an agent's attributes, with its value as Mesos writes it: a number, a text, "[1-3, 7-9]" or "{a,b}".
type Attribute struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
