// Package link is what a stand-in master and a stand-in agent say to each other.
//
// A real Mesos uses libprocess messages here. Nobody but the two programs sees them, so the stand-in has its own: one TCP
// connection, which the agent opens to the master's port with an HTTP upgrade (POST /link, Upgrade: mesos-link), and then
// JSON lines in both directions. The messages carry the same facts as libprocess's and are named after what they mean.
//
// Promises: messages of one connection arrive in the order in which they were sent, or not at all; Send never blocks and
// needs no goroutine while there is nothing to send; a closed connection makes Receive return.
// Not promised: that a sent message arrives. Whoever needs that sends it again (status updates, until acknowledged).
//
// The life of a connection: the agent sends Register (it has no id yet) or Reregister (it has one). The master answers
// Registered, Reregistered or Shutdown; everything else follows. When the connection breaks the master calls the
// agent disconnected, at once; unreachable it becomes only when pings stay unanswered. The agent dials again.
//
// Start reading at Conn, then to_master.go and to_agent.go.
package link
