// Command kubernetes is every Kubernetes program that the demo and the whole-system tests run, and etcd, in one binary
// that behaves as the program whose name it is called by: kube-apiserver, kube-controller-manager, kube-scheduler,
// kubelet, kubectl, etcd. One binary links once and holds the shared packages once: it saves 250 MB of disk and four
// links over separate programs.
//
// It is a module of its own so that the two hundred requirements of Kubernetes stay out of the project's go.mod.
// tools/setup.sh builds it with the version in its linker flags and makes the links.
//
// It promises the programs' own behaviour, unchanged. It does not promise their start-up memory: each process maps the
// whole binary, mostly shared file pages.
package main
