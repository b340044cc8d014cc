// Package launch has benchmarks of the way from Mesos's LAUNCH to a Node that is Ready, beside the same kubelet started by hand on
// the same host in the same run. They have the build tag bench, and `make bench` runs them; docs/performance.md keeps what they
// said.
//
// What is real: the control plane, containerd, kubelets, our framework and executor. Mesos is this project's own, or the one that
// MESOS_HOME names. The kubelet that is started by hand gets the configuration, arguments and environment that it had in the
// executor, but for its identity and its cgroup, which is of the same kind: so the difference is what we add.
//
// The benchmarks fail if a node does not come; they do not fail for being slow: the figures are for people.
package launch
