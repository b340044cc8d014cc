package executor

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGivenBackMemoryComesAgainWhenItIsNeeded(t *testing.T) {
	before := mappedFromFiles(t)
	require.NoError(t, giveBackMemory("/proc/self"))
	after := mappedFromFiles(t)
	assert.Less(t, after, before*3/4, "KiB of files in memory")
	// This program is still itself: its text and its constants are read again.
	TestCleanEnvironment(t)
	require.NoError(t, giveBackMemory("/proc/self"))
	TestEstate(t)
	assert.Error(t, giveBackMemory("/no/such/proc"))
}

func mappedFromFiles(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(text), "RssFile:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return kib
}
