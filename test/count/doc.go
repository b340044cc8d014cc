// Package count keeps the hot paths from growing: its test fails when one of them needs more than 130 % of the instructions,
// allocations or allocated bytes that testdata/figures records. It has the build tag e2e, and wants valgrind.
//
// Instructions are counted and not timed, so that the figures are the same on a busy machine: valgrind counts what the benchmark
// of a path executes in many rounds of its loop, less what it executes in few, which leaves set-up and start out. The garbage
// collector is off, since when it runs is chance; what it would cost follows the allocations. What remains of chance are the
// seeds of Go's maps, within two percent. Waits, locks between threads, caches and system calls are not seen at all: for these
// there are the benchmarks by time, in docs/performance.md.
//
// The record changes with the code, in the same commit, and the commit says why: `make count`. It holds for one version of Go
// and one kind of processor, which its first line names.
//
// Start reading at the list of paths in paths_test.go.
package count
