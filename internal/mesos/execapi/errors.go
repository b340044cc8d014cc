package execapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Errors that end Run: the agent never takes this executor back.
var (
	// ErrForeignAgent means that the agent at our address does not know our framework: it lost its memory and is another agent
	// now, under whose id nothing of ours runs. End the node.
	ErrForeignAgent = errors.New("the agent does not know this framework: it is another agent now")
	// ErrForgotten means that the agent has given up this executor, usually because it was away for too long. End the node.
	ErrForgotten = errors.New("the agent does not know this executor any more")
)

// Refused is the agent's answer to a call that it did not accept.
type Refused struct {
	Call   string // SUBSCRIBE, UPDATE or MESSAGE
	Status int    // the HTTP status
	Text   string // the agent's explanation
}

// Error implements error.
func (r *Refused) Error() string {
	return fmt.Sprintf("the agent answered %s with %d: %s", r.Call, r.Status, r.Text)
}

// Is implements errors.Is for ErrForeignAgent and ErrForgotten.
func (r *Refused) Is(target error) bool {
	switch target {
	case ErrForeignAgent:
		return r.Status == http.StatusBadRequest && strings.Contains(r.Text, "Framework cannot be found")
	case ErrForgotten:
		return r.Status == http.StatusBadRequest && strings.Contains(r.Text, "Executor cannot be found")
	default:
		return false
	}
}
