package conformance

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A difference without a deviation and a deviation without a difference both fail.
func TestJudge(t *testing.T) {
	meant := Deviation{Scenario: "a", Part: "first", What: "blue"}
	other := Deviation{Scenario: "b", Part: "", What: "green"}
	sometimes := Deviation{Scenario: "a", Part: "second", What: "red", Sometimes: true}
	blue := Mismatch{Scenario: "a", Part: "first part", Want: "< yellow", Got: "blue"}
	grey := Mismatch{Scenario: "a", Part: "first part", Want: "< yellow", Got: "grey"}
	all := func(string) bool { return true }

	unexpected, absent := Judge([]Mismatch{blue, grey}, "a", []Deviation{meant, other, sometimes}, all)
	assert.Equal(t, []Mismatch{grey}, unexpected)
	assert.Empty(t, absent)

	unexpected, absent = Judge(nil, "a", []Deviation{meant, other, sometimes}, all)
	assert.Empty(t, unexpected)
	assert.Equal(t, []Deviation{meant}, absent)
}

// Every explained difference names a part that there is.
func TestDeviationsNameParts(t *testing.T) {
	for _, d := range append(Races(), Deviations()...) {
		found := false
		for _, p := range load(t, d.Scenario).Parts {
			found = found || len(p.Title) >= len(d.Part) && p.Title[:len(d.Part)] == d.Part
		}
		require.True(t, found, "%s has no part %q", d.Scenario, d.Part)
		require.NotEmpty(t, d.Why)
	}
}
