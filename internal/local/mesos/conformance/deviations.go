package conformance

import "strings"

// Deviation is a difference to the recordings that is known and explained.
type Deviation struct {
	Scenario string // name of the transcript
	Part     string // beginning of the part's title
	What     string // found in the mismatch's text
	Why      string
	// Sometimes is set where the moment decides whether it occurs. Then its absence is no failure.
	Sometimes bool
}

// Covers says whether the mismatch is this deviation.
func (d Deviation) Covers(m Mismatch) bool {
	return d.Scenario == m.Scenario && strings.HasPrefix(m.Part, d.Part) && strings.Contains(m.String(), d.What)
}

// Races are differences between any two runs, of a real Mesos too.
func Races() []Deviation {
	return []Deviation{
		{
			Scenario: "09-reservations", Part: "RECONCILE_OPERATIONS", What: "OPERATION_UNKNOWN", Sometimes: true,
			Why: "an acknowledged operation is forgotten when the agent has heard of it: here before RECONCILE_OPERATIONS",
		},
		{
			Scenario: "16-resources", Part: "a memory limit", What: "not recorded: scheduler 2 (stream 1) event: {\"type\":\"OFFERS\"",
			Why:       "the resources of the killed container are offered if a cycle falls before the last acknowledgement",
			Sometimes: true,
		},
		{
			Scenario: "16-resources", Part: "limits on a command task", What: ":procs: recorded", Sometimes: true,
			Why: "a command task has up to four processes: the recorder looked before the shell had started the last ones",
		},
		{
			Scenario: "02b-masters", Part: "the agent is stopped", What: "503 Master has not finished recovery", Sometimes: true,
			Why: "a new leader refuses calls while it recovers its registry: for a moment that may be over between two looks",
		},
	}
}

// Deviations are the differences that are meant between the stand-in of this repository and a real Mesos. One that no
// longer occurs fails the test, as a difference without a deviation does.
func Deviations() []Deviation {
	return []Deviation{
		{
			Scenario: "08b-several", Part: "an agent whose resources are below", What: "OFFERS", Sometimes: true,
			Why: "a restarted agent with nothing to recover registers after 0.4 s, not 2 s, so that the 6 s of its offer " +
				"end 1.6 s earlier, and the next offer comes alone or with another agent's",
		},
		{
			Scenario: "08b-several", Part: "an agent whose resources are below", What: "RESCIND", Sometimes: true,
			Why: "the same: another offer is outstanding when the agents are killed",
		},
		{
			Scenario: "02b-masters", Part: "the stopped master goes on", What: `"type":"RESCIND"`, Sometimes: true,
			Why: "a leader that wakes up sees its agent's closed connection a moment before its lost session",
		},
	}
}

// Judge splits mismatches into those that are explained and those that are not, and names the deviations that should
// have occurred in the parts that were played and did not.
func Judge(mismatches []Mismatch, scenario string, explained []Deviation, played func(part string) bool) (
	unexpected []Mismatch, absent []Deviation,
) {
	occurred := make([]bool, len(explained))
	for _, m := range mismatches {
		covered := false
		for i, d := range explained {
			if d.Covers(m) {
				occurred[i], covered = true, true
			}
		}
		if !covered {
			unexpected = append(unexpected, m)
		}
	}
	for i, d := range explained {
		if d.Scenario == scenario && !occurred[i] && !d.Sometimes && played(d.Part) {
			absent = append(absent, d)
		}
	}
	return unexpected, absent
}
