package drain

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"sync"
	"time"

	"k8s-framework/internal/kube/api"
)

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

	// joined: the board is followed, since there are pods to evict.
	joined bool
	// silent is since when the node's kubelet does not answer; zero: it does.
	silent   time.Time
	volumes  volumes
	reported Progress
	reportAt time.Time // when the next report may be made
	settled  time.Time // when an empty node counts as empty
}

// drain runs the whole drain; its goroutines have ended when it returns.
func (r *run) drain(ctx context.Context) error {
	r.reportAt = time.Now()
	r.drainer.stats.stands(r, r.snapshot(r.reportAt))
	node, fresh, err := r.drainer.cordonAtLast(ctx, r.request, func(err error) {
		r.reading(err)
		now := time.Now()
		standing := r.snapshot(now)
		r.drainer.stats.stands(r, standing)
		r.report(now, standing)
	})
	if err != nil {
		return err
	}
	if err := r.look(node); err != nil {
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
	return r.loop(ctx, happened, starts{
		evict:  func(p pod) { group.Go(func() { r.evict(ctx, p, tell) }) },
		follow: func() { group.Go(func() { r.followNode(ctx, tell) }) },
	})
}

// starts is what the loop starts.
type starts struct {
	evict  func(pod)
	follow func() // the Node
}

// loop is the drain: ask for whom it is time to ask, then wait until something happens. All state belongs to it.
func (r *run) loop(ctx context.Context, happened <-chan func(time.Time) error, start starts) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		news := r.drainer.board.news() // taken before looking, so that nothing is missed between the two
		if r.ledger.empty() && !now.Before(r.settled) && r.detached(now, start.follow) {
			return nil
		}
		r.ask(now, start.evict)
		standing := r.snapshot(now)
		r.drainer.stats.stands(r, standing)
		r.report(now, standing)
		timer.Reset(r.sleep(now, standing))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case what := <-happened:
			if err := what(time.Now()); err != nil {
				return err
			}
		case <-news:
		case <-timer.C:
		}
	}
}

// ask evicts those whose time it is. Budgets are looked at first, if there is somebody whom they may guard.
func (r *run) ask(now time.Time, evict func(pod)) {
	board := r.drainer.board
	switch {
	case r.readTrouble != nil:
		board.stepBack(r.ledger)
	case !r.ledger.synced || len(r.ledger.pods) == 0:
	case !r.joined:
		board.join()
		r.joined = true
	}
	if !r.mayAsk() {
		return
	}
	for _, p := range r.ledger.next(now, perDrain-len(r.ledger.asking)) {
		evict(p)
	}
}

// mayAsk reports whether the pods and their budgets are known as well as they can be.
func (r *run) mayAsk() bool { return r.readTrouble == nil && r.joined && r.drainer.board.ready() }

// sleep is how long nothing needs to be done if nothing happens.
func (r *run) sleep(now time.Time, standing Progress) time.Duration {
	wake := now.Add(time.Minute)
	consider := func(at time.Time) {
		if !at.IsZero() && at.Before(wake) {
			wake = at
		}
	}
	if len(r.ledger.asking) < perDrain && r.mayAsk() {
		consider(r.ledger.wake(now))
	}
	if r.ledger.empty() && now.Before(r.settled) {
		consider(r.settled)
	}
	if standing.Leaving > 0 {
		consider(now.Add(overdue)) // one may be late by then
	}
	if standing.PodsLeft > standing.Leaving+len(standing.Blocked) {
		consider(now.Add(patience)) // one may have waited for as long by then
	}
	if r.progress != nil && !standing.equal(r.reported) {
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
		node, err := r.drainer.node(soon, r.request)
		cancel()
		tell(func(now time.Time) error {
			if errors.Is(err, ErrNodeGone) || errors.Is(err, ErrOtherNode) {
				return err
			}
			r.nodeTrouble = troubled(r.nodeTrouble, now, err)
			if err != nil {
				return nil
			}
			return r.look(node)
		})
	}
}

// look takes what a reading of the Node says.
func (r *run) look(node wireNode) error {
	if err := r.request.means(node); err != nil {
		return err
	}
	r.silent = node.silent()
	r.volumes.inUse = node.Status.VolumesInUse
	return nil
}

// evict asks for the eviction of one pod and tells the answer.
func (r *run) evict(ctx context.Context, p pod, tell func(func(time.Time) error)) {
	if r.drainer.turns.take(ctx, r) != nil {
		return
	}
	a := readAnswer(r.drainer.evict(ctx, p, r.request.GracePeriod))
	r.drainer.turns.give()
	if ctx.Err() == nil {
		r.drainer.stats.answered(a.kind)
	}
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
	r.ledger.answered(p.uid, a, now)
}

func (r *run) leaveBoard() {
	if r.joined {
		r.drainer.board.leave(r.ledger)
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
func (r *run) report(now time.Time, p Progress) {
	if r.progress == nil || now.Before(r.reportAt) || p.equal(r.reported) {
		return
	}
	r.reported, r.reportAt = p, now.Add(r.drainer.progressEvery)
	r.progress(p)
}

func (r *run) snapshot(now time.Time) Progress {
	p := r.ledger.progress(now, r.silent)
	p.Node = r.request.Node
	p.Trouble = cmp.Or(r.readTrouble, r.evictTrouble, r.nodeTrouble)
	if r.ledger.empty() && !r.volumes.since.IsZero() {
		p.Volumes = &Volumes{Since: r.volumes.since}
		if r.volumes.known {
			p.Volumes.InUse = r.volumes.inUse
		}
	}
	return p
}
