// Package kube runs a Kubernetes control plane on this machine: a real etcd, kube-apiserver, kube-controller-manager and
// kube-scheduler, as processes, for the demo and the whole-system tests. tools/kubernetes builds the programs.
//
// It promises: after Start the API server answers /readyz, the controllers make service accounts, the scheduler is ready,
// and a kubelet can join by a certificate (KubeletKubeconfig) or by a bootstrap token (BootstrapKubeconfig); each wait
// ends within 60 s, and its error shows the last lines of the program that failed. Certificates are made anew by each
// Start and are valid for a year.
//
// It does not promise durability (etcd does not sync to disk), high availability (one of each, no leader election), DNS
// or services inside the cluster (no kube-proxy), and it wants the network namespace for itself: the ports are the usual
// ones (etcd 2379 and 2380, API server 6443, controller-manager 10257, scheduler 10259). Package lab makes such a namespace.
//
// Start reading at Start in controlplane.go. The images that pods run are in package images, below.
package kube
