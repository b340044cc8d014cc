// Package agent is a stand-in for the agent of Apache Mesos: it registers with a (stand-in) master, starts executors as real
// processes, speaks the v1 executor API with them and a part of the v1 agent operator API with everybody else.
//
// Its behaviour is that of the agent of Mesos 1.12-dev, as far as a framework, an executor or an operator can see it. It
// promises the rules of that agent's state machine: what happens to a task, an executor and a status update in every state
// that they can be in, what is on disk when, and what a restarted agent does with it. The wire between agent and
// master is not Mesos's own (see internal/local/mesos/link).
//
// Not there: task groups and the DEFAULT executor (TASK_DROPPED with a message that says so), nested containers, volumes,
// resource providers, GPUs, images, health checks by the agent, hooks, authentication (of executors and operators), garbage
// collection of sandboxes, quality of service, oversubscription, cgroup version 2.
//
// Who does what: one goroutine (loop.go) owns all state. HTTP handlers, the link to the master, timers and
// containers post functions to it. Containers are behind the interface Containerizer, so that the same state machine can
// be run without processes. What is on disk is in checkpoint.go, and is read back in recover.go.
//
// Start reading at Agent and Run, then launch.go, subscribe.go, update.go and terminate.go: a task's life in that order.
package agent
