// Package process starts the programs of the outside world (etcd, containerd, ZooKeeper, a Mesos agent, …) for the
// demo and the whole-system tests, and watches over them.
//
// It promises: what a program prints is in LogDir/Name.log; its end is seen at once (Done) and told with its last lines
// (Err); Stop leaves it ended; a program does not outlive the context that it was started with, nor this one, even when
// this one is killed (its parent-death signal is SIGKILL). A program can be started in other namespaces (Options.Enter)
// and is still our direct child, so that a signal reaches the program itself and not a wrapper around it.
//
// It does not promise anything about a program's own children: a Mesos agent's executors outlive their agent, which is
// what tests of agent restarts need. Labs end them with their namespaces.
//
// Start reading at Start; WaitFor is the one way in which this tree waits for the outside world.
package process
