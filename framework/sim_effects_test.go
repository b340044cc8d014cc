package framework

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s-framework/scheduler"
)

// rest stops the process in the middle of a plan; it reports whether the process lives on.
func (l *simLeader) rest(d time.Duration) bool {
	l.w.later(d, d, l.step)
	return l.yield(struct{}{}) && !l.dead
}

// effect is passed before each effect of a plan: here the process may be stopped, frozen or killed.
func (l *simLeader) effect(what any) bool {
	w := l.w
	switch {
	case l.dead:
		return false
	case w.perMille(1):
		l.die(fmt.Sprintf("killed before %s", what))
		return false
	case l.freeze > 0:
		d := l.freeze
		l.freeze = 0
		w.logf("!!! leader %d is frozen for %s before %s", l.epoch, d, what)
		if d >= simLease {
			l.cut()
		}
		return l.rest(d)
	case w.perMille(30):
		return l.rest(w.between(0, 300*time.Millisecond))
	default:
		return true
	}
}

// cut takes ZooKeeper away from the process: its lease runs out, then its session, and another one is elected.
func (l *simLeader) cut() {
	if l.dead || !l.cutOff.IsZero() {
		return
	}
	l.cutOff = l.w.now
	l.w.later(simLease, simLease, func() { // it notices, if it can
		l.ticks = true
		l.run()
	})
	l.w.later(simSession, simSession+2*time.Second, func() {
		if l == l.w.leader() {
			l.w.elect()
		}
	})
}

// lost reports whether the process knows that its lease has run out.
func (l *simLeader) lost() bool { return !l.Valid(l.w.now) }

// die ends the process at once, as SIGKILL does; a standby follows when the session has expired.
func (l *simLeader) die(why string) {
	if l.dead {
		return
	}
	l.w.faults++
	l.gone(why)
	l.w.later(simSession, simSession+2*time.Second, l.succeed)
}

// end is the process's own: it resigns, so that a standby leads at once.
func (l *simLeader) end(err error) {
	if errors.Is(err, errFatal) {
		l.w.watch.fatal(err)
	}
	if !l.dead {
		l.gone(err.Error())
		l.w.later(0, time.Second, l.succeed)
	}
}

// gone takes the process out of the world.
func (l *simLeader) gone(why string) {
	l.w.logf("!!! leader %d ends: %s", l.epoch, why)
	l.dead = true
	l.w.operators.replied(l)
	l.w.master.closed(l)
	clear(l.drains)
	if !l.runs {
		l.finish()
	}
}

// succeed elects another, unless that has happened.
func (l *simLeader) succeed() {
	if l == l.w.leader() {
		l.w.elect()
	}
}

// Save implements Store.
func (l *simLeader) Save(_ context.Context, changes []scheduler.Change) error {
	if !l.effect("a save") {
		return errUnknown
	}
	err := l.w.store.save(l, changes)
	l.refused = l.refused || err != nil
	return err
}

// Send implements Caller.
func (l *simLeader) Send(_ context.Context, call scheduler.Call) (answer func() error) {
	l.w.watch.allows(l, call)
	if !l.effect(call) {
		return func() error { return errUnknown }
	}
	l.w.watch.acts(l, call)
	err := l.w.master.take(l, call)
	if err != nil {
		l.w.watch.notTaken(call)
	}
	return func() error { return err }
}

// Perform implements Operator.
func (l *simLeader) Perform(op scheduler.Op) {
	l.w.watch.allows(l, op)
	if l.effect(op) {
		l.w.watch.acts(l, op)
		l.w.api.perform(l, op)
	}
}

// Valid implements Lease.
func (l *simLeader) Valid(now time.Time) bool {
	return !l.dead && (l.cutOff.IsZero() || now.Before(l.cutOff.Add(simLease)))
}

// Lost implements Lease; live asks lost instead.
func (l *simLeader) Lost() <-chan struct{} { return nil }

// Err implements Lease.
func (l *simLeader) Err() error { return nil }
