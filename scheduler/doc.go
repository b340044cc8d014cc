// Package scheduler decides. It is the pure core of k8s-framework: given what is remembered and what just happened,
// it says what to save, which calls to make to Mesos, which operations to perform on Kubernetes, and when to look again.
//
//	plan := core.Step(now, event)
//
// It promises:
//
//   - Step is a function of the core's state, now and the event. There is no I/O, clock, goroutine, lock or random
//     number in this package, so that a transcript of events replays to the same plans.
//   - The fields of a [Plan] are in the order in which they must be performed: what a call relies on is in Save of the
//     same Plan or of an earlier one (write-ahead). If Save fails, nothing that follows may be performed.
//   - Losing a call or an operation costs time and not correctness: every phase that waits has a deadline, and decide
//     compares what is known with what is wanted, whatever event woke it.
//
// It does not promise that the world is as it believes: it asks (reconciles) where it doubts, and never launches again
// on silence.
//
// Start reading at rules.go, the ordered list of decisions; then node.go (the phases of a node and their table), event.go
// and plan.go (what goes in and out), and the transcripts in testdata.
package scheduler
