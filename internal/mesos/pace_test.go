package mesos

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestAttemptsAreATenthOfTheOutageApart(t *testing.T) {
	start := time.Unix(1000, 0)
	for _, test := range []struct{ outage, longest time.Duration }{
		{0, 100 * time.Millisecond},
		{time.Second, 100 * time.Millisecond},
		{10 * time.Second, time.Second},
		{100 * time.Second, 10 * time.Second},
		{time.Hour, 15 * time.Second},
	} {
		p := pace{began: start, random: func() float64 { return 0 }}
		assert.Equal(t, test.longest, p.pause(start.Add(test.outage)), "%v", test.outage)
		p.random = func() float64 { return 1 }
		assert.Equal(t, test.longest/2, p.pause(start.Add(test.outage)), "%v", test.outage)
	}
}

func TestOnlyASettledSubscriptionEndsAnOutage(t *testing.T) {
	start := time.Unix(1000, 0)
	p := pace{began: start, random: func() float64 { return 0 }}
	p.lived(time.Second, start.Add(100*time.Second))
	assert.Equal(t, 10*time.Second, p.pause(start.Add(100*time.Second)))
	p.lived(time.Minute, start.Add(200*time.Second))
	assert.Equal(t, firstPause, p.pause(start.Add(200*time.Second)))
	p.afresh(start.Add(300 * time.Second))
	assert.Equal(t, firstPause, p.pause(start.Add(300*time.Second)))
}
