package kube

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// credentials is the folder of keys, certificates and kubeconfigs of one control plane, and the paths in it. Its files
// are readable by their owner only.
type credentials struct {
	dir    string
	server string // URL of the API server
	ca     *authority
	token  bootstrapToken

	caCert, caKey                       string
	serverCert, serverKey               string
	kubeletClientCert, kubeletClient    string // how the API server shows itself to kubelets
	serviceAccountKey                   string
	admin, controllerManager, scheduler string // kubeconfigs; scheduler is the scheduler's
	bootstrap                           string // kubeconfig of the bootstrap token
}

// bootstrapToken is "id.secret" as the API server's bootstrap token authentication wants it.
type bootstrapToken struct{ id, secret string }

func (t bootstrapToken) String() string { return t.id + "." + t.secret }

// newCredentials makes everything that the control plane needs, for an API server at address.
func newCredentials(dir string, address netip.Addr) (*credentials, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of certificates: %w", err)
	}
	ca, err := newAuthority()
	if err != nil {
		return nil, err
	}
	text := strings.ToLower(rand.Text()) // 26 letters and digits, 130 bits
	c := &credentials{
		dir:    dir,
		server: "https://" + netip.AddrPortFrom(address, apiServerPort).String(),
		ca:     ca,
		token:  bootstrapToken{id: text[:6], secret: text[6:22]},
	}
	if c.caCert, c.caKey, err = c.put("ca", ca.pair); err != nil {
		return nil, err
	}
	if err := c.issueServers(address); err != nil {
		return nil, err
	}
	return c, c.issueClients()
}

func (c *credentials) issueServers(address netip.Addr) error {
	p, err := c.ca.issue(subject{
		user:  "kube-apiserver",
		names: []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
		ips:   []netip.Addr{address, netip.MustParseAddr("127.0.0.1"), kubernetesService()},
	})
	if err != nil {
		return err
	}
	if c.serverCert, c.serverKey, err = c.put("apiserver", p); err != nil {
		return err
	}
	if p, err = c.ca.issue(subject{user: "kube-apiserver-kubelet-client", groups: []string{"system:masters"}}); err != nil {
		return err
	}
	if c.kubeletClientCert, c.kubeletClient, err = c.put("apiserver-kubelet-client", p); err != nil {
		return err
	}
	if p, err = c.ca.issue(subject{user: "service-accounts"}); err != nil { // only its key is used
		return err
	}
	_, c.serviceAccountKey, err = c.put("service-accounts", p)
	return err
}

func (c *credentials) issueClients() (err error) {
	if c.admin, err = c.clientKubeconfig("admin", subject{user: "admin", groups: []string{"system:masters"}}); err != nil {
		return err
	}
	if c.controllerManager, err = c.clientKubeconfig("controller-manager", subject{user: "system:kube-controller-manager"}); err != nil {
		return err
	}
	if c.scheduler, err = c.clientKubeconfig("scheduler", subject{user: "system:kube-scheduler"}); err != nil {
		return err
	}
	c.bootstrap, err = c.kubeconfig("bootstrap", &clientcmdapi.AuthInfo{Token: c.token.String()})
	return err
}

// put writes name.crt and name.key.
func (c *credentials) put(name string, p pair) (cert, key string, err error) {
	cert, key = filepath.Join(c.dir, name+".crt"), filepath.Join(c.dir, name+".key")
	if err := os.WriteFile(cert, p.cert, 0o600); err != nil {
		return "", "", fmt.Errorf("write certificate %s: %w", name, err)
	}
	if err := os.WriteFile(key, p.key, 0o600); err != nil {
		return "", "", fmt.Errorf("write key %s: %w", name, err)
	}
	return cert, key, nil
}

// clientKubeconfig writes a kubeconfig whose user is a new certificate for s.
func (c *credentials) clientKubeconfig(name string, s subject) (string, error) {
	p, err := c.ca.issue(s)
	if err != nil {
		return "", err
	}
	return c.kubeconfig(name, &clientcmdapi.AuthInfo{ClientCertificateData: p.cert, ClientKeyData: p.key})
}

// kubeconfig writes dir/name.conf, complete in itself, and returns its path.
func (c *credentials) kubeconfig(name string, user *clientcmdapi.AuthInfo) (string, error) {
	config := clientcmdapi.NewConfig()
	config.Clusters["local"] = &clientcmdapi.Cluster{Server: c.server, CertificateAuthorityData: c.ca.pair.cert}
	config.AuthInfos[name] = user
	config.Contexts["local"] = &clientcmdapi.Context{Cluster: "local", AuthInfo: name}
	config.CurrentContext = "local"
	file := filepath.Join(c.dir, name+".conf")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		return "", fmt.Errorf("write kubeconfig %s: %w", name, err)
	}
	return file, nil
}
