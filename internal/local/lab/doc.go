// Package lab is a machine room inside this machine: network, process and mount namespaces of its own, in which a
// whole-system test or the demo runs a bridge, a Kubernetes control plane (package kube) and hosts (package host).
//
// It promises: two labs run side by side with the same ports and addresses; when the program ends, or any part of it is
// killed, everything that ran in its lab ends with it, and mounts, interfaces and addresses go too; cgroups are removed
// at the end, or, when the program was killed with SIGKILL, at the start of the next lab on the machine. When the program
// succeeds its folder is removed; when it fails the folder stays and its place is printed, for its logs.
//
// It does not promise isolation beyond that: file system, cgroups and processors are the machine's. Nothing outside can be
// reached from inside: there is no route and no name server. It wants root.
//
// A program enters by handing its work to Main, first of all that it does:
//
//	func TestMain(m *testing.M) { os.Exit(lab.Main(m.Run)) }
//
// Start reading at Main in main.go for the namespaces, and at Start in lab.go for what is in them.
package lab
