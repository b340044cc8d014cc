// Package zk remembers. It keeps in ZooKeeper who leads and what the scheduler must not forget, and it finds the leading
// Mesos master there.
//
//	client, err := zk.Open(ctx, zk.Options{URL: url})
//	leadership, err := client.Campaign(ctx, "host:port") // blocks until elected
//	state, err := leadership.LoadPools(ctx)
//	state.Nodes, err = leadership.LoadNodes(ctx)
//	err = leadership.Save(ctx, plan.Save)
//
// It promises:
//
//   - A Save is performed only for the leader: its first operation checks and moves the epoch znode, which every new
//     leader takes over. What a deposed leader saves later fails with [ErrDeposed], wherever its requests were delayed.
//   - A Save of at most Options.MaxRequest bytes is all or nothing. A larger one is several such steps in the order of its changes: what
//     is durable is always a prefix of them. If the outcome of a Save is not known, its error says so.
//   - [Leadership.Valid] is a lease of our own: it says no before ZooKeeper can end our session and another can lead, as
//     long as clocks run at the same speed here and there. It needs no word from ZooKeeper for that.
//   - [Leadership.Lost] says at once when the leadership is over, and Err says why: which of session, lease, candidate
//     and epoch. After it the client should be closed: a leadership is never regained in place.
//   - A record that cannot be read, or not completely, is an error that names its znode. Nothing is guessed or skipped.
//   - Every call ends with its context. Nothing is logged: what goes on with the connection is told to Options.Trouble.
//
// It does not promise that a leader that is stopped (SIGSTOP, a frozen machine) notices before it goes on; then Valid says
// no, and what it does in the moment between is fenced: by the epoch here, by the stream id at the Mesos master.
//
// Znodes below the path of the URL:
//
//	leader/candidate-<random>-<number>  one per scheduler, ephemeral; the smallest number leads; data: its address
//	epoch                               who leads, the number of elections; its version also counts the saves
//	meta  pools/<pool>  nodes/<node>    the records: {"version":2,"record":{…}}
//
// Start reading at election.go and leadership.go; then save.go and load.go, detector.go, and below them client.go and
// dial.go, which keep go-zookeeper's habits away from the rest.
package zk
