package mesos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"k8s-framework/internal/mesos/wire"
	"k8s-framework/scheduler"
)

// session is what calls need to know of the subscription that they belong to.
type session struct {
	ctx       context.Context // of the stream: a call that outlives it is of no use
	hang      context.CancelCauseFunc
	http      *http.Client
	master    string
	url       string
	header    http.Header
	timeout   time.Duration
	framework scheduler.FrameworkID
	// tearing: TEARDOWN was sent, and not refused.
	tearing atomic.Bool
}

// Call sends one call to the master that we are subscribed to. nil means that it was accepted, not that it was or will be done.
//
// An UpdateFramework holds for every later subscription as well, also when it failed for another reason than a refusal. If it is
// not known whether the master took it, the subscription ends, and the next one says it. A TearDown that the master takes ends
// Run with [ErrTornDown].
//
// Errors: [ErrNotSubscribed], at once, while there is no subscription; a [*Refused]; ctx's; those of the network and of
// Options.Renderer. None of them is about anything but this call, and none but those of UpdateFramework ends the subscription.
func (c *Client) Call(ctx context.Context, call scheduler.Call) error {
	if update, is := call.(scheduler.UpdateFramework); is {
		return c.update(ctx, update)
	}
	return c.send(ctx, c.session.Load(), call)
}

// update changes what we say of ourselves.
func (c *Client) update(ctx context.Context, call scheduler.UpdateFramework) error {
	before := c.framework.Load()
	after := before.with(call)
	c.framework.Store(&after)
	current := c.session.Load()
	err := c.send(ctx, current, call)
	var refused *Refused
	switch {
	case err == nil, errors.Is(err, ErrNotSubscribed), errors.Is(err, ErrStaleStream):
	case errors.As(err, &refused) && refused.final():
		c.framework.CompareAndSwap(&after, before) // a SUBSCRIBE with it would be refused as well, which ends Run
	default:
		current.hang(fmt.Errorf("whether the master knows our new roles is not known: %w", err))
	}
	return err
}

// send sends one call in a session, which may be nil.
func (c *Client) send(ctx context.Context, current *session, call scheduler.Call) error {
	if current == nil {
		return fmt.Errorf("%s: %w", describe(call), ErrNotSubscribed)
	}
	message, err := speaker{current.framework, *c.framework.Load(), c.options.Renderer}.encode(call)
	if err != nil {
		return fmt.Errorf("%s: %w", describe(call), err)
	}
	late := fmt.Errorf("no answer within %v: %w", current.timeout, context.DeadlineExceeded)
	ctx, cancel := context.WithTimeoutCause(ctx, current.timeout, late)
	defer cancel()
	if _, last := call.(scheduler.TearDown); last {
		current.tearing.Store(true) // the stream ends before the answer comes, and must not take it away
	} else {
		defer context.AfterFunc(current.ctx, cancel)()
	}
	response, err := wire.Post(ctx, current.http, current.url, current.header, message)
	switch {
	case err != nil && current.ctx.Err() != nil:
		return fmt.Errorf("%s: %w: the stream ended meanwhile", describe(call), ErrNotSubscribed)
	case err != nil:
		return fmt.Errorf("%s: %w", describe(call), err)
	}
	text := wire.Text(response)
	if response.StatusCode != taken(message.Type) {
		current.tearing.Store(false)
		refused := &Refused{Call: message.Type.String(), Master: current.master, Status: response.StatusCode, Text: text}
		return fmt.Errorf("%s: %w", describe(call), refused)
	}
	return nil
}

// taken is the status by which a master accepts a call: UPDATE_FRAMEWORK is done by the time that it is answered.
func taken(call v1sched.Call_Type) int {
	if call == v1sched.Call_UPDATE_FRAMEWORK {
		return http.StatusOK
	}
	return http.StatusAccepted
}
