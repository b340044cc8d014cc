// Package zookeeper runs real ZooKeeper servers, from Debian's package of that name, as processes of ours: for the demo
// and for tests.
//
// It promises: a started server answers clients; it keeps its port and its data over Kill, Stop and Restart; everything
// it writes is below Options.Dir; when it does not start, the error quotes its last log lines. Ticks are short, so that
// a session may be as short as 200 ms.
//
// It does not promise anything about a real installation: one machine, little heap, no authentication of servers, and no
// clean-up of old snapshots.
//
// Start reading at server.go; ensemble.go joins three servers for tests of a lost quorum.
package zookeeper
