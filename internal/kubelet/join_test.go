package kubelet

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
)

// authority is a certificate in PEM; what it certifies does not matter here.
const authority = `-----BEGIN CERTIFICATE-----
MIIBITCByKADAgECAgEBMAoGCCqGSM49BAMCMA0xCzAJBgNVBAMTAmNhMCAXDTI2
MTEyNTE0NTA1M1oYDzIxMjYxMTAxMTQ1MDUzWjANMQswCQYDVQQDEwJjYTBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABAAA
-----END CERTIFICATE-----
`

func joiningSpec() Spec {
	spec := exampleSpec()
	spec.Kubeconfig = ""
	spec.Join = &Join{Server: "https://10.0.0.1:6443"}
	return spec
}

func TestAKubeletThatJoinsByTokenHasAFolderOfItsOwn(t *testing.T) {
	spec := joiningSpec()
	require.NoError(t, spec.Validate())
	assert.Equal(t, "/var/lib/kubelet/k8s-executor-join/kubeconfig", spec.KubeconfigPath())
	assert.Equal(t, "/var/lib/kubelet/k8s-executor-join/pki/kubelet-client-current.pem", spec.ClientCertificate())
	spec.BootstrapKubeconfig = "/run/b" // as the executor sets it
	arguments := Arguments(spec, "/c.yaml")
	assert.Contains(t, arguments, "--cert-dir=/var/lib/kubelet/k8s-executor-join/pki")
	assert.Contains(t, arguments, "--kubeconfig=/var/lib/kubelet/k8s-executor-join/kubeconfig")
	assert.Contains(t, arguments, "--bootstrap-kubeconfig=/run/b")
	assert.Contains(t, Arguments(exampleSpec(), "/c.yaml"), "--cert-dir=/var/lib/kubelet/pki")
}

func TestWaysOfJoiningExcludeEachOther(t *testing.T) {
	for want, spoil := range map[string]func(*Spec){
		`kubeconfig, bootstrapKubeconfig is "/k, ", want neither`:   func(s *Spec) { s.Kubeconfig = "/k" },
		`join.server is "http://a:1", want https://host:port`:       func(s *Spec) { s.Join.Server = "http://a:1" },
		`join.server is "https://u:p@a:1", want https://host:port`:  func(s *Spec) { s.Join.Server = "https://u:p@a:1" },
		`join.ca is "x", want certificates in PEM`:                  func(s *Spec) { s.Join.CA = "x" },
		`kubeconfig is "", want a path here or in bootstrapKubecon`: func(s *Spec) { s.Join = nil },
	} {
		spec := joiningSpec()
		spoil(&spec)
		assert.ErrorContains(t, spec.Validate(), want)
	}
}

func TestTheBootstrapConfigIsAKubeconfig(t *testing.T) {
	text, err := Join{Server: "https://10.0.0.1:6443", CA: authority}.BootstrapConfig("abcdef.0123456789abcdef")
	require.NoError(t, err)
	config, err := clientcmd.RESTConfigFromKubeConfig(text)
	require.NoError(t, err)
	assert.Equal(t, "https://10.0.0.1:6443", config.Host)
	assert.Equal(t, "abcdef.0123456789abcdef", config.BearerToken)
	assert.Equal(t, authority, string(config.CAData))
	assert.False(t, config.Insecure)
}
