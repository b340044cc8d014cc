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
//     when; pods that were evicted and are still there, and what holds them; volumes; and an API server that does not answer.
//   - Asking again for a node that is half drained goes on where it stands. Nothing is kept outside the API server.
//   - A budget that frees up is used at once (its status is watched), by as many pods as it allows, and no pod asks one that
//     is known to refuse. All drains of a Drainer know together what is known of budgets, and wait for one in the order
//     in which they came; for the places of eviction calls under way they take turns.
//   - A pod is never deleted by force, also not on a node whose kubelet does not answer: its processes may still run.
//
// Which pods leave (see fate.go): every pod but DaemonSet pods, which tolerate the cordon, would come back at once and end
// with the kubelet, and mirror pods, which the kubelet makes from files. That is kubectl drain with --force,
// --ignore-daemonsets and --delete-emptydir-data: a drain after which the kubelet is gone cannot leave a bare pod or
// an emptyDir behind, it could only lose them without asking their budget. Ordinary pods go first, and those of the
// system-cluster-critical and system-node-critical priority classes when no ordinary pod is left. Then the volumes of all
// of them must be unmounted (detach.go).
//
// It works with two kinds of identity. One that may watch PodDisruptionBudgets reacts to a freed budget within
// milliseconds. A kubelet's own identity may read and evict the pods of its node only, unless a ClusterRole says more: then the
// refusals name the budget all the same, and it is asked again every quarter of a second for five seconds, and every two
// seconds after a while.
//
// # What is watched
//
// Budgets: one watch of all of them, for all drains together, while one of them has pods. They are few, and every drain
// needs those of any namespace.
//
// Pods: a list and a watch for each node, with a field selector. A selector cannot name several nodes, so the other way
// would be one watch of all pods. With 50 of 500 nodes drained at a time, that reads ten times the pods that are to leave
// for a start, and then every change of every pod in the cluster for as long as one drain goes on. Even where every node of a
// cluster is drained and nothing else happens, it reads half as much again (docs/performance.md). A watch of one node costs
// the API server little: it keeps an index of pods by node, since every kubelet has the same watch. Fifty more of them are a
// tenth of what the kubelets have, in one connection. A kubelet's identity may not list more, and one program serves both.
//
// The Node: read every 15 seconds, which also notices an API server that hangs, and watched only while volumes are waited for.
//
// It does not promise that the node stays empty or cordoned afterwards, nor uncordons it; and it does not stop a pod that
// ignores its grace period, which is the kubelet's part.
//
// Start reading at run.go (the loop), then ledger.go (what is known of each pod, and who is next) and line.go (who may ask a
// budget).
package drain
