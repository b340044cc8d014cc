package zk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

// The lease, in parts of the session timeout T, of which ZooKeeper's tick must be a third at most.
//
// A probe is a write that changes nothing: its answer proves that a majority of the servers took it while our session
// lived. (A read can be answered by a server that is cut off from the others.) But it does not start the session's time anew
// where that is kept, in the leading server. That one learns only every half tick from the server we talk to whom
// it has heard of; if ours dies just after an answer, the leader may know of us what was true half a tick ago. Between two
// probes there is half a tick at least. So an answer proves that the leader has heard of the probe *before*: our
// session lasts until T after the sending of that one. Of this we take T/6 off, for clocks of different speed. As probes
// are sent every T/6, the lease ends 2T/3 after the last answered one was sent.
//
// Before the first probe, what the leader has heard of last can be a ping, of which go-zookeeper sends one every T/3.
const (
	probePart  = 6
	marginPart = 6
	pingPart   = 3
)

// Leadership is one won election. It ends once, for one reason, and never comes back. Loading and Save are for one
// goroutine at a time; the other methods may be called from any.
type Leadership struct {
	client *Client
	fence  fence

	// life ends with the leadership; its cause is the reason.
	life context.Context
	end  context.CancelCauseFunc
	kept chan struct{} // closed when keep has returned

	mu       sync.Mutex
	deadline time.Time // the lease's
	answered time.Time // when the last answered probe was sent

	// records holds the paths of the records that exist. Nil: not loaded yet.
	records map[string]struct{}
	// broken is the error of a Save that failed; what is saved is not known exactly from then on.
	broken error
}

// newLeadership starts the lease of a leader whose session was alive after the time sent.
func newLeadership(c *Client, won fence, expired <-chan struct{}, sent time.Time) *Leadership {
	l := &Leadership{client: c, fence: won, kept: make(chan struct{})}
	l.life, l.end = context.WithCancelCause(context.Background())
	timeout := c.sessionTimeout()
	l.answered, l.deadline = sent, sent.Add(timeout-timeout/pingPart-timeout/marginPart)
	go l.keep(expired)
	return l
}

// Epoch is the number of this election.
func (l *Leadership) Epoch() int64 { return l.fence.Number }

// Deadline is the end of the lease as it stands; our session lasts longer than that.
func (l *Leadership) Deadline() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deadline
}

// Valid reports whether we may act as leader at the given time, which must come from time.Now: no other leads then.
func (l *Leadership) Valid(now time.Time) bool {
	return l.life.Err() == nil && now.Before(l.Deadline())
}

// Lost is closed when the leadership is over.
func (l *Leadership) Lost() <-chan struct{} { return l.life.Done() }

// Err says why the leadership is over; nil while it is not.
func (l *Leadership) Err() error { return context.Cause(l.life) }

// Resign ends the leadership and deletes our candidate, so that the next one is elected at once. Its error means that
// the candidate may last as long as our session.
func (l *Leadership) Resign(ctx context.Context) error {
	l.end(ErrResigned)
	<-l.kept
	if err := l.client.delete(ctx, l.candidate()); err != nil {
		return fmt.Errorf("resign: delete %s: %w", l.candidate(), err)
	}
	return nil
}

// candidate is the path of our candidate.
func (l *Leadership) candidate() string { return l.client.url.child(leaderName, l.fence.Leader) }

// extend moves the end of the lease: a probe that was sent at the given time has been answered.
func (l *Leadership) extend(sent time.Time) {
	timeout := l.client.sessionTimeout()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deadline = l.answered.Add(timeout - timeout/marginPart)
	l.answered = sent
}

// keep probes until the leadership is over.
func (l *Leadership) keep(expired <-chan struct{}) {
	defer close(l.kept)
	timer := time.NewTimer(l.client.sessionTimeout() / probePart)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-expired:
		case <-l.client.closed:
			l.end(errors.New("the client was closed"))
			return
		case <-l.life.Done():
			return
		}
		sent := time.Now()
		err := l.probe(expired)
		if err == nil {
			l.extend(sent)
			timer.Reset(l.client.sessionTimeout() / probePart)
			continue
		}
		if reason := l.verdict(err, expired); reason != nil {
			l.end(reason)
			return
		}
		timer.Reset(retryPause)
	}
}

// probe asks whether our candidate is still there, by a write. It takes no longer than the lease runs.
func (l *Leadership) probe(expired <-chan struct{}) error {
	ctx, cancel := context.WithDeadline(l.life, l.Deadline())
	defer cancel()
	answered := make(chan error, 1)
	go func() {
		_, err := ask(ctx, l.client, func(conn *zk.Conn) ([]zk.MultiResponse, error) {
			return conn.Multi(&zk.CheckVersionRequest{Path: l.candidate(), Version: 0})
		})
		answered <- err
	}()
	select {
	case err := <-answered:
		return err
	case <-expired:
		return zk.ErrSessionExpired
	}
}

// verdict is the end that a failed probe means, or nil: try again.
func (l *Leadership) verdict(err error, expired <-chan struct{}) error {
	select {
	case <-expired:
		// What the probe says may be about the session that came after.
		return fmt.Errorf("%w: it was granted for %s without a connection", ErrSessionExpired, l.client.sessionTimeout())
	default:
	}
	switch {
	case errors.Is(err, zk.ErrNoNode), errors.Is(err, zk.ErrBadVersion):
		return fmt.Errorf("%w: %s", ErrCandidateGone, l.candidate())
	case !time.Now().Before(l.Deadline()):
		return fmt.Errorf("%w: ZooKeeper has answered nothing that was sent in the last %s, the session timeout is %s",
			ErrLeaseOver, time.Since(l.lastAnswered()).Round(time.Millisecond), l.client.sessionTimeout())
	case transient(err):
		return nil
	default:
		return fmt.Errorf("%w: probe of %s: %w", ErrLeaseOver, l.candidate(), err)
	}
}

func (l *Leadership) lastAnswered() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answered
}
