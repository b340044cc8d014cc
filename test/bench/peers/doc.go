// Package peers has benchmarks of what this framework does against Mesos and ZooKeeper beside other software that does the same, as
// libraries from the Go module proxy. They have the build tag bench. `make peers` runs the Benchmark… of it, for benchstat, and
// `make bench` the TestBench… as well, which print tables; docs/performance.md keeps what they said.
//
// What makes them fair: all sides run on one machine in one run, one after the other and then all again, with GOMAXPROCS=2, against
// the same server, which plays the same events. Each side is put together as its own example is, with that one's options. What a
// side cannot do is said, not left out.
//
// What speaks to a Mesos master is a scheduler that declines all offers and acknowledges all updates (peer_test.go):
//
//   - ours: internal/mesos.Client, whose events end in the core's words
//   - mesos-go, mesos-go-json: its controller on its HTTP caller, with either codec, whose events end in its messages
//   - null: mesos-go's messages, and the rest by hand: no deadline, no look at an answer, no second subscription
//   - wire: as null, but no event is looked at, and each is answered by the same call: what server and wire take by themselves
//
// The master (master_test.go) is a loop on a TCP connection that counts calls and does not read them. It lives in the same
// process, so what it costs is in the figures of all sides; wire shows how much.
//
// Elections are held on a real ZooKeeper and a real API server, by processes of their own, one of which resigns or is killed.
//
// A benchmark fails if a side does what it should not, and not for being slow. They run in a lab, which wants root.
//
// Start reading at peer_test.go.
package peers
