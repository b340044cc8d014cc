// Package host makes hosts out of namespaces: a Host is one machine of a local cluster, with an address on a bridge, a
// container runtime and folders of its own, on which a Mesos agent, its executors and a kubelet run with their default
// paths and ports. Many fit on one machine, and each can be cut off, lose its power, and boot again.
//
// It promises: what runs on a host sees its own network, processes, host name, /run, /var/log, /var/lib/kubelet,
// /var/lib/containerd and /var/lib/cni, and containerd with the images at /run/containerd/containerd.sock, with pod
// networking configured; the rest of the file system and /sys/fs/cgroup are those of the machine. Kill is a power cut:
// every process, mount and interface goes, what was written to disk stays.
//
// It does not start a kubelet. It limits nothing: a host has all processors and all memory of the machine, and a cgroup
// that is its own by convention only (CgroupRoot). There is no DNS; package lab gives the hosts names through /etc/hosts.
//
// It wants root, and a binary that calls Init first of all: the host's process 1 is that binary itself. Package lab does so;
// start reading there, then at Start.
package host
