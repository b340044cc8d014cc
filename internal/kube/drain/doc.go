// Package drain empties a Kubernetes Node: it cordons it, evicts its pods through the eviction API in an order, waits until
// they are gone, and says all the time what it waits for.
//
//	drainer, err := drain.New(drain.Options{Client: client})
//	result, err := drainer.Drain(ctx, drain.Request{Node: "host-7", ProviderID: "mesos://…"}, show)
//
// It promises:
//
//   - No pod is deleted but through an eviction with the pod's UID as precondition: PodDisruptionBudgets are kept, and a pod
//     of the same name that is elsewhere by now is not touched.
//   - What is gone is decided by the list and watch of the node's pods alone, never by the answer to an eviction.
//   - Whatever fails is tried again until the context or the deadline ends the drain; it ends at once then, and [Result]
//     says what was left. While it goes on, [Progress] names the pods that are refused, the budget that refuses and since
//     when, and an API server that does not answer.
//   - Asking again for a node that is half drained goes on where it stands. Nothing is kept outside the API server.
//   - A budget that frees up is used at once (its status is watched while it blocks), by as many pods as it allows; one
//     that stays shut is asked by one pod at a time.
//
// Which pods leave (see fate.go): every pod but DaemonSet pods, which tolerate the cordon, would come back at once and end
// with the kubelet, and mirror pods, which the kubelet makes from files. That is kubectl drain with --force,
// --ignore-daemonsets and --delete-emptydir-data: a drain after which the kubelet is gone cannot leave a bare pod or
// an emptyDir behind, it could only lose them without asking their budget. Ordinary pods go first, and those of the
// system-cluster-critical and system-node-critical priority classes when no ordinary pod is left.
//
// It works with two kinds of identity. One that may watch PodDisruptionBudgets reacts to a freed budget within
// milliseconds. A kubelet's own identity may read and evict the pods of its node only: then the refusals name the budget all
// the same, and it is asked again after a quarter of a second at first and 5 s at most.
//
// It does not promise that the node stays empty or cordoned afterwards, nor uncordons it; it deletes no pod whose kubelet is
// dead (such a pod is "leaving" until the deadline); and it does not stop a pod that ignores its grace period, which is the
// kubelet's part.
//
// Start reading at drain.go (the loop), then ledger.go (what is known of each pod, and who is next).
package drain
