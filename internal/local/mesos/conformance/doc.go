// Package conformance drives a Mesos master and agents through recorded scenarios and compares what they say with what
// a real Mesos said.
//
// testdata holds transcripts of a real Mesos (1.12-dev): calls and events of the v1 scheduler, executor and operator
// APIs, process actions, cgroup values. A replay starts the processes with the recorded command lines, sends the recorded
// calls with the ids of its own run, and demands the recorded answers: types, states, reasons, sources, messages, HTTP
// statuses and headers, every field of a JSON text that is shown in full.
//
// It promises: no line of a transcript is skipped (a form that it does not know is an error), and differences that are
// meant are listed in deviations.go, which fails in both directions. It tolerates other ids, other times, and another
// order of what arrives within a part, because two runs of the real thing differ in these.
//
// It does not promise to see what no transcript shows, such as an additional delay that is shorter than the time for
// which an expected event is awaited.
//
// The processes are `mesos-master` and `mesos-agent` from the folder bin below MESOS_HOME; without it they are built
// from this repository. Nothing here knows which of the two it talks to.
//
// Start reading at transcript.go (what a recording is), then replay.go (how one is played), match.go (what equal means).
package conformance
