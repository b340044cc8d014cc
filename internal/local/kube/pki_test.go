package kube

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
)

func TestCertificatesVerifyAgainstTheirAuthority(t *testing.T) {
	t.Parallel()
	ca, err := newAuthority()
	require.NoError(t, err)
	p, err := ca.issue(subject{user: "kube-apiserver", names: []string{"kubernetes"}, ips: []netip.Addr{netip.MustParseAddr("10.200.0.1")}})
	require.NoError(t, err)
	both, err := tls.X509KeyPair(p.cert, p.key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(both.Certificate[0])
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(ca.pair.cert))
	for _, name := range []string{"kubernetes", "10.200.0.1"} {
		_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name})
		assert.NoError(t, err)
	}
	_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "elsewhere"})
	assert.Error(t, err)

	stranger, err := newAuthority()
	require.NoError(t, err)
	foreign := x509.NewCertPool()
	require.True(t, foreign.AppendCertsFromPEM(stranger.pair.cert))
	_, err = leaf.Verify(x509.VerifyOptions{Roots: foreign})
	assert.Error(t, err)
}

func TestKubeconfigsNameUserAndServer(t *testing.T) {
	t.Parallel()
	c, err := newCredentials(t.TempDir(), netip.MustParseAddr("10.200.0.1"))
	require.NoError(t, err)
	file, err := c.clientKubeconfig("kubelet-h1", subject{user: "system:node:h1", groups: []string{"system:nodes"}})
	require.NoError(t, err)
	config, err := clientcmd.BuildConfigFromFlags("", file)
	require.NoError(t, err)
	assert.Equal(t, "https://10.200.0.1:6443", config.Host)
	both, err := tls.X509KeyPair(config.CertData, config.KeyData)
	require.NoError(t, err)
	assert.Equal(t, "system:node:h1", both.Leaf.Subject.CommonName)
	assert.Equal(t, []string{"system:nodes"}, both.Leaf.Subject.Organization)

	bootstrap, err := clientcmd.BuildConfigFromFlags("", c.bootstrap)
	require.NoError(t, err)
	assert.Regexp(t, `^[a-z0-9]{6}\.[a-z0-9]{16}$`, bootstrap.BearerToken)

	entries, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, "%s is readable by others", e.Name())
	}
}
