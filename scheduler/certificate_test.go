package scheduler

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// newcomer is a node that has not joined yet.
func newcomer() member {
	return member{node: "workers-1", host: "h1", address: "10.0.0.1", tokenUser: "system:bootstrap:abcdef"}
}

// clientRequest is what the kubelet of newcomer asks for with its token.
func clientRequest() CertificateRequest {
	return CertificateRequest{
		Kind: ClientCertificate, Username: "system:bootstrap:abcdef",
		Groups:     []string{"system:bootstrappers", "system:bootstrappers:k8s-framework", "system:authenticated"},
		CommonName: "system:node:h1", Organization: []string{"system:nodes"},
		Usages: []string{"digital signature", "client auth"},
	}
}

// servingRequest is what it asks for when it has joined.
func servingRequest() CertificateRequest {
	return CertificateRequest{
		Kind: ServingCertificate, Username: "system:node:h1", Groups: []string{"system:nodes", "system:authenticated"},
		CommonName: "system:node:h1", Organization: []string{"system:nodes"},
		DNSNames: []string{"h1"}, IPs: []string{"10.0.0.1"}, Usages: []string{"key encipherment", "digital signature", "server auth"},
	}
}

func TestGoodRequestsHaveNoFaults(t *testing.T) {
	assert.Empty(t, clientRequest().faults(newcomer()))
	assert.Empty(t, servingRequest().faults(newcomer()), "the watch of Nodes may be behind that of requests")
	joined := newcomer()
	joined.joined = true
	assert.Empty(t, servingRequest().faults(joined))
	renewal := clientRequest()
	renewal.Username, renewal.Groups = "system:node:h1", []string{"system:nodes", "system:authenticated"}
	assert.Empty(t, renewal.faults(joined))
	renewal.Usages = slices.Insert(renewal.Usages, 1, "key encipherment")
	assert.Empty(t, renewal.faults(joined))
}

// Each way of asking for more, or as somebody else, is named with field, value and what was expected.
func TestFaultsOfRequests(t *testing.T) {
	type spoil = func(*CertificateRequest, *member)
	for _, each := range []struct {
		of    CertificateRequest
		spoil spoil
		want  []string
	}{
		{clientRequest(), func(r *CertificateRequest, _ *member) { r.Unreadable = "no PEM" }, []string{`request cannot be read: no PEM`}},
		{clientRequest(), func(r *CertificateRequest, _ *member) { r.Username = "system:bootstrap:zzzzzz" }, []string{`username is "system:bootstrap:zzzzzz", want "system:bootstrap:abcdef"`}},
		{clientRequest(), func(r *CertificateRequest, _ *member) { r.Username = "jane" }, []string{
			`username is "jane", want "system:node:h1"`,
			`groups is ["system:bootstrappers" "system:bootstrappers:k8s-framework" "system:authenticated"], want "system:nodes" among them`,
		}},
		{clientRequest(), func(r *CertificateRequest, _ *member) { r.Groups = []string{"system:bootstrappers"} }, []string{`groups is ["system:bootstrappers"], want "system:bootstrappers:k8s-framework" among them`}},
		{clientRequest(), func(_ *CertificateRequest, m *member) { m.joined = true }, []string{
			`username is "system:bootstrap:abcdef", want "system:node:h1"`,
			`groups is ["system:bootstrappers" "system:bootstrappers:k8s-framework" "system:authenticated"], want "system:nodes" among them`,
		}},
		{clientRequest(), func(r *CertificateRequest, _ *member) { r.CommonName = "system:node:h2" }, []string{`commonName is "system:node:h2", want "system:node:h1"`}},
		{clientRequest(), func(r *CertificateRequest, _ *member) { r.Organization = []string{"system:nodes", "system:masters"} }, []string{`organization is ["system:nodes" "system:masters"], want ["system:nodes"]`}},
		{clientRequest(), func(r *CertificateRequest, _ *member) { r.Organization = nil }, []string{`organization is [], want ["system:nodes"]`}},
		{clientRequest(), func(r *CertificateRequest, _ *member) { r.DNSNames = []string{"h1"} }, []string{`dnsNames is ["h1"], want []`}},
		{clientRequest(), func(r *CertificateRequest, _ *member) { r.IPs = []string{"10.0.0.1"} }, []string{`ipAddresses is ["10.0.0.1"], want []`}},
		{clientRequest(), func(r *CertificateRequest, _ *member) { r.Others = []string{"root@h1"} }, []string{`other names is ["root@h1"], want []`}},
		{clientRequest(), func(r *CertificateRequest, _ *member) { r.Usages = append(r.Usages, "server auth") }, []string{`usages is ["digital signature" "client auth" "server auth"], want "digital signature", "client auth", and "key encipherment" at most`}},
		{clientRequest(), func(r *CertificateRequest, _ *member) { r.Usages = r.Usages[:1] }, []string{`usages is ["digital signature"], want "digital signature", "client auth", and "key encipherment" at most`}},
		{clientRequest(), func(_ *CertificateRequest, m *member) { m.over = true }, []string{`node is "workers-1", want one that runs: its task is over`}},
		{clientRequest(), func(r *CertificateRequest, _ *member) { r.Kind = "kubernetes.io/legacy-unknown" }, []string{`signerName is "kubernetes.io/legacy-unknown", want kubernetes.io/kube-apiserver-client-kubelet or kubernetes.io/kubelet-serving`}},
		{servingRequest(), func(r *CertificateRequest, _ *member) { r.Username = "system:bootstrap:abcdef" }, []string{`username is "system:bootstrap:abcdef", want "system:node:h1"`}},
		{servingRequest(), func(r *CertificateRequest, _ *member) { r.Groups = nil }, []string{`groups is [], want "system:nodes" among them`}},
		{servingRequest(), func(r *CertificateRequest, _ *member) { r.DNSNames = []string{"h1", "kubernetes.default.svc"} }, []string{`dnsNames is ["h1" "kubernetes.default.svc"], want ["h1"]`}},
		{servingRequest(), func(r *CertificateRequest, _ *member) { r.IPs = []string{"10.0.0.2"} }, []string{`ipAddresses is ["10.0.0.2"], want ["10.0.0.1"]`}},
		{servingRequest(), func(r *CertificateRequest, _ *member) { r.IPs = append(r.IPs, "10.96.0.1") }, []string{`ipAddresses is ["10.0.0.1" "10.96.0.1"], want ["10.0.0.1"]`}},
		{servingRequest(), func(r *CertificateRequest, _ *member) { r.IPs = nil }, []string{`ipAddresses is [], want ["10.0.0.1"]`}},
		{servingRequest(), func(_ *CertificateRequest, m *member) { m.address = "" }, []string{`ipAddresses is ["10.0.0.1"], want none, since Mesos did not say the agent's address`}},
		{servingRequest(), func(r *CertificateRequest, _ *member) { r.Usages[2] = "client auth" }, []string{`usages is ["key encipherment" "digital signature" "client auth"], want "digital signature", "server auth", and "key encipherment" at most`}},
	} {
		m := newcomer()
		each.spoil(&each.of, &m)
		assert.Equal(t, each.want, each.of.faults(m))
	}
}
