// Package framework does what package scheduler decides. It is the only package that knows everyone: it is elected,
// loads what was saved, subscribes to Mesos, watches Kubernetes, and turns the loop (loop.go), in which events go in one
// by one and plans are performed in the order of their fields.
//
// It promises:
//
//   - One leadership in the life of a process. When the election, the ZooKeeper session, the lease or a Save is lost, [Run]
//     ends with an error that says which; a supervisor starts the process again, as a standby.
//   - Nothing is called, and nothing done on Kubernetes, before what it relies on is saved.
//   - Bad options are refused, all of them at once, before anything is started.
//
// It does not promise that a call arrives: the core's deadlines and reconciliation cover that.
//
// Start reading at loop.go, then run.go, which wires the rooms together.
package framework
