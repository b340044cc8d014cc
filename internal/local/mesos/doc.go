// Package mesos is a stand-in for Apache Mesos: a master and agents that speak the real wire protocol (v1 scheduler, executor
// and operator APIs over HTTP, in JSON and protobuf), start real executor processes, and keep their books as a real Mesos
// 1.12-dev does. There is no package of Mesos for Debian, and the demo and the tests need one.
//
//	mesos-master/   the program, with the flags of the real one        mesos-agent/    the same for the agent
//	master/         registration, offers, launches, reconciliation     agent/          executors, updates, recovery
//	link/           what master and agent say to each other: the only part of the protocol that is ours
//	wire/           HTTP, RecordIO and JSON as Mesos has them          flags/          command lines and their texts
//	mesos-hollow/   a master and thousands of agents that are not there, in one process: for benchmarks; hollow/ plays them
//	conformance/    plays recordings of a real Mesos against the two programs and compares
//
// Promises: what a scheduler, an executor or an operator sees of the two programs is what the recordings show: events, states,
// reasons, messages, status codes, and their order where Mesos keeps one. Any v1 framework can be pointed at them.
// Not promised: what nobody outside sees. Which parts of Mesos are missing stands in the doc.go of master and of agent; which
// differences are meant stands in conformance.
//
// Nothing outside examples and tests uses this, and everything uses it only through its programs.
package mesos
