package mesos

import (
	"math/rand/v2"
	"time"
)

const (
	firstPause = 100 * time.Millisecond
	// maxPause is the longest wait between two attempts to subscribe.
	maxPause = 15 * time.Second
	// settled is how long a subscription must have lived for its end to be the beginning of a new outage. Without it, a stream
	// that breaks right after each subscription (an event that is too large) would be tried ten times a second for ever.
	settled = 10 * time.Second
)

// pace spaces attempts to subscribe. The wait is a tenth of the time that the outage has lasted: whatever the length of the
// outage, we come back at most a tenth of it too late, and the number of attempts grows with its logarithm only. An ordinary
// failover of masters takes some ten seconds, so that the new one is found within a second of its answering.
type pace struct {
	began  time.Time
	random func() float64 // in [0, 1)
}

func newPace(now time.Time) *pace { return &pace{began: now, random: rand.Float64} }

// lived tells how long a subscription lasted that has just ended.
func (p *pace) lived(duration time.Duration, now time.Time) {
	if duration >= settled {
		p.began = now
	}
}

// afresh begins anew: another master leads, so what was tried before says nothing.
func (p *pace) afresh(now time.Time) { p.began = now }

// pause is how long to wait before the next attempt, with up to half of it taken away at random.
func (p *pace) pause(now time.Time) time.Duration {
	longest := min(max(now.Sub(p.began)/10, firstPause), maxPause)
	return longest - time.Duration(p.random()*float64(longest/2))
}
