//go:build e2e

package count

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// build compiles the test binaries of all paths into a folder.
func build(t *testing.T) string {
	t.Helper()
	var packages []string
	for _, p := range paths {
		packages = append(packages, "./"+p.pkg)
	}
	slices.Sort(packages)
	folder := t.TempDir()
	// -w: valgrind would read what is there for debuggers at each start.
	cmd := exec.Command("go", append([]string{"test", "-c", "-ldflags=-w", "-o", folder + "/"}, slices.Compact(packages)...)...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "build the benchmarks: %s", out)
	return folder
}

// measure counts what one round costs.
func (p path) measure(t *testing.T, binaries string) cost {
	t.Helper()
	few := p.rounds / 10 // what is done only once, and grows only at first, is done by then
	before, _ := p.run(t, binaries, few)
	total, each := p.run(t, binaries, p.rounds)
	each.instructions = (total - before) / (p.rounds - few)
	return each
}

var (
	countedText   = regexp.MustCompile(`I +refs: +([\d,]+)`)
	allocatedText = regexp.MustCompile(`(\d+) B/op\s+(\d+) allocs/op`)
)

// run executes so many rounds under valgrind. It returns the instructions of the whole process, and the allocations of a round.
func (p path) run(t *testing.T, binaries string, rounds int) (instructions int, each cost) {
	t.Helper()
	cmd := exec.Command("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null",
		filepath.Join(binaries, filepath.Base(p.pkg)+".test"), "-test.run=^$", "-test.benchmem",
		"-test.bench="+p.pattern(), fmt.Sprintf("-test.benchtime=%dx", rounds))
	cmd.Dir = filepath.Join(root, p.pkg)
	cmd.Env = append(os.Environ(), "GOGC=off", "GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s: %s", cmd, out)
	counted := countedText.FindSubmatch(out)
	allocated := allocatedText.FindAllSubmatch(out, -1)
	require.NotNil(t, counted, "%s: no count in: %s", cmd, out)
	require.Len(t, allocated, 1, "%s: want the figures of one benchmark in: %s", cmd, out)
	return number(t, counted[1]), cost{bytes: number(t, allocated[0][1]), allocations: number(t, allocated[0][2])}
}

func number(t *testing.T, text []byte) int {
	t.Helper()
	n, err := strconv.Atoi(string(bytes.ReplaceAll(text, []byte(","), nil)))
	require.NoError(t, err)
	return n
}
