// Package site is a whole data centre inside one machine, for the demo and the whole-system tests: a ZooKeeper, Mesos
// masters and agents, a Kubernetes control plane, and instances of k8s-framework, all real processes that talk over the
// network of a lab.
//
// It promises: after Start everything runs and answers, the agents each on a host of its own (package host) with a
// container runtime; every program can be killed and started again by itself; the Mesos programs come from the folder that
// the environment variable MESOS_HOME names (bin/mesos-master and bin/mesos-agent below it), and by default are those of
// this project (package local/mesos).
//
// It does not start kubelets: that is what k8s-framework does. It wants to be called inside lab.Main.
//
// Start reading at Start in site.go.
package site
