package kubelet

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"path"

	"sigs.k8s.io/yaml"
)

// Join is how a kubelet becomes a member of its cluster without credentials on its host: with a bootstrap token, which the
// executor asks the framework for. Nothing in it is secret.
type Join struct {
	// Server is the URL of the API server, as nodes reach it.
	Server string `json:"server"`
	// CA holds the certificates, in PEM, that the API server's is checked against; empty: the system's.
	CA string `json:"ca,omitempty"`
}

// The files of a kubelet that joins by token, in a folder of their own, so that an operator's credentials in the root directory
// stay as they are. They belong to one node: the executor empties the folder before the kubelet's first start and at the end.
const (
	joinFolder = "k8s-executor-join"
	// clientCertificate is where the kubelet puts the certificate that it joined with.
	clientCertificate = "kubelet-client-current.pem"
)

// JoinDir is the folder of what a kubelet that joins by token has: its kubeconfig, keys and certificates.
func (s Spec) JoinDir() string { return path.Join(s.RootDir, joinFolder) }

// CertificateDir is where the kubelet keeps keys and certificates.
func (s Spec) CertificateDir() string {
	if s.Join != nil {
		return path.Join(s.JoinDir(), "pki")
	}
	// Not below the root directory by default, whatever --root-dir says.
	return path.Join(s.RootDir, "pki")
}

// ClientCertificate is the file that is there once a kubelet that joins by token has its certificate.
func (s Spec) ClientCertificate() string { return path.Join(s.CertificateDir(), clientCertificate) }

// ClusterCA is the file that the executor writes the cluster's certificates to.
func (s Spec) ClusterCA() string { return path.Join(s.JoinDir(), "ca.crt") }

// BootstrapConfig is the text of a kubeconfig that holds the token. It is a secret.
func (j Join) BootstrapConfig(token string) ([]byte, error) {
	cluster := map[string]any{"server": j.Server}
	if j.CA != "" {
		cluster["certificate-authority-data"] = []byte(j.CA) // JSON writes bytes as base64, and so does a kubeconfig
	}
	text, err := yaml.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "join",
		"clusters": []any{map[string]any{"name": "join", "cluster": cluster}},
		"users":    []any{map[string]any{"name": "join", "user": map[string]any{"token": token}}},
		"contexts": []any{map[string]any{"name": "join", "context": map[string]any{"cluster": "join", "user": "join"}}},
	})
	if err != nil {
		return nil, fmt.Errorf("write the bootstrap kubeconfig: %w", err)
	}
	return text, nil
}

// checkJoin looks at the way of joining as a whole: there is exactly one.
func (s Spec) checkJoin(p *problems) {
	if s.Join == nil {
		if s.Kubeconfig == "" && s.BootstrapKubeconfig == "" {
			p.reject("kubeconfig", "", "a path here or in bootstrapKubeconfig, or join: without one the kubelet cannot join")
		}
		return
	}
	if s.Kubeconfig != "" || s.BootstrapKubeconfig != "" {
		p.reject("kubeconfig, bootstrapKubeconfig", s.Kubeconfig+", "+s.BootstrapKubeconfig, "neither where the kubelet joins by token")
	}
	server, err := url.Parse(s.Join.Server)
	if err != nil || server.Scheme != "https" || server.Host == "" || server.User != nil {
		p.reject("join.server", s.Join.Server, "https://host:port: a token is not sent in the clear")
	}
	if s.Join.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(s.Join.CA)) {
		p.reject("join.ca", s.Join.CA, "certificates in PEM")
	}
}
