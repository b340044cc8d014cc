package mesos

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"k8s-framework/scheduler"
)

// Client is one framework's conversation with the Mesos masters. Run is called once at a time; Send may be called from any
// goroutine, but only calls that follow one another arrive in their order.
type Client struct {
	options Options
	tls     *tls.Config
	// session is the subscription that calls belong to; nil while there is none.
	session atomic.Pointer[session]
	// framework is what a subscription says of us; UpdateFramework replaces it.
	framework atomic.Pointer[Framework]
}

// New makes a client; it does not connect. The error says which option is wrong.
func New(options Options) (*Client, error) {
	options, err := options.checked()
	if err != nil {
		return nil, fmt.Errorf("mesos client: %w", err)
	}
	config, err := options.tls()
	if err != nil {
		return nil, fmt.Errorf("mesos client: %w", err)
	}
	client := &Client{options: options, tls: config}
	client.framework.Store(&options.Framework)
	return client, nil
}

// Run keeps the framework subscribed and delivers what happens, in order and on the caller's goroutine. An empty framework id
// asks the master for one; it is in the first Subscribed, and is kept for later subscriptions.
//
// [scheduler.Disconnected] is delivered when a subscription ends, and when an attempt fails for another reason than the one
// before it, so that it can be shown. By the time it is delivered, Send fails.
//
// deliver may block: nothing is read meanwhile, and the heartbeat watch waits.
//
// Errors, all of which mean that the process must not subscribe again: ctx's; [ErrTornDown], which is how it ends after our own
// [scheduler.TearDown]; [ErrFailedOver]; [ErrRemoved]; a [*Refused] of SUBSCRIBE whose reason lies with us, such as credentials
// or roles; an error of Options.Leader.
func (c *Client) Run(ctx context.Context, framework scheduler.FrameworkID, deliver func(scheduler.Event)) error {
	pace, shown, leader := newPace(time.Now()), "", ""
	for {
		s := &subscription{client: c, framework: framework, deliver: deliver}
		err := s.run(ctx)
		framework = s.framework
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if fatal(err) {
			return fmt.Errorf("subscription: %w", err)
		}
		if s.subscribed() || err.Error() != shown {
			shown = err.Error()
			deliver(scheduler.Disconnected{Why: shown})
		}
		now := time.Now()
		pace.lived(s.lifetime(now), now)
		if s.changed != nil && s.leader != leader {
			leader = s.leader
			pace.afresh(now)
		}
		if !errors.Is(err, errLeaderChanged) {
			wait(ctx, pace.pause(now), s.changed)
		}
	}
}

// wait ends after the pause, when another master may lead, or with ctx.
func wait(ctx context.Context, pause time.Duration, changed <-chan struct{}) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-ctx.Done():
	}
}
