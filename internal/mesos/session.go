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
	hang      context.CancelCauseFunc
	calls     *wire.Pipeline
	master    string
	timeout   time.Duration
	framework scheduler.FrameworkID
	// tearing: TEARDOWN was sent, and not refused. over: the stream has ended.
	tearing, over atomic.Bool
}

// errOver is what calls fail with whose stream has ended.
var errOver = fmt.Errorf("%w: the stream ended meanwhile", ErrNotSubscribed)

// end ends the session with its stream. A TEARDOWN is answered only after that.
func (s *session) end() {
	s.over.Store(true)
	if !s.tearing.Load() {
		s.calls.Close(errOver)
	}
}

// tornDown looks at the answer to a TEARDOWN. Unless it was refused, nothing is called after it.
func (s *session) tornDown(refused bool) {
	s.tearing.Store(!refused)
	if !refused || s.over.Load() {
		s.calls.Close(errOver)
	}
}

// Send sends one call to the master that we are subscribed to, at the latest when its answer is asked for: many calls go out
// together, in the order of Send, without a round trip for each. answer waits for what the master says. nil means that the call was
// accepted, not that it was or will be done. Each answer must be asked for, in the order of the calls.
//
// An UpdateFramework holds for every later subscription as well, also when it failed for another reason than a refusal. If it is
// not known whether the master took it, the subscription ends, and the next one says it. A TearDown that the master takes ends
// Run with [ErrTornDown].
//
// Errors: [ErrNotSubscribed], at once, while there is no subscription; a [*Refused]; ctx's; those of the network and of
// Options.Renderer. A connection that breaks costs all calls that are not answered yet; besides that none is about anything but
// its call, and none but those of UpdateFramework ends the subscription.
func (c *Client) Send(ctx context.Context, call scheduler.Call) (answer func() error) {
	if update, is := call.(scheduler.UpdateFramework); is {
		return c.update(ctx, update)
	}
	return c.send(ctx, c.session.Load(), call)
}

// update changes what we say of ourselves.
func (c *Client) update(ctx context.Context, call scheduler.UpdateFramework) (answer func() error) {
	before := c.framework.Load()
	after := before.with(call)
	c.framework.Store(&after)
	current := c.session.Load()
	sent := c.send(ctx, current, call)
	return func() error {
		err := sent()
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
}

// send sends one call in a session, which may be nil.
func (c *Client) send(ctx context.Context, current *session, call scheduler.Call) (answer func() error) {
	if current == nil {
		return failed(call, ErrNotSubscribed)
	}
	message, err := speaker{current.framework, *c.framework.Load(), c.options.Renderer}.encode(call)
	if err != nil {
		return failed(call, err)
	}
	if message.Type == v1sched.Call_TEARDOWN {
		current.tearing.Store(true) // the stream ends before the answer comes, and must not take it away
	}
	posted := current.calls.Post(message, current.timeout)
	return func() error {
		status, text, err := posted.Wait(ctx)
		refused := err == nil && status != taken(message.Type)
		if message.Type == v1sched.Call_TEARDOWN {
			current.tornDown(refused)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", describe(call), err)
		}
		if refused {
			why := &Refused{Call: message.Type.String(), Master: current.master, Status: status, Text: text}
			return fmt.Errorf("%s: %w", describe(call), why)
		}
		return nil
	}
}

// failed is the answer to a call that was not sent.
func failed(call scheduler.Call, err error) func() error {
	return func() error { return fmt.Errorf("%s: %w", describe(call), err) }
}

// taken is the status by which a master accepts a call: UPDATE_FRAMEWORK is done by the time that it is answered.
func taken(call v1sched.Call_Type) int {
	if call == v1sched.Call_UPDATE_FRAMEWORK {
		return http.StatusOK
	}
	return http.StatusAccepted
}
