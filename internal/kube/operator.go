package kube

import (
	"context"
	"errors"
	"sync"
	"time"

	"k8s-framework/internal/kube/api"
	"k8s-framework/internal/kube/drain"
	"k8s-framework/scheduler"
)

// OperatorOptions are an Operator's settings.
type OperatorOptions struct {
	Client *api.Client
	// InFlight bounds the eviction calls under way at the same time over all drains; zero: the drain package's default.
	InFlight int
	// ProgressEvery is the shortest time between two DrainProgressed of one node; zero: a second.
	ProgressEvery time.Duration
	// Component names this program in Kubernetes Events.
	Component string
}

// Operator performs operations on Kubernetes. Its methods may be called from any goroutine.
type Operator struct {
	client    *api.Client
	component string
	drainer   *drain.Drainer
	scribe    *scribe
	// releaseWithin is the constant, which tests shorten.
	releaseWithin time.Duration

	group sync.WaitGroup
	mu    sync.Mutex
	// drains holds the last drain or uncordon of each node that has not ended.
	drains map[scheduler.NodeName]*job
}

// job is one drain, or one uncordon, which nothing cancels.
type job struct {
	cancel context.CancelFunc
	// cancelled: what is asked for now is done when this job has ended.
	cancelled bool
	done      chan struct{}
}

// NewOperator makes an Operator.
func NewOperator(options OperatorOptions) (*Operator, error) {
	drainer, err := drain.New(drain.Options{
		Client: options.Client, InFlight: options.InFlight, ProgressEvery: options.ProgressEvery,
	})
	if err != nil {
		return nil, err
	}
	return &Operator{
		client: options.Client, component: options.Component, drainer: drainer, scribe: newScribe(options.Client, options.Component),
		drains: map[scheduler.NodeName]*job{}, releaseWithin: releaseWithin,
	}, nil
}

// Perform starts an operation and returns at once. What comes of it is delivered, from other goroutines: the event that the
// operation's words name, or OpFailed; of a Drain DrainProgressed before that; of a CancelDrain, and of a drain that it or
// an Uncordon ends, nothing. When ctx ends, so does what was started, and nothing more is delivered; deliver must return
// then.
//
// An Uncordon ends the drain of its node first. A ForgetKubeNode of a node out of service waits up to a minute for its pods.
func (o *Operator) Perform(ctx context.Context, op scheduler.Op, deliver func(scheduler.Event)) {
	switch op := op.(type) {
	case scheduler.Drain:
		o.startDrain(ctx, op, deliver)
	case scheduler.CancelDrain:
		o.cancelDrain(op.Node)
	case scheduler.ForgetKubeNode:
		o.start(ctx, op, deliver, func() (scheduler.Event, error) {
			return scheduler.KubeNodeForgotten{Node: op.Node}, o.forget(ctx, op)
		})
	case scheduler.Uncordon:
		o.startUncordon(ctx, op, deliver)
	case scheduler.MarkKubeNode:
		o.start(ctx, op, deliver, func() (scheduler.Event, error) {
			return scheduler.KubeNodeMarked{Node: op.Node, Marks: op.Marks}, o.mark(ctx, op)
		})
	case scheduler.ReadLease:
		o.start(ctx, op, deliver, func() (scheduler.Event, error) {
			renewed, err := o.renewed(ctx, op.Host)
			return scheduler.LeaseSeen{Node: op.Node, Renewed: renewed}, err
		})
	case scheduler.CountPods:
		o.start(ctx, op, deliver, func() (scheduler.Event, error) {
			pods, err := o.count(ctx, op.Hosts)
			return scheduler.PodsCounted{Pool: op.Pool, Pods: pods}, err
		})
	default:
		o.start(ctx, op, deliver, func() (scheduler.Event, error) { return o.admit(ctx, op) })
	}
}

// start does an operation and delivers its event, or OpFailed.
func (o *Operator) start(ctx context.Context, op scheduler.Op, deliver func(scheduler.Event), do func() (scheduler.Event, error)) {
	o.group.Go(func() {
		event, err := do()
		switch {
		case ctx.Err() != nil:
		case err != nil:
			deliver(scheduler.OpFailed{Op: op, Why: err.Error()})
		default:
			deliver(event)
		}
	})
}

// Wait returns when everything that Perform started has ended. Nothing is performed after it.
func (o *Operator) Wait() {
	o.group.Wait()
	o.scribe.close()
}

func (o *Operator) startDrain(ctx context.Context, op scheduler.Drain, deliver func(scheduler.Event)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := o.drains[op.Node]
	if before != nil && !before.cancelled {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	this := &job{cancel: cancel, done: make(chan struct{})}
	o.drains[op.Node] = this
	o.group.Go(func() {
		defer close(this.done)
		defer cancel()
		if before != nil {
			<-before.done // it is ending: two drains of one node would report across each other
		}
		event := o.drain(ctx, op, deliver)
		o.mu.Lock()
		if o.drains[op.Node] == this {
			delete(o.drains, op.Node)
		}
		over := this.cancelled || ctx.Err() != nil
		o.mu.Unlock()
		// Only now: whoever is told of the end may ask for a drain again.
		if !over {
			deliver(event)
		}
	})
}

func (o *Operator) cancelDrain(node scheduler.NodeName) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if running := o.drains[node]; running != nil {
		running.cancelled = true
		running.cancel()
	}
}

// drain runs a whole drain and returns the event that ends it.
func (o *Operator) drain(ctx context.Context, op scheduler.Drain, deliver func(scheduler.Event)) scheduler.Event {
	if err := identified(op.Host, op.ProviderID); err != nil {
		return scheduler.OpFailed{Op: op, Why: err.Error()}
	}
	chronicle := o.scribe.open(nodeName(op.Host), op.Why)
	request := drain.Request{Node: nodeName(op.Host), ProviderID: op.ProviderID}
	if op.Grace > 0 {
		request.GracePeriod = &op.Grace
	}
	result, err := o.drainer.Drain(ctx, request, func(p drain.Progress) {
		chronicle.progress(p)
		if ctx.Err() == nil {
			deliver(progressed(op.Node, p))
		}
	})
	switch {
	case errors.Is(err, drain.ErrNodeGone), errors.Is(err, drain.ErrOtherNode):
		return scheduler.NodeDrained{Node: op.Node}
	case err != nil:
		return scheduler.OpFailed{Op: op, Why: err.Error()}
	default:
		chronicle.completed(result)
		return scheduler.NodeDrained{Node: op.Node}
	}
}

// progressed is a drain's progress in the scheduler's words: whatever it waits for beyond pods that leave in their time blocks.
func progressed(node scheduler.NodeName, p drain.Progress) scheduler.DrainProgressed {
	return scheduler.DrainProgressed{Node: node, PodsLeft: p.PodsLeft, Blocked: p.Waits()}
}

// DrainStats tells where all drains stand, for metrics. It may be called from any goroutine.
func (o *Operator) DrainStats() drain.Stats { return o.drainer.Stats() }
