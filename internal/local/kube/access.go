package kube

import (
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Server is the URL of the API server.
func (cp *ControlPlane) Server() string { return cp.credentials.server }

// CAFile is the path of the cluster's CA certificate: a kubelet's authentication.x509.clientCAFile.
func (cp *ControlPlane) CAFile() string { return cp.credentials.caCert }

// AdminKubeconfig is the path of a kubeconfig that may do everything.
func (cp *ControlPlane) AdminKubeconfig() string { return cp.credentials.admin }

// BootstrapKubeconfig is the path of a kubeconfig with a bootstrap token: with it a kubelet of any name asks for its
// certificate, which is signed within a second.
func (cp *ControlPlane) BootstrapKubeconfig() string { return cp.credentials.bootstrap }

// KubeletKubeconfig writes a kubeconfig for the kubelet of one node, with a certificate of its own, and returns its path.
// It may be called again for the same node.
func (cp *ControlPlane) KubeletKubeconfig(node string) (string, error) {
	return cp.credentials.clientKubeconfig("kubelet-"+node,
		subject{user: "system:node:" + node, groups: []string{"system:nodes"}})
}

// Kubeconfig writes a kubeconfig for a user of the caller's choice, with a certificate of its own, and returns its path.
// What the user may do is for the caller to say by role bindings.
func (cp *ControlPlane) Kubeconfig(user string, groups ...string) (string, error) {
	return cp.credentials.clientKubeconfig("user-"+user, subject{user: user, groups: groups})
}

// Config is a copy of the admin's client configuration, without a rate limit that a test would feel.
func (cp *ControlPlane) Config() *rest.Config { return rest.CopyConfig(cp.config) }

// Client is the admin's client.
func (cp *ControlPlane) Client() kubernetes.Interface { return cp.client }
