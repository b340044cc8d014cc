package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// load parses a file of testdata.
func load(t *testing.T, name string) *Transcript {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".txt"))
	require.NoError(t, err)
	defer f.Close()
	transcript, err := Parse(name, f)
	require.NoError(t, err)
	return transcript
}

func scenarios(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.Len(t, files, 26)
	var list []string
	for _, f := range files {
		list = append(list, strings.TrimSuffix(filepath.Base(f), ".txt"))
	}
	return list
}

// Every line of every transcript is understood, and none is lost.
func TestEveryLineIsUnderstood(t *testing.T) {
	for _, name := range scenarios(t) {
		t.Run(name, func(t *testing.T) {
			transcript := load(t, name)
			data, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
			require.NoError(t, err)
			stamped := 0
			for line := range strings.SplitSeq(string(data), "\n") {
				if strings.HasPrefix(line, "[") {
					stamped++
				}
			}
			require.Len(t, transcript.All(), stamped)
			for _, e := range transcript.All() {
				if e.Kind == Answer && !e.isProbe() {
					require.NotNil(t, e.Call, "line %d: an answer belongs to a call", e.Line)
				}
			}
		})
	}
}

func TestAnUnknownLineIsRefused(t *testing.T) {
	for _, line := range []string{
		"[   1.0] # the moon is full",
		"[   1.0] < scheduler: 299 Fine",
		"[   1.0] < scheduler: 202 Accepted",
		"[   1.0] > scheduler shouts",
		"nothing",
	} {
		_, err := Parse("x", strings.NewReader("Title\n-----\n\n"+line+"\n"))
		require.Error(t, err, line)
	}
}
