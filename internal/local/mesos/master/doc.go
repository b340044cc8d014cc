// Package master is a stand-in for the Apache Mesos master: the v1 scheduler API, the v1 operator API and a few GET
// endpoints, as a real Mesos 1.12-dev speaks them on the wire; towards its agents it speaks package link.
//
// One goroutine (Master.loop) owns all state. HTTP handlers and links hand it closures; what it says goes out through
// queues that never block it. There is no lock in the package and nothing that sleeps.
//
// What it does is what the recordings of a real master show. What it does otherwise, on purpose:
//   - Allocation is simple: every cycle goes over the agents, newest first, and gives each agent's free resources to the
//     framework with the smallest dominant share; there are no quotas, weights and shuffles.
//   - The order of the entries in an offer's resources is: what is not scalar, reserved, unreserved, each as on the agent.
//   - The registry (known, unreachable, gone, drained and deactivated agents, maintenance) is kept in memory
//     (--registry=in_memory), in a file below --work_dir (replicated_log without ZooKeeper), or in the data of the znode
//     log_replicas (replicated_log with --zk), where the real one keeps a log among the masters. So --quorum has no
//     effect, and one ZooKeeper is all that a failover needs.
//   - LAUNCH_GROUP, volumes, quotas, weights and resource providers are not there; what uses them is refused with a
//     message that says so. Of the operator API there is what operatorOrder and answerQuestion list.
//   - Offer constraints are newer than mesos-go's messages: they are read from calls in JSON, and passed over in protobuf.
//   - With ZooKeeper a new leader needs half a second for its registry and answers 503 meanwhile; without, it is there at once.
//   - Frameworks that agents named after a failover, and that never come back, stay until their TEARDOWN.
//
// Agents of the same process need no connection: see Attach. What a benchmark wants to know stands in Counts.
//
// Start reading at New and Run, then loop.go, state.go, and subscribe.go.
package master
