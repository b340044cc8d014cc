package mesos

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"k8s-framework/internal/mesos/wire"
	"k8s-framework/scheduler"
)

// session is what calls need to know of the subscription that they belong to.
type session struct {
	ctx       context.Context // of the stream: a call that outlives it is of no use
	http      *http.Client
	master    string
	url       string
	header    http.Header
	timeout   time.Duration
	framework scheduler.FrameworkID
}

// Call sends one call to the master that we are subscribed to. nil means that it was accepted, not that it was or will be done.
//
// Errors: [ErrNotSubscribed], at once, while there is no subscription; a [*Refused]; ctx's; those of the network and of
// Options.Renderer. None of them is about anything but this call, and none ends the subscription.
func (c *Client) Call(ctx context.Context, call scheduler.Call) error {
	current := c.session.Load()
	if current == nil {
		return fmt.Errorf("%s: %w", describe(call), ErrNotSubscribed)
	}
	message, err := encodeCall(call, current.framework, c.options.Renderer)
	if err != nil {
		return fmt.Errorf("%s: %w", describe(call), err)
	}
	late := fmt.Errorf("no answer within %v: %w", current.timeout, context.DeadlineExceeded)
	ctx, cancel := context.WithTimeoutCause(ctx, current.timeout, late)
	defer cancel()
	defer context.AfterFunc(current.ctx, cancel)()
	response, err := wire.Post(ctx, current.http, current.url, current.header, message)
	switch {
	case err != nil && current.ctx.Err() != nil:
		return fmt.Errorf("%s: %w: the stream ended meanwhile", describe(call), ErrNotSubscribed)
	case err != nil:
		return fmt.Errorf("%s: %w", describe(call), err)
	}
	text := wire.Text(response)
	if response.StatusCode != http.StatusAccepted {
		refused := &Refused{Call: message.Type.String(), Master: current.master, Status: response.StatusCode, Text: text}
		return fmt.Errorf("%s: %w", describe(call), refused)
	}
	return nil
}
