// Package e2e tests the whole system: real ZooKeeper, Mesos masters and agents, Kubernetes, kubelets, pods, and two
// instances of the framework, on a site (internal/local/site) inside a lab. Its tests carry the build tag e2e.
//
// The tests share one site and run one after the other, each in its own file; what one breaks it mends, so that the
// next begins with three Ready nodes.
package e2e
