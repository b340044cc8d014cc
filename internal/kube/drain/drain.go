package drain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s-framework/internal/kube/api"
)

// Options are a Drainer's settings.
type Options struct {
	Client *api.Client
	// InFlight bounds the eviction calls under way at the same time, over all drains, which take turns; zero: 32. How many
	// requests are sent in a second is bounded by the client's own rate limit.
	InFlight int
	// ProgressEvery is the shortest time between two reports of one drain; zero: a second.
	ProgressEvery time.Duration
}

// Drainer drains nodes, several at the same time if asked to.
type Drainer struct {
	client        *api.Client
	turns         *turns
	board         *board
	stats         *stats
	progressEvery time.Duration
}

// New makes a Drainer.
func New(o Options) (*Drainer, error) {
	if o.Client == nil {
		return nil, errors.New("client is nil, want one to the API server")
	}
	if o.InFlight < 0 || o.ProgressEvery < 0 {
		return nil, fmt.Errorf("in flight is %d and progress every %v, want neither below zero", o.InFlight, o.ProgressEvery)
	}
	if o.InFlight == 0 {
		o.InFlight = 32
	}
	if o.ProgressEvery == 0 {
		o.ProgressEvery = time.Second
	}
	return &Drainer{
		client: o.Client, turns: &turns{free: o.InFlight}, board: newBoard(o.Client), stats: newStats(),
		progressEvery: o.ProgressEvery,
	}, nil
}

// Request says which node to drain.
type Request struct {
	// Node is the name of the Node object.
	Node string
	// UID and ProviderID, unless empty, are what the Node object must have; if it has not, nothing is done to it or its pods.
	UID        string
	ProviderID string
	// Deadline ends the drain; zero: only its context does.
	Deadline time.Time
	// GracePeriod, unless nil, is given to the pods instead of their own; whole seconds.
	GracePeriod *time.Duration
}

// Result is how a drain ended.
type Result struct {
	// Gone counts the pods that left while the drain looked.
	Gone int
	// Last is the progress at the end: nothing left, or what was.
	Last Progress
}

// ErrDeadline is wrapped by the error of a drain that its Deadline ended.
var ErrDeadline = errors.New("the drain's deadline has passed")

// Drain cordons the node, evicts its pods until none is left that leaves (the package comment says which do), and waits until
// their volumes are unmounted. progress, unless nil, is called from this goroutine whenever something changed, at most once every ProgressEvery.
//
// The error is nil if the node is drained. It wraps ErrNodeGone or ErrOtherNode if there is no such Node (any more),
// ErrDeadline or the context's cause if that ended the drain, or the API server's refusal to cordon the node. No goroutine and
// no request is left behind.
func (d *Drainer) Drain(ctx context.Context, r Request, progress func(Progress)) (Result, error) {
	if r.Node == "" {
		return Result{}, errors.New("drain: node is empty, want the name of a Node object")
	}
	if !r.Deadline.IsZero() {
		limited, cancel := context.WithDeadlineCause(ctx, r.Deadline, ErrDeadline)
		defer cancel()
		ctx = limited
	}
	run := &run{drainer: d, request: r, ledger: newLedger(d.board), progress: progress}
	err := run.drain(ctx)
	result := Result{Gone: run.ledger.gone, Last: run.snapshot(time.Now())}
	d.stats.ended(run, err == nil)
	switch {
	case err == nil:
		return result, nil
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return result, fmt.Errorf("drain node %s: %w: %s", r.Node, context.Cause(ctx), result.Last.Why())
	default:
		return result, fmt.Errorf("drain node %s: %w", r.Node, err)
	}
}
