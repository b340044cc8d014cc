package mesos

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Errors that end Run: the master wants this process no more, and trying again would do harm or be refused for ever.
var (
	// ErrFailedOver means that another process subscribed with our framework id. Subscribing again would steal it back: exit.
	ErrFailedOver = errors.New("another process took over our subscription (the master said: Framework failed over)")
	// ErrRemoved means that the framework was torn down, or was away for longer than its failover timeout. Mesos ended its tasks
	// and never accepts its id again.
	ErrRemoved = errors.New("the framework was torn down, or its failover timeout passed " +
		"(the master said: Framework has been removed)")
	// ErrTornDown is the end that was asked for: the master closed the stream after our own TEARDOWN. Should it be another end
	// that came first (the master died), the framework subscribes again, and whoever wants it gone must say so again.
	ErrTornDown = errors.New("the framework is torn down, as it asked")
)

// Errors of a call.
var (
	// ErrNotSubscribed means that there is no subscription at the moment; nothing was sent, or the master said so.
	ErrNotSubscribed = errors.New("not subscribed")
	// ErrStaleStream means that the master has another subscription of our framework: ours was stolen, or is being replaced.
	ErrStaleStream = errors.New("the subscription is not ours any more")
)

// Refused is the master's answer to a call that it did not accept. errors.Is finds ErrNotSubscribed and ErrStaleStream in it.
// When Run returns one, it is about SUBSCRIBE, and our own settings are at fault.
type Refused struct {
	Call   string // Mesos's name of the call
	Master string // host:port
	Status int    // the HTTP status; 200 if it came as an ERROR event
	Text   string // the master's explanation
}

// Error implements error.
func (r *Refused) Error() string {
	if r.Status == http.StatusOK {
		return fmt.Sprintf("master %s refused %s: %s", r.Master, r.Call, r.Text)
	}
	return fmt.Sprintf("master %s refused %s with %d: %s", r.Master, r.Call, r.Status, r.Text)
}

// Is implements errors.Is.
func (r *Refused) Is(target error) bool {
	switch target {
	case ErrNotSubscribed:
		return r.Status == http.StatusForbidden && strings.Contains(r.Text, "not subscribed")
	case ErrStaleStream:
		return r.Status == http.StatusBadRequest && strings.Contains(r.Text, "stream ID")
	default:
		return false
	}
}

// final reports whether a refusal of SUBSCRIBE will be repeated for ever. An answer of 404 or 5xx is that of a master which is
// starting or has not recovered yet; what else is refused is refused because of what we sent: credentials, principal, roles.
func (r *Refused) final() bool {
	switch {
	case r.Status == http.StatusNotFound, r.Status == http.StatusRequestTimeout, r.Status == http.StatusTooManyRequests:
		return false
	case r.Status == http.StatusOK:
		// The authorizer itself failed, which says nothing about us.
		return !strings.HasPrefix(r.Text, "Authorization failure")
	default:
		return r.Status >= 400 && r.Status < 500
	}
}

// fatal reports whether Run must return the error.
func fatal(err error) bool {
	var refused *Refused
	var leader *leaderError
	return errors.Is(err, ErrFailedOver) || errors.Is(err, ErrRemoved) || errors.Is(err, ErrTornDown) || errors.As(err, &leader) ||
		errors.As(err, &refused) && refused.final()
}

// leaderError is an error of Options.Leader.
type leaderError struct{ error }

func (e *leaderError) Unwrap() error { return e.error }
