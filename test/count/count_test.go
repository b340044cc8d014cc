//go:build e2e

package count

import (
	"flag"
	"os/exec"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// In percent of the record: above the first the test fails; below the second the record should be written anew, or what was won
// could be lost again unseen.
const (
	most  = 130
	least = 70
)

var rewrite = flag.Bool("rewrite", false, "write the record anew")

func TestHotPathsCostWhatIsRecorded(t *testing.T) {
	_, err := exec.LookPath("valgrind")
	require.NoError(t, err, "valgrind, which counts instructions, is missing: `make setup` installs Debian's package")
	var recorded record
	if !*rewrite {
		recorded = readRecord(t)
	}
	binaries, found := build(t), make([]cost, len(paths))
	t.Run("each", func(t *testing.T) {
		for i, p := range paths {
			t.Run(p.String(), func(t *testing.T) {
				t.Parallel()
				found[i] = p.measure(t, binaries)
				t.Logf("%+v", found[i])
				if !*rewrite {
					recorded.judge(t, p, found[i])
				}
			})
		}
	})
	t.Run("idle nodes", func(t *testing.T) {
		one, ten := found[slices.Index(paths, idle)], found[slices.Index(paths, idleMany)]
		require.LessOrEqual(t, percent(ten.instructions, one.instructions), 110,
			"a Step with nothing to do has work for each idle node: %d instructions with 10,000 nodes, %d with 1,000", ten.instructions, one.instructions)
	})
	if *rewrite && !t.Failed() {
		writeRecord(t, found)
	}
}

// judge compares what a path costs now with its record.
func (r record) judge(t *testing.T, p path, now cost) {
	t.Helper()
	before, is := r.costs[p.String()]
	if !is {
		t.Fatalf("%v is not in %s: write it anew with `make count`", p, recordFile)
	}
	for _, each := range []struct {
		unit        string
		now, before int
	}{
		{"instructions", now.instructions, before.instructions},
		{"allocations", now.allocations, before.allocations},
		{"bytes", now.bytes, before.bytes},
	} {
		switch ratio := percent(each.now, each.before); {
		case ratio > most:
			t.Errorf("%v: %d %s a round, in %s there are %d: %d %%, want at most %d %%.\n"+
				"Look for the reason: go test -run '^$' -bench '%s' -cpuprofile cpu.out -memprofile mem.out ./%s\n"+
				"If it is worth that, write the record anew with `make count`, in the same commit, which says why.%s",
				p, each.now, each.unit, recordFile, each.before, ratio, most, p.pattern(), p.pkg, r.elsewhere())
		case ratio < least:
			t.Logf("%v: %d %s a round, in %s there are %d: %d %%. Write the record anew with `make count`, so that it stays so.",
				p, each.now, each.unit, recordFile, each.before, ratio)
		}
	}
}

// percent is how much of before there is now, not rounded down: what was nothing must stay nothing.
func percent(now, before int) int {
	if now == before {
		return 100
	}
	return (now*100 + max(before, 1) - 1) / max(before, 1)
}
