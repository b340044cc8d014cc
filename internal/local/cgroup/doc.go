// Package cgroup makes and removes a cgroup of one path in every hierarchy that is mounted on this machine, for hosts
// of the local world. It knows cgroup v1, where each controller has a hierarchy, v2, and both at once.
//
// It promises that Make leaves a cgroup that processes and cgroups can be put into, that Remove leaves none, and that
// Sweep removes what nobody claims any more. It sets no limits: that is Mesos's, the kubelet's and the container
// runtime's work.
package cgroup
