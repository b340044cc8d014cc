// Package kube is the adapter between the scheduler's words and a Kubernetes API server.
//
//   - [Watcher] turns the Node objects into events: KubeNodeSeen, KubeNodeDeleted and KubeSynced.
//   - [RequestWatcher] turns the requests for kubelets' certificates into CertificateRequested and CertificateSettled.
//   - [Operator] performs the scheduler's operations and tells their results as events. It also writes Kubernetes Events about
//     drains onto the Node.
//
// It promises:
//
//   - Every Node is told, not only ours: a Node of somebody else keeps its host name taken.
//   - A Node is told when something changed that the scheduler reads, not at every heartbeat. After an outage the list is
//     read anew, and what changed or vanished meanwhile is told then.
//   - Nothing is done to a Node object that is not the one of the operation: its provider ID is compared, and its UID is the
//     precondition of what follows.
//   - A request is approved only if it is the one that was judged, and nobody has decided about it. None is denied.
//   - No secret is read: a bootstrap token is known by who issued it.
//   - Labels, annotations and taints of a Node that are not ours stay as they are.
//   - One drain runs for a node at a time; asking again for one that runs changes nothing. An uncordon ends it first. [Operator.Wait] returns when
//     everything has ended that was started.
//
// It does not promise an order between the watch's events and those of the operations, nor that what was told still
// holds when it is read. A provider ID that is not ours is told as it is. Node names are lower case, which Mesos's
// host names need not be: operations compare without regard to case, events carry the Node's own name.
//
// Start reading at watcher.go and operator.go. Draining itself is package drain, which an executor uses as well, and the
// API server's protocol package api.
package kube
