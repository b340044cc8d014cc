// Package table is the form in which the benchmarks print what they found: Markdown, as docs/performance.md keeps it.
//
// Start reading at Table.
package table

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Table is rows of cells; the first row is the heading.
type Table [][]string

// String is the table in Markdown.
func (t Table) String() string {
	var text strings.Builder
	for i, row := range t {
		fmt.Fprintf(&text, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(&text, "|%s\n", strings.Repeat("---|", len(row)))
		}
	}
	return text.String()
}

// Spread is the least, the median and the most of at least one duration.
func Spread(of []time.Duration) []string {
	sorted := slices.Sorted(slices.Values(of))
	return []string{Milliseconds(sorted[0]), Milliseconds(Median(of)), Milliseconds(sorted[len(sorted)-1])}
}

// Median is the middle one of at least one duration, the larger one of two.
func Median(of []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(of))[len(of)/2]
}

// Milliseconds is a duration as it stands in a cell.
func Milliseconds(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }
