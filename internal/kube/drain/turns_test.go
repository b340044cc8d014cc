package drain

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDrainsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &turns{free: 1}
		big, small, third := &run{}, &run{}, &run{}
		require.NoError(t, shared.take(t.Context(), big))
		var order []*run
		for _, drain := range []*run{big, big, big, big, small, third, small} {
			go func() {
				assert.NoError(t, shared.take(t.Context(), drain))
				order = append(order, drain)
				shared.give()
			}()
			synctest.Wait()
		}
		shared.give()
		synctest.Wait()
		assert.Equal(t, []*run{big, small, third, big, small, big, big}, order)
		assert.Equal(t, 1, shared.free)
	})
}

func TestACallThatIsGivenUpTakesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &turns{free: 1}
		require.NoError(t, shared.take(t.Context(), &run{}))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- shared.take(ctx, &run{}) }()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		assert.Empty(t, shared.queues)
		shared.give()
		assert.Equal(t, 1, shared.free)
	})
}
