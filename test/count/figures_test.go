//go:build e2e

package count

import (
	"bytes"
	"fmt"
	"go/version"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/require"
)

// cost is what one round of a path costs.
type cost struct{ instructions, allocations, bytes int }

// record is what is in testdata/figures.
type record struct {
	// by is the version of Go and the kind of processor with which it was measured.
	by    string
	costs map[string]cost
}

const (
	recordFile = "testdata/figures"
	headings   = "package\tbenchmark\tinstructions\tallocations\tbytes"
)

func here() string { return runtime.Version() + " " + runtime.GOARCH }

func readRecord(t *testing.T) record {
	t.Helper()
	text, err := os.ReadFile(recordFile)
	require.NoError(t, err)
	by, table, _ := strings.Cut(string(text), "\n")
	_, table, _ = strings.Cut(table, "\n")
	r := record{by: by, costs: map[string]cost{}}
	for line := range strings.Lines(table) {
		var p path
		var c cost
		_, err := fmt.Sscan(line, &p.pkg, &p.benchmark, &c.instructions, &c.allocations, &c.bytes)
		require.NoError(t, err, "%s: %q", recordFile, line)
		known := slices.ContainsFunc(paths, func(each path) bool { return each.String() == p.String() })
		require.True(t, known, "%s has %v, which is no path any more: write it anew with `make count`", recordFile, p)
		r.costs[p.String()] = c
	}
	return r
}

// writeRecord keeps three digits of each figure: the others would change each time.
func writeRecord(t *testing.T, found []cost) {
	t.Helper()
	var text bytes.Buffer
	fmt.Fprintln(&text, here())
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, headings)
	for i, c := range found {
		require.NotZero(t, c.instructions, "the record is of all paths, and %v was not measured", paths[i])
		fmt.Fprintf(columns, "%s\t%s\t%d\t%d\t%d\n", paths[i].pkg, paths[i].benchmark, rounded(c.instructions), rounded(c.allocations), rounded(c.bytes))
	}
	require.NoError(t, columns.Flush())
	require.NoError(t, os.WriteFile(recordFile, text.Bytes(), 0o644))
}

func rounded(n int) int {
	unit := 1
	for n/unit >= 1000 {
		unit *= 10
	}
	return (n + unit/2) / unit * unit
}

// elsewhere says with what the record was measured, if that may be the reason of a difference.
func (r record) elsewhere() string {
	goVersion, processor, _ := strings.Cut(r.by, " ")
	if version.Lang(goVersion) == version.Lang(runtime.Version()) && processor == runtime.GOARCH {
		return ""
	}
	return fmt.Sprintf("\nThe record was measured with %s; this is %s, which may be the reason.", r.by, here())
}
