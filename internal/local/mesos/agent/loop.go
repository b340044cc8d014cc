package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/sirupsen/logrus"
)

// Agent is one agent. What is below its mark is touched by the goroutine of Run only.
type Agent struct {
	opts Options
	log  *logrus.Entry
	// events is how everybody else talks to that goroutine.
	events chan func()
	done   chan struct{} // closed when nobody reads events any more
	// answering tells the HTTP handlers, without asking the loop, how far the start is.
	answering atomic.Int32

	// ---- mark ----
	phase      phase
	info       mesos.AgentInfo
	total      []mesos.Resource
	paths      paths
	frameworks []*framework
	completed  []*framework
	updates    *updateManager
	operations []*operation
	drain      *mesos.DrainConfig
	drainStart time.Time
	master     session
	err        error // why the agent ends
	over       bool  // the agent ends
	startTime  time.Time
}

// How long some things take at least, because a real agent needs that long for them: whoever talks to it in the meantime gets
// other answers than before and after, and has to cope with them.
const (
	routesTake   = 20 * time.Millisecond  // from the open port to the first route: 404
	recoverTakes = 150 * time.Millisecond // from there to the end of the recovery of containers: 503
	endTakes     = 700 * time.Millisecond // from the end of the last framework to the end of the process
)

// New makes an agent of its options; Run starts it.
func New(opts Options) *Agent {
	a := &Agent{
		opts: opts, log: opts.Log, events: make(chan func(), 256), done: make(chan struct{}),
		total: opts.Resources, paths: paths{work: opts.WorkDir}, startTime: time.Now(),
	}
	port := int32(opts.Listener.Addr().(*net.TCPAddr).Port)
	if opts.AdvertisePort != 0 {
		port = int32(opts.AdvertisePort)
	}
	a.info = mesos.AgentInfo{
		Hostname: opts.Hostname, Port: &port, Resources: opts.Resources, Attributes: opts.Attributes, Domain: opts.Domain,
	}
	a.updates = newUpdateManager(a)
	return a
}

// Run runs the agent until it is told to shut down and its last executor has ended (nil), until ctx is done (its error), or
// until it cannot go on. Executors of checkpointing frameworks survive the second and the third.
func (a *Agent) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{Handler: a.handler(), BaseContext: func(net.Listener) context.Context { return ctx }}
	served := make(chan error, 1)
	go func() { served <- server.Serve(a.opts.Listener) }()
	defer server.Close() // the listener is of no use to anybody any more

	a.after(routesTake, func() { a.recover(ctx) })
	for !a.over {
		select {
		case f := <-a.events:
			f()
		case err := <-served:
			if !errors.Is(err, http.ErrServerClosed) {
				a.fail(fmt.Errorf("serve HTTP on %s: %w", a.opts.Listener.Addr(), err))
			}
		case <-ctx.Done():
			a.fail(ctx.Err())
		}
	}
	close(a.done)
	if a.err == nil {
		// The last words are still on their way, and a real agent takes most of a second to clear up, too.
		a.master.farewell()
		select {
		case <-time.After(endTakes):
		case <-ctx.Done():
		}
	}
	a.master.disconnect()
	return a.err
}

// post gives the loop something to do. After the end of the loop it does nothing.
func (a *Agent) post(f func()) {
	select {
	case a.events <- f:
	case <-a.done:
	}
}

// ask is post that waits until it is done; false means that the agent has ended.
func (a *Agent) ask(ctx context.Context, f func()) bool {
	answered := make(chan struct{})
	a.post(func() {
		f()
		close(answered)
	})
	select {
	case <-answered:
		return true
	case <-a.done:
		return false
	case <-ctx.Done():
		return false
	}
}

// after posts f once d has passed.
func (a *Agent) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() { a.post(f) })
}

// fail ends the agent.
func (a *Agent) fail(err error) {
	if a.err == nil {
		a.err = err
	}
	a.over = true
}

// enter changes the phase.
func (a *Agent) enter(p phase) {
	a.phase = p
	a.answering.Store(int32(p))
}

// Unregister tells the agent to go for good, as SIGUSR1 does: it says so to the master, shuts everything down and ends.
func (a *Agent) Unregister() {
	a.post(func() {
		a.log.Info("received SIGUSR1 signal; unregistering and shutting down")
		a.master.unregister()
		a.terminate()
	})
}

// terminate shuts everything down; the agent ends with its last framework.
func (a *Agent) terminate() {
	a.enter(terminating)
	if len(a.frameworks) == 0 {
		a.over = true
		return
	}
	for _, f := range append([]*framework(nil), a.frameworks...) {
		a.shutdownFramework(f.id())
	}
}

func (a *Agent) framework(id string) *framework {
	for _, f := range a.frameworks {
		if f.id() == id {
			return f
		}
	}
	return nil
}
