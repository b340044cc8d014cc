package executor

import (
	"slices"
	"time"

	"k8s-framework/internal/mesos/execapi"
)

const (
	resendAfter = 10 * time.Second // an update that was sent and not acknowledged
	retryAfter  = time.Second      // an update that could not be sent
)

// mailbox keeps the status updates until the agent acknowledges them, and sends one at a time: an update that overtakes
// another of its task would be passed on in the wrong order.
type mailbox struct {
	container string
	number    uint64
	updates   []*update        // unacknowledged, oldest first
	underWay  execapi.UpdateID // whose answer is not there yet
}

type update struct {
	status  execapi.Status
	carried bool      // named in a SUBSCRIBE whose answer is not there yet
	sent    bool      // it has arrived as far as we know
	next    time.Time // when it may be sent (again)
}

func (b *mailbox) post(now time.Time, status execapi.Status) {
	b.number++
	status.At = now
	status.Update = execapi.NewUpdateID(b.container, status.Task, b.number)
	b.updates = append(b.updates, &update{status: status, next: now})
}

// due is the update to send now, and otherwise when to look again; zero: nothing to send.
func (b *mailbox) due(now time.Time) (*update, time.Time) {
	if b.underWay != "" {
		return nil, time.Time{}
	}
	var wake time.Time
	for i, u := range b.updates {
		if u.sent && b.superseded(i) {
			continue // out of its turn the agent might pass it on as news; a SUBSCRIBE carries it if need be
		}
		if !u.next.After(now) {
			return u, time.Time{}
		}
		if !u.sent {
			return nil, u.next // those behind it have to wait
		}
		if wake.IsZero() || u.next.Before(wake) {
			wake = u.next
		}
	}
	return nil, wake
}

// superseded reports whether a later update says something of the same task.
func (b *mailbox) superseded(at int) bool {
	for _, later := range b.updates[at+1:] {
		if later.status.Task == b.updates[at].status.Task {
			return true
		}
	}
	return false
}

// answered: the call that carried the update is over.
func (b *mailbox) answered(id execapi.UpdateID) {
	if b.underWay == id {
		b.underWay = ""
	}
}

func (b *mailbox) find(id execapi.UpdateID) *update {
	for _, u := range b.updates {
		if u.status.Update == id {
			return u
		}
	}
	return nil
}

func (b *mailbox) remove(gone *update) {
	b.updates = slices.DeleteFunc(b.updates, func(u *update) bool { return u == gone })
}

// acknowledged: the agent has the update. Those of the same task before it are history, wherever they are.
func (b *mailbox) acknowledged(last *update) {
	before := true
	b.updates = slices.DeleteFunc(b.updates, func(u *update) bool {
		before = before && u != last
		return u == last || (before && u.status.Task == last.status.Task)
	})
}

// subscribed: the SUBSCRIBE call delivered the updates that it carried.
func (b *mailbox) subscribed(now time.Time) {
	for _, u := range b.updates {
		u.next = now
		if u.sent = u.carried; u.sent {
			u.next = now.Add(resendAfter)
		}
	}
}

// disconnected: what is not acknowledged may be lost with the agent's memory.
func (b *mailbox) disconnected() {
	for _, u := range b.updates {
		u.sent, u.carried = false, false
	}
}

func (b *mailbox) terminalLeft() bool {
	for _, u := range b.updates {
		if u.status.State.Terminal() {
			return true
		}
	}
	return false
}
