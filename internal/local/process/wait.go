package process

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// defaultWait is how long WaitFor waits when the context has no deadline. Single starts on a machine that compiles at
// the same time were seen to take 17 s.
const defaultWait = 60 * time.Second

// Between two probes WaitFor sleeps from pollFirst to pollLast, doubling: what is quick is seen quickly, and what is slow
// is not kept from its work by being asked.
const (
	pollFirst = 10 * time.Millisecond
	pollLast  = 250 * time.Millisecond
)

// WaitFor calls probe until it returns nil, until ctx ends, or for 60 s when ctx has no deadline. what completes
// the sentence "wait for …". The error holds the probe's last one; probes should return at the end of their context.
func WaitFor(ctx context.Context, what string, probe func(context.Context) error) error {
	return waitFor(ctx, nil, what, probe)
}

// WaitFor is WaitFor that also gives up, after one more attempt and with the program's last lines, when the program ends.
func (p *Process) WaitFor(ctx context.Context, what string, probe func(context.Context) error) error {
	err := waitFor(ctx, p.done, what, probe)
	if err == nil {
		return nil
	}
	if ended := p.Err(); ended != nil {
		return fmt.Errorf("wait for %s: %w", what, ended)
	}
	return fmt.Errorf("%w%s", err, p.log.quote(10))
}

var errProgramEnded = errors.New("the program ended")

func waitFor(ctx context.Context, gone <-chan struct{}, what string, probe func(context.Context) error) error {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultWait)
		defer cancel()
	}
	begin := time.Now()
	var last error
	for pause := pollFirst; ; pause = min(2*pause, pollLast) {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		// The error of a probe that was cut off says less than the one before it.
		if ctx.Err() == nil || last == nil {
			last = err
		}
		var end error
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
			continue
		case <-gone:
			// It may have done between the last attempt and its end what we wait for.
			if err := probe(ctx); err == nil {
				return nil
			}
			end = errProgramEnded
		case <-ctx.Done():
			end = ctx.Err()
		}
		timer.Stop()
		return fmt.Errorf("wait for %s: %w after %s; the last attempt said: %w",
			what, end, time.Since(begin).Round(time.Millisecond), last)
	}
}
