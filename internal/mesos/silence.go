package mesos

import (
	"fmt"
	"io"
	"time"
)

// silence ends a stream on which nothing comes for too long. A half-open connection gives no error by itself.
//
// Only the time that we spend waiting for the master counts: while an event is being delivered the clock stands.
type silence struct {
	limit time.Duration
	timer *time.Timer
	from  io.Reader
}

// newSilence starts the clock with a first limit; hang is called once if it runs out.
func newSilence(limit time.Duration, hang func(error)) *silence {
	s := &silence{limit: limit}
	s.timer = time.AfterFunc(limit, func() { hang(&silentError{limit}) })
	return s
}

// beat changes the limit for the reads that follow. The timer's message names the first limit, so the timer is replaced.
func (s *silence) beat(limit time.Duration, hang func(error)) {
	s.timer.Stop()
	s.limit = limit
	s.timer = time.AfterFunc(limit, func() { hang(&silentError{limit}) })
	s.timer.Stop() // until the next Read
}

// Read implements io.Reader.
func (s *silence) Read(into []byte) (int, error) {
	s.timer.Reset(s.limit)
	defer s.timer.Stop()
	return s.from.Read(into)
}

func (s *silence) stop() { s.timer.Stop() }

// silentError is the end of a stream that said nothing.
type silentError struct{ limit time.Duration }

func (e *silentError) Error() string { return fmt.Sprintf("the master said nothing for %v", e.limit) }
