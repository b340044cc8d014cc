// Package executor runs one kubelet inside one Mesos container, from its first task to its last.
//
//	err := executor.Run(ctx, executor.Options{…})
//
// It has the shape of the scheduler's side: a pure [Machine] (events in, a plan of actions out; no I/O, clock or goroutine)
// and a loop that performs the actions and turns what happens into events. What the machine may use of the host is behind
// the interfaces in loop.go.
//
// It promises:
//
//   - The kubelet's Allocatable is the sum of the tasks' resources, and follows it: another task restarts the kubelet with
//     more, pods untouched. When one of several is killed, the pods that no longer fit are evicted first, under their budgets,
//     within the grace of the kill; what is left is untouched. A node that is parked, with next to nothing, stays cordoned.
//   - A task is RUNNING only while its kubelet has answered /healthz; a kubelet that dies, hangs, has not got its port or never
//     joins is started again with backoff, and given up with TASK_FAILED, the reason and its last lines.
//   - No end without a drain, unless the framework said that the node is drained, or the time that Mesos gives is over: KILL,
//     SHUTDOWN and the loss of the agent all cordon the node and evict its pods with the kubelet's own identity first.
//   - Whatever it waits for, it says: in the tasks' status messages and in reports to the framework.
//   - A terminal update says the truth: the kubelet is gone, and no process is left in the cgroup of its pods. The executor
//     exits when the agent has acknowledged it.
//   - Cut off from its agent and from the API server for longer than the Spec's FenceAfter, it ends its node by itself.
//   - An agent that restarts finds everything as it was.
//   - No program is executed that was fetched and has another SHA-256 than it should.
//   - A bootstrap token is in a file of mode 0600 for as long as the kubelet needs it, and shown nowhere. The credentials that came
//     by it end with the node.
//   - One kubelet per root directory: a lock is held as long as a kubelet lives, by it and by its executor. Who comes next
//     waits and says for whom; a kubelet whose executor is dead it ends.
//
// It does not promise:
//
//   - that pods end with the executor when it dies itself. Mesos's linux launcher ends them with the container; with the posix
//     launcher the kubelet dies with the executor, and the next executor on the host ends what is left before it starts;
//   - that preStop hooks run where the API server cannot be reached, or the time of a drain is over: the container runtime then
//     ends the pods, within their own grace periods as far as there is time;
//   - to notice that an agent, which it still talks to, is cut off from its master.
//
// Start reading at rules.go (the behaviour as an ordered list; shrink.go, fence.go and ending.go hold the rest of it), then
// event.go and plan.go (what goes in and out), loop.go, and the transcripts in testdata.
package executor
