package drain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"k8s-framework/internal/kube/api"
)

// Options are a Drainer's settings.
type Options struct {
	Client *api.Client
	// InFlight bounds the eviction calls under way at the same time, over all drains; zero: 32.
	InFlight int
	// ProgressEvery is the shortest time between two reports of one drain; zero: a second.
	ProgressEvery time.Duration
}

// Drainer drains nodes, several at the same time if asked to.
type Drainer struct {
	client *api.Client
	// slots holds a place for every eviction call that may be under way.
	slots         chan struct{}
	board         *board
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
		client: o.Client, slots: make(chan struct{}, o.InFlight), board: newBoard(o.Client), progressEvery: o.ProgressEvery,
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

// How a drain behaves.
const (
	// perDrain bounds the eviction calls of one drain that are under way, so that one node does not take all the slots.
	perDrain = 16
	// settle is how long after the cordon a node counts as empty at the earliest: the kube-scheduler may not have seen the
	// cordon yet, and binding a pod is not refused by it.
	settle = 500 * time.Millisecond
	// lookAgain is how often a drain makes sure that its Node object is still the one of the request.
	lookAgain   = 15 * time.Second
	lookTimeout = 10 * time.Second
)

// Drain cordons the node and evicts its pods until none is left that leaves (the package comment says which do). progress,
// unless nil, is called from this goroutine whenever something changed, at most once every ProgressEvery.
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
	run := &run{drainer: d, request: r, ledger: newLedger(), progress: progress}
	err := run.drain(ctx)
	result := Result{Gone: run.ledger.gone, Last: run.snapshot()}
	switch {
	case err == nil:
		return result, nil
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return result, fmt.Errorf("drain node %s: %w: %s", r.Node, context.Cause(ctx), result.Last.Why())
	default:
		return result, fmt.Errorf("drain node %s: %w", r.Node, err)
	}
}

// run is one drain.
type run struct {
	drainer  *Drainer
	request  Request
	ledger   *ledger
	progress func(Progress)

	// trouble of the list and watch, of evictions, and of looking at the node; nil while there is none.
	readTrouble  *Trouble
	evictTrouble *Trouble
	nodeTrouble  *Trouble

	// joined: the board is looked at, since a budget refused.
	joined   bool
	reported Progress
	reportAt time.Time // when the next report may be made
	settled  time.Time // when an empty node counts as empty
}

// drain runs the whole drain; its goroutines have ended when it returns.
func (r *run) drain(ctx context.Context) error {
	r.reportAt = time.Now()
	fresh, err := r.drainer.cordonAtLast(ctx, r.request, func(err error) {
		r.reading(err)
		r.report(time.Now())
	})
	if err != nil {
		return err
	}
	if fresh {
		r.settled = time.Now().Add(settle)
	}

	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait() // after cancel
	defer cancel()
	defer r.leaveBoard()
	happened := make(chan func(now time.Time) error)
	tell := func(what func(time.Time) error) {
		select {
		case happened <- what:
		case <-ctx.Done():
		}
	}
	group.Go(func() { r.followPods(ctx, tell) })
	group.Go(func() { r.watchNode(ctx, tell) })
	return r.loop(ctx, happened, func(p pod) {
		group.Go(func() { r.evict(ctx, p, tell) })
	})
}

// loop is the drain: ask for whom it is time to ask, then wait until something happens. All state belongs to it.
func (r *run) loop(ctx context.Context, happened <-chan func(time.Time) error, evict func(pod)) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	board := r.drainer.board
	for {
		now := time.Now()
		var news <-chan struct{}
		if r.joined {
			news = board.news() // taken before looking, so that nothing is missed between the two
			r.ledger.look(now, board)
		}
		if r.ledger.empty() && !now.Before(r.settled) {
			return nil
		}
		if r.readTrouble == nil {
			for _, p := range r.ledger.next(now, perDrain-len(r.ledger.asking)) {
				evict(p)
			}
		}
		r.report(now)
		timer.Reset(r.sleep(now))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case what := <-happened:
			if err := what(time.Now()); err != nil {
				return err
			}
		case <-news:
			r.ledger.freeSeveral(time.Now(), board)
		case <-timer.C:
		}
	}
}

// sleep is how long nothing needs to be done if nothing happens.
func (r *run) sleep(now time.Time) time.Duration {
	wake := now.Add(time.Minute)
	consider := func(at time.Time) {
		if !at.IsZero() && at.Before(wake) {
			wake = at
		}
	}
	if len(r.ledger.asking) < perDrain && r.readTrouble == nil {
		consider(r.ledger.wake())
	}
	if r.ledger.empty() {
		consider(r.settled)
	}
	if r.progress != nil && !r.snapshot().equal(r.reported) {
		consider(r.reportAt)
	}
	return max(wake.Sub(now), 0)
}

// followPods tells of the node's pods. The field selector is also what the Node authorizer demands of a kubelet.
func (r *run) followPods(ctx context.Context, tell func(func(time.Time) error)) {
	simply := func(change func()) {
		tell(func(time.Time) error { change(); return nil })
	}
	query := url.Values{"fieldSelector": {"spec.nodeName=" + r.request.Node}}
	api.Follow(ctx, r.drainer.client, "/api/v1/pods", query, api.Handler[wirePod]{
		Listing: func() { simply(r.ledger.listing) },
		Seen:    func(w wirePod) { p := podOf(w); simply(func() { r.ledger.seen(p) }) },
		Synced:  func() { simply(r.ledger.complete) },
		Gone:    func(w wirePod) { simply(func() { r.ledger.removed(w.Metadata.UID) }) },
		Trouble: func(err error) { simply(func() { r.reading(err) }) },
	})
}

// watchNode ends the drain when the Node object is gone or another one: its pods are then nobody's here. It is also what
// notices a server that hangs: a watch alone would look like one on which nothing happens.
func (r *run) watchNode(ctx context.Context, tell func(func(time.Time) error)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookAgain):
		}
		soon, cancel := context.WithTimeout(ctx, lookTimeout)
		_, err := r.drainer.node(soon, r.request)
		cancel()
		tell(func(now time.Time) error {
			if errors.Is(err, ErrNodeGone) || errors.Is(err, ErrOtherNode) {
				return err
			}
			r.nodeTrouble = troubled(r.nodeTrouble, now, err)
			return nil
		})
	}
}

// evict asks for the eviction of one pod and tells the answer.
func (r *run) evict(ctx context.Context, p pod, tell func(func(time.Time) error)) {
	select {
	case r.drainer.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	a := readAnswer(r.drainer.evict(ctx, p, r.request.GracePeriod))
	<-r.drainer.slots
	tell(func(now time.Time) error {
		r.answered(p, a, now)
		return nil
	})
}

func (r *run) answered(p pod, a answer, now time.Time) {
	var trouble error
	if a.kind == unanswered || a.kind == busy {
		trouble = errors.New(a.message)
	}
	r.evictTrouble = troubled(r.evictTrouble, now, trouble)
	if (a.kind == shut || a.kind == several) && !r.joined {
		r.drainer.board.join()
		r.joined = true
	}
	r.ledger.answered(p.uid, a, now, r.drainer.board)
}

func (r *run) leaveBoard() {
	if r.joined {
		r.drainer.board.leave()
	}
}

// reading accounts for the trouble, or the end of trouble, of reading.
func (r *run) reading(err error) { r.readTrouble = troubled(r.readTrouble, time.Now(), err) }

// troubled begins, goes on with, or (err is nil) ends a trouble.
func troubled(before *Trouble, now time.Time, err error) *Trouble {
	switch {
	case err == nil:
		return nil
	case before != nil:
		return &Trouble{Since: before.Since, Message: err.Error()}
	default:
		return &Trouble{Since: now, Message: err.Error()}
	}
}

// report tells of the progress if it changed and it is time to.
func (r *run) report(now time.Time) {
	if r.progress == nil || now.Before(r.reportAt) {
		return
	}
	p := r.snapshot()
	if p.equal(r.reported) {
		return
	}
	r.reported, r.reportAt = p, now.Add(r.drainer.progressEvery)
	r.progress(p)
}

func (r *run) snapshot() Progress {
	p := r.ledger.progress(r.drainer.board)
	p.Node = r.request.Node
	p.Trouble = cmp.Or(r.readTrouble, r.evictTrouble, r.nodeTrouble)
	return p
}
