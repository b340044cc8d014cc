// Package detect finds the leading master for a stand-in agent: a fixed one, or the one that the smallest json.info_ node
// below a path in ZooKeeper names, as the masters of a real Mesos write it.
//
// Promises: a change of the node that leads is reported once; that nobody leads is reported when there is no node, and when
// ZooKeeper has not been reachable for as long as a session lives. Not promised: that the leader is alive.
package detect
