// Package kubelet holds what one kubelet needs, as data: what the framework tells an executor ([Spec], [Message]), how much
// of a host the kubelet may use ([Slice] of a [Host]), the configuration file and the arguments that follow from both
// ([Configuration], [Arguments]), how it joins without credentials on its host ([Join]), and the cgroup below which its pods live ([Cgroup]).
//
// It promises:
//
//   - exactness: a kubelet with this configuration reports an Allocatable that equals the slice to the millicore and the
//     byte, and limits its pods to it; a slice that the host cannot hold is refused with the numbers;
//   - strictness: a Spec or Message with a field or version that this program does not know is an error, because the two
//     ends of the wire can be of different builds;
//   - that the same input gives the same bytes.
//
// It does not start, watch or stop anything: package executor does. It does not look at a kubelet's version; what it writes
// is read by every kubelet of the v1beta1 configuration (older ones warn about fields that they do not know, and go on).
//
// Start reading at spec.go (the wire), then slice.go (the arithmetic), configuration.go and cgroup.go.
package kubelet
