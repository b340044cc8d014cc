package framework

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"k8s-framework/scheduler"
)

// Store makes the changes of a plan durable, all or none, and only while we lead.
type Store interface {
	Save(ctx context.Context, changes []scheduler.Change) error
}

// Caller sends calls to the Mesos master, in the order of Send. Each answer is asked for, in the same order: nil means that the
// master took the call, not that it was done.
type Caller interface {
	Send(ctx context.Context, call scheduler.Call) (answer func() error)
}

// Operator performs one operation on Kubernetes. It returns at once; results come back as events.
type Operator interface {
	Perform(op scheduler.Op)
}

// Lease says whether we may act. Lost is closed when we may never act again, and Err says why.
type Lease interface {
	Valid(now time.Time) bool
	Lost() <-chan struct{}
	Err() error
}

// maxBatch bounds how many events share one Step and one Save: all that can wait.
const maxBatch = eventRoom

// loop is the whole imperative program: one goroutine takes events, asks the core, and performs its plan.
type loop struct {
	core     *scheduler.Core
	events   chan arrival
	requests chan request
	views    chan viewing
	// abdicated is closed when an operator wants another to lead.
	abdicated chan struct{}
	abdicate  func()

	store    Store
	caller   Caller
	operator Operator
	lease    Lease

	now     func() time.Time
	log     *logrus.Entry
	metrics *metrics

	waiting map[int64]chan<- scheduler.Reply
	last    int64
	// failed is what the core is still to be told of calls that were not taken.
	failed []scheduler.Event
}

// newLoop makes the loop of an instance; its core, store, caller, operator and lease are still to be set.
func newLoop(i *instance) *loop {
	l := &loop{
		events:   make(chan arrival, eventRoom),
		requests: make(chan request),
		views:    make(chan viewing),
		now:      time.Now,
		log:      i.Log,
		metrics:  i.metrics,
		waiting:  map[int64]chan<- scheduler.Reply{},
	}
	l.abdicated = make(chan struct{})
	l.abdicate = sync.OnceFunc(func() { close(l.abdicated) })
	return l
}

// arrival is an event, and since when it waits.
type arrival struct {
	event scheduler.Event
	at    time.Time
}

// deliver takes events for the loop; it waits while too many wait already, so that whoever sends them is slowed down in its turn,
// and gives up when ctx ends.
func (l *loop) deliver(ctx context.Context) func(scheduler.Event) {
	return func(event scheduler.Event) {
		select {
		case l.events <- arrival{event, l.now()}:
		case <-ctx.Done():
		}
	}
}

// request is an operator's request; event makes the core's event of it, under a number that its reply will carry.
type request struct {
	event func(number int64) scheduler.Event
	reply chan<- scheduler.Reply
}

// viewing asks for a view of the core.
type viewing struct {
	of     func(core *scheduler.Core, now time.Time) scheduler.View
	answer chan<- scheduler.View
}

// errInDoubt is the end of a leader that was too slow, or asleep, to know that it still leads.
var errInDoubt = errors.New("leadership is in doubt: the lease ran out before ZooKeeper answered; nothing more is done")

// errFatal is the end that the core asked for.
var errFatal = errors.New("cannot go on")

// errAbdicated is the end that an operator asked for.
var errAbdicated = errors.New("resigned, as an operator's command asked for")

// run turns the loop until ctx is done, leadership is lost or given up, or a Save fails.
func (l *loop) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var batch []scheduler.Event
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.lease.Lost():
			return fmt.Errorf("leadership is lost: %w", l.lease.Err())
		case <-l.abdicated:
			return errAbdicated
		case v := <-l.views:
			v.answer <- v.of(l.core, l.now())
			continue
		case first := <-l.events:
			batch = l.waitingEvents(first)
		case r := <-l.requests:
			batch = append(batch, l.number(r))
		case <-timer.C:
			batch = append(batch, scheduler.Ticked{})
		}
		wake, err := l.turn(ctx, batch)
		if err != nil {
			return err
		}
		timer.Stop()
		if !wake.IsZero() {
			timer.Reset(max(wake.Sub(l.now()), 0))
		}
	}
}

// turn lets the core take one step and performs its plan. wake is when to turn again at the latest: at once if the core has
// to hear of a call that failed; zero: nothing waits.
func (l *loop) turn(ctx context.Context, batch []scheduler.Event) (wake time.Time, err error) {
	batch, l.failed = append(batch, l.failed...), nil
	began := l.now()
	plan := l.core.Step(began, batch...)
	l.metrics.stepped(len(batch), l.now().Sub(began))
	if err := l.perform(ctx, plan); err != nil {
		return time.Time{}, err
	}
	if len(l.failed) > 0 {
		return l.now(), nil
	}
	return plan.Wake, nil
}

// waitingEvents joins what has come meanwhile into one batch: it then costs one Save.
func (l *loop) waitingEvents(first arrival) []scheduler.Event {
	l.metrics.waited(l.now().Sub(first.at), len(l.events))
	batch := []scheduler.Event{first.event}
	for len(batch) < maxBatch {
		select {
		case next := <-l.events:
			batch = append(batch, next.event)
		default:
			return batch
		}
	}
	return batch
}

// perform does what a plan says, in the order of its fields.
func (l *loop) perform(ctx context.Context, plan scheduler.Plan) error {
	l.explain(plan)
	if len(plan.Save) > 0 {
		began := l.now()
		if err := l.store.Save(ctx, plan.Save); err != nil {
			return fmt.Errorf("save %s (and %d more): %w", plan.Save[0], len(plan.Save)-1, err)
		}
		l.metrics.saved(len(plan.Save), l.now().Sub(began))
	}
	for _, reply := range plan.Replies {
		l.reply(reply)
	}
	if plan.Fatal != "" {
		return fmt.Errorf("%w: %s", errFatal, plan.Fatal)
	}
	if err := l.call(ctx, plan.Calls); err != nil {
		return err
	}
	for _, op := range plan.Ops {
		if !l.lease.Valid(l.now()) {
			return errInDoubt
		}
		l.logOf(op).WithField("node", op.For()).Infof("kubernetes: %s", op)
		l.operator.Perform(op)
	}
	return nil
}

// call makes all calls and then looks at the answers, so that they cost one round trip together.
func (l *loop) call(ctx context.Context, calls []scheduler.Call) error {
	answers := make([]func() error, 0, len(calls))
	for _, call := range calls {
		if !l.lease.Valid(l.now()) {
			return errInDoubt
		}
		answers = append(answers, l.caller.Send(ctx, call))
	}
	for i, answer := range answers {
		l.answered(calls[i], answer())
	}
	return nil
}

// answered notes what became of a call. A call that fails costs that call: the core's deadlines cover it, and it is told of those
// that no deadline covers.
func (l *loop) answered(call scheduler.Call, err error) {
	entry := l.logOf(call)
	l.metrics.called(call, err)
	switch {
	case err != nil:
		switch call.(type) {
		case scheduler.Accept, scheduler.Decline, scheduler.Revive, scheduler.Suppress, scheduler.UpdateFramework:
			l.failed = append(l.failed, scheduler.CallFailed{Call: call, Why: err.Error()})
		}
		entry.WithError(err).Warnf("mesos: %s: not taken by the master; it is made again when its deadline passes", call)
	case routine(call):
		entry.Debugf("mesos: %s", call)
	default:
		entry.Infof("mesos: %s", call)
	}
}

// routine reports whether a call is so frequent that it is no news.
func routine(call scheduler.Call) bool {
	switch call.(type) {
	case scheduler.Acknowledge, scheduler.Decline, scheduler.Reconcile:
		return true
	default:
		return false
	}
}

func (l *loop) number(r request) scheduler.Event {
	l.last++
	l.waiting[l.last] = r.reply
	return r.event(l.last)
}

// reply hands a reply to the operator who waits for it. The channel has room: an operator who left loses it.
func (l *loop) reply(reply scheduler.Reply) {
	if waiting := l.waiting[reply.Request]; waiting != nil {
		waiting <- reply
		delete(l.waiting, reply.Request)
	}
}

// explain logs what was decided, and why.
func (l *loop) explain(plan scheduler.Plan) {
	for _, note := range plan.Notes {
		fields := logrus.Fields{}
		for key, value := range map[string]string{
			"node": string(note.Node), "pool": string(note.Pool), "agent": string(note.Agent), "task": string(note.Task),
		} {
			if value != "" {
				fields[key] = value
			}
		}
		if note.Alarm {
			l.metrics.alarms.Inc()
			l.log.WithFields(fields).Warn(note.Text)
		} else {
			l.log.WithFields(fields).Info(note.Text)
		}
	}
}

// logOf adds what an effect is about to the log's fields.
func (l *loop) logOf(effect any) *logrus.Entry {
	switch e := effect.(type) {
	case scheduler.Accept:
		return l.log.WithField("agent", e.Agent)
	case scheduler.Kill:
		return l.log.WithFields(logrus.Fields{"agent": e.Agent, "task": e.Task})
	case scheduler.Acknowledge:
		return l.log.WithFields(logrus.Fields{"agent": e.Agent, "task": e.Task})
	case scheduler.TellDrained:
		return l.log.WithFields(logrus.Fields{"agent": e.Agent, "node": e.Node})
	default:
		return l.log
	}
}
