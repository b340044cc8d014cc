package master

import (
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// Counts count what schedulers say to a master and hear from it, so that a benchmark can ask for times and numbers instead of
// reading a log. Masters of one process may share them. Its methods may be called from any goroutine.
//
// An event is counted when it is queued for its stream: Written tells when its bytes went out.
type Counts struct {
	// Subscribed counts SUBSCRIBE calls that were accepted.
	Subscribed Counter
	// Read and Written are the bytes of the scheduler API, bodies and records, without HTTP's own.
	Read, Written Counter
	// Offers counts offers, not OFFERS events.
	Offers Counter
	// Launched counts tasks that were sent to an agent.
	Launched Counter
	// Reconciled counts answers to RECONCILE, and to a KILL of a task that is not known.
	Reconciled Counter
	// Refused counts calls that were answered with an error.
	Refused Counter

	calls  [scheduler.Call_UPDATE_FRAMEWORK + 1]Counter
	events [scheduler.Event_UPDATE_OPERATION_STATUS + 1]Counter
}

// Counter is a number that only grows, with the times at which it grew first and last. The first time is forgotten when a
// scheduler subscribes.
type Counter struct{ number, first, last atomic.Int64 }

func (c *Counter) add(n int) {
	now := time.Now().UnixNano()
	c.number.Add(int64(n))
	c.first.CompareAndSwap(0, now)
	c.last.Store(now)
}

// Number is how much was counted.
func (c *Counter) Number() int64 { return c.number.Load() }

// MarshalJSON says number, first and last; the times are nanoseconds since 1970, 0 for never.
func (c *Counter) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]int64{"number": c.number.Load(), "first": c.first.Load(), "last": c.last.Load()})
}

// Calls counts the calls of a type that came from a framework's present stream. SUBSCRIBE is in Subscribed instead.
func (c *Counts) Calls(t scheduler.Call_Type) *Counter { return &c.calls[t] }

// Events counts the events of a type.
func (c *Counts) Events(t scheduler.Event_Type) *Counter { return &c.events[t] }

// MarshalJSON is an object of Counters: those of the fields in small letters, calls and events by their types.
func (c *Counts) MarshalJSON() ([]byte, error) {
	calls, events := map[string]*Counter{}, map[string]*Counter{}
	for t := range c.calls {
		if c.calls[t].Number() > 0 {
			calls[scheduler.Call_Type(t).String()] = &c.calls[t]
		}
	}
	for t := range c.events {
		if c.events[t].Number() > 0 {
			events[scheduler.Event_Type(t).String()] = &c.events[t]
		}
	}
	return json.Marshal(map[string]any{
		"subscribed": &c.Subscribed, "read": &c.Read, "written": &c.Written, "offers": &c.Offers, "launched": &c.Launched,
		"reconciled": &c.Reconciled, "refused": &c.Refused, "calls": calls, "events": events,
	})
}

// begin forgets when what was counted before a subscription began.
func (c *Counts) begin() {
	for _, one := range []*Counter{&c.Read, &c.Written, &c.Offers, &c.Launched, &c.Reconciled, &c.Refused} {
		one.first.Store(0)
	}
	for t := range c.calls {
		c.calls[t].first.Store(0)
	}
	for t := range c.events {
		c.events[t].first.Store(0)
	}
	c.Subscribed.add(1)
}
