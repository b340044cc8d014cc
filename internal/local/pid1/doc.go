// Package pid1 is what the first process of a process namespace has to do besides its work: it inherits every process
// whose parent ended, and must reap it when it ends in turn, or the namespace fills with zombies.
//
// It promises that and the forwarding of signals. It does not start anything. A process that uses it must not use
// os/exec at the same time: Wait takes every child's end for itself.
package pid1
