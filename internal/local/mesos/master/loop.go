package master

import (
	"context"
	"time"
)

// loop runs closures and timers, one at a time, until ctx is done. Everything that touches the state runs here.
func (m *Master) loop(ctx context.Context) {
	wake := time.NewTimer(time.Hour)
	defer wake.Stop()
	for {
		next, any := m.timers.run(time.Now())
		m.allocateIfAsked()
		if any {
			wake.Reset(time.Until(next))
		} else {
			wake.Reset(time.Hour)
		}
		select {
		case <-ctx.Done():
			return
		case f := <-m.calls:
			f()
			m.drainCalls()
		case <-wake.C:
		}
	}
}

// drainCalls runs what waits already, so that many calls make one allocation.
func (m *Master) drainCalls() {
	for range 256 {
		select {
		case f := <-m.calls:
			f()
		default:
			return
		}
	}
}

// post hands a closure to the loop and does not wait; closures of one goroutine run in their order. False means that the
// loop has ended.
func (m *Master) post(f func()) bool {
	select {
	case <-m.stopped:
		return false
	default:
	}
	select {
	case m.calls <- f:
		return true
	case <-m.stopped:
		return false
	}
}

// do runs a closure in the loop and waits for its end. False means that the loop has ended.
func (m *Master) do(f func()) bool {
	done := make(chan struct{})
	if !m.post(func() { f(); close(done) }) {
		return false
	}
	select {
	case <-done:
		return true
	case <-m.stopped:
		return false
	}
}

// after is timers.after from now.
func (m *Master) after(d time.Duration, f func()) *timer { return m.timers.after(time.Now(), d, f) }
