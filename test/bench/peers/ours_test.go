//go:build bench

package peers_test

import (
	"context"
	"errors"

	"k8s-framework/internal/mesos"
	"k8s-framework/scheduler"
)

// maxBatch is how many calls are made together at most; the framework makes those of all events that wait, four times as many.
const maxBatch = 1000

// runOurs asks the masters in turn, as the framework does where there is no ZooKeeper.
func runOurs(ctx context.Context, ended func(error), masters ...string) error {
	leader, err := mesos.Static(masters...)
	if err != nil {
		return err
	}
	return runOursAt(ctx, ended, leader)
}

// runOursAt reads and calls on two goroutines, as the framework does.
func runOursAt(ctx context.Context, ended func(error), leader mesos.Leader) error {
	client, err := mesos.New(mesos.Options{
		Leader: leader, Framework: mesos.Framework{User: "root", Name: "bench"}, Renderer: noExecutors{},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	calls := make(chan scheduler.Call, maxBatch)
	go func() {
		for ctx.Err() == nil {
			if err := perform(ctx, client, take(ctx, calls)); err != nil {
				cancel(err)
			}
		}
	}()
	err = client.Run(ctx, "", func(event scheduler.Event) {
		if lost, is := event.(scheduler.Disconnected); is {
			ended(errors.New(lost.Why))
		}
		if call := reaction(event); call != nil {
			select {
			case calls <- call:
			case <-ctx.Done():
			}
		}
	})
	return errors.Join(err, context.Cause(ctx))
}

// reaction is the call that answers an event; nil: none.
func reaction(event scheduler.Event) scheduler.Call {
	switch event := event.(type) {
	case scheduler.Offered:
		decline := scheduler.Decline{Offers: make([]scheduler.OfferID, len(event.Offers))}
		for i, offer := range event.Offers {
			decline.Offers[i] = offer.ID
		}
		return decline
	case scheduler.TaskUpdated:
		if event.Update != "" {
			return scheduler.Acknowledge{Task: event.Task, Agent: event.Agent, Update: event.Update}
		}
	}
	return nil
}

// take waits for a call, and takes those that wait with it.
func take(ctx context.Context, calls <-chan scheduler.Call) (batch []scheduler.Call) {
	select {
	case call := <-calls:
		batch = append(batch, call)
	case <-ctx.Done():
		return nil
	}
	for len(batch) < maxBatch {
		select {
		case call := <-calls:
			batch = append(batch, call)
		default:
			return batch
		}
	}
	return batch
}

// perform makes the calls in their order, and returns when each was taken.
func perform(ctx context.Context, client *mesos.Client, calls []scheduler.Call) error {
	answers := make([]func() error, len(calls))
	for i, call := range calls {
		answers[i] = client.Send(ctx, call)
	}
	var errs []error
	for _, answer := range answers {
		errs = append(errs, answer())
	}
	return errors.Join(errs...)
}

// noExecutors renders nothing: nothing is launched here.
type noExecutors struct{}

func (noExecutors) Executor(scheduler.Launch) (mesos.Executor, error) {
	return mesos.Executor{}, errors.ErrUnsupported
}
func (noExecutors) Drained(scheduler.TellDrained) []byte     { return nil }
func (noExecutors) Token(scheduler.SendToken) []byte         { return nil }
func (noExecutors) Reported([]byte) (scheduler.Event, error) { return nil, errors.ErrUnsupported }
