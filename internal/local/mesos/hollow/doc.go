// Package hollow is a cluster of agents that are not there: each registers with a stand-in master of the same process, is
// offered, is given tasks and says of them what a k8s-executor whose kubelet becomes healthy at once would make its agent say. So
// a scheduler meets tens of thousands of agents on the real wire, on one machine, and nearly all of the time that is spent is its
// own and the master's.
//
// Promises: what a hollow agent says, and in which order, is what an agent of package agent says: one update of a task on its
// way at a time, sent again after 10 s, then after twice as long, up to 10 min, and at once when the agent or its framework
// is back; re-registration with everything that is not acknowledged; the end of an executor in front of what follows from it.
// One goroutine plays all agents. Messages go by reference.
//
// Not promised: anything of Mesos that a scheduler of whole nodes does not use. There are no task groups, no limits; a drain
// kills tasks, but launches on the draining agent are not refused; the result of an operation with an id is said once; an agent
// that is told to shut down is silent from then on. Hollow agents end with their process: the agents of the next one are other
// agents with the same host names, and what ran on the former ones is unreachable or unknown to the master, as after a power cut.
//
// Start reading at Agents, then agent.go and task.go.
package hollow
