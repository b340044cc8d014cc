// Package identity holds one test of a whole site whose hosts have nothing of Kubernetes but a container runtime: no kubelet, no
// executor, no credentials. It needs what test/e2e needs, and runs with the rights of examples/rbac.yaml and no others, in a
// cluster that approves no certificates by itself.
package identity
