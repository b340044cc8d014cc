package table_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"k8s-framework/test/bench/table"
)

func TestATableIsMarkdown(t *testing.T) {
	took := []time.Duration{30 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond}
	rows := table.Table{
		{"who", "least", "median", "most"},
		append([]string{"ours"}, table.Spread(took)...),
	}
	assert.Equal(t, "| who | least | median | most |\n|---|---|---|---|\n| ours | 10 ms | 20 ms | 30 ms |\n", rows.String())
	assert.Equal(t, 30*time.Millisecond, took[0], "the caller's order stays")
}
