// Package drain has benchmarks of drains on a real API server, beside kubectl drain and the library behind it, in the same
// run. They have the build tag bench, and `make bench` runs them; docs/performance.md keeps what they said.
//
// What is real: etcd, the API server with its eviction API, the controllers of budgets and Deployments, the scheduler. What is
// not: kubelets. The nodes are Node objects, and kubelets (kubelets_test.go) does on the API server what theirs would do:
// it says that pods are ready, and confirms that they have ended, at once. So the figures are those of the drain, and not of
// processes that end.
//
// A scenario fails if a budget is violated or a drain fails. It does not fail for being slow: the figures are for people.
package drain
