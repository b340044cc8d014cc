// Package wire is what both Mesos v1 APIs share: RecordIO framing, HTTP with our own deadlines, and protobuf messages that
// cannot panic the process.
//
// It promises that nothing a peer sends makes it panic or allocate more than the largest frame allowed; that no connection
// goes through a proxy named in the environment; and that no redirect is followed by itself.
//
// It does not retry, and knows nothing of subscriptions: see the packages internal/mesos and internal/mesos/execapi.
//
// Start reading at frame.go.
package wire
