package conformance

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMain is also the executor's entry: see recorder.go.
func TestMain(m *testing.M) {
	if IsRecorder(os.Args) {
		os.Exit(Record(os.Args))
	}
	// Scenarios mostly wait: all of them run beside each other, however few cores there are.
	if err := flag.Set("test.parallel", "32"); err != nil {
		panic(err)
	}
	code := m.Run()
	if dir := built.dir; dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// built holds the programs that were built for this run of the tests.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// programs returns the folder of mesos-master and mesos-agent: below MESOS_HOME, or built from this repository.
func programs(t *testing.T) string {
	t.Helper()
	if home := os.Getenv("MESOS_HOME"); home != "" {
		return filepath.Join(home, "bin")
	}
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "mcbin"); built.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-o", built.dir+"/", "../mesos-master", "../mesos-agent").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("build the stand-in: %w: %s", err, out)
		}
	})
	require.NoError(t, built.err)
	return built.dir
}

// attempts is how often a scenario is played before its differences count. A replay runs in real time beside others: what
// is offered in one cycle or in two, or which of two messages is first, depends on the moment, and two runs of a real Mesos
// differ in this way too. A rule that is broken is broken in every attempt.
const attempts = 3

// playScenario plays a transcript and fails for every difference that is not meant and does not go away.
func playScenario(t *testing.T, name string, options Options) {
	t.Helper()
	for attempt := 1; attempt <= attempts; attempt++ {
		differences := playOnce(t, name, options)
		if len(differences) == 0 {
			return
		}
		for _, difference := range differences {
			if attempt == attempts {
				t.Error(difference)
			} else {
				t.Logf("attempt %d of %d: %s", attempt, attempts, difference)
			}
		}
	}
}

// playOnce plays a transcript and returns the differences that are not meant.
func playOnce(t *testing.T, name string, options Options) []string {
	t.Helper()
	transcript := load(t, name)
	executable, err := os.Executable()
	require.NoError(t, err)
	options.Bin, options.Executable = programs(t), executable
	options.Keep = os.Getenv("CONFORMANCE_KEEP") != ""
	result, err := Play(t.Context(), transcript, options)
	if err != nil {
		return []string{err.Error()}
	}
	explained := Races()
	if os.Getenv("MESOS_HOME") == "" {
		explained = append(explained, Deviations()...)
	}
	unexpected, absent := Judge(result.Mismatches, name, explained, func(part string) bool {
		return wasPlayed(transcript, options, part)
	})
	t.Logf("%s: %d compared, %d as recorded, %d differences explained, %d not, %d offers given back, %.0f s %s", name, result.Compared,
		result.Matched, len(result.Mismatches)-len(unexpected), len(unexpected), result.GivenBack, result.Took.Seconds(), result.Dir)
	var differences []string
	for _, m := range unexpected {
		differences = append(differences, m.String())
	}
	for _, d := range absent {
		differences = append(differences, fmt.Sprintf("%s, part %q: the deviation %q no longer occurs: take it out of deviations.go", d.Scenario, d.Part, d.What))
	}
	return differences
}

// wasPlayed says whether all parts whose titles begin so were played to their end.
func wasPlayed(t *Transcript, options Options, title string) bool {
	for _, p := range t.Parts {
		if !strings.HasPrefix(p.Title, title) || len(p.Entries) == 0 {
			continue
		}
		if options.Until > 0 && p.Entries[len(p.Entries)-1].At > options.Until {
			return false
		}
		for _, skip := range options.Skip {
			if strings.HasPrefix(p.Title, skip) {
				return false
			}
		}
	}
	return true
}
