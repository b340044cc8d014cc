package scheduler

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A schedule that changes at once: the inverse offer and its end arrive in the same turn.
func TestInverseOfferThatIsVoidIsNotAnswered(t *testing.T) {
	core, err := New(DefaultConfig(), State{Meta: Meta{FrameworkID: "fw-1"}})
	require.NoError(t, err)
	now := time.Date(2030, time.January, 1, 0, 0, 0, 0, time.UTC)
	core.Step(now, Subscribed{Framework: "fw-1", Master: "m:5050"}, KubeSynced{})
	offered := InverseOffered{[]InverseOffer{{ID: "i1", Agent: "a1", UnavailableFrom: now.Add(time.Hour).UnixNano()}}}

	assert.Empty(t, core.Step(now, offered, InverseRescinded{Offer: "i1"}).Calls)
	assert.NotEmpty(t, core.Step(now, offered).Calls, "one that is not void is answered")
}
