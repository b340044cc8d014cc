package scheduler

import (
	"fmt"
	"slices"
	"strings"
)

// CertificateKind is what a certificate is for.
type CertificateKind string

// The two kinds that kubelets ask for, named as Kubernetes names their signers.
const (
	ClientCertificate  CertificateKind = "kubernetes.io/kube-apiserver-client-kubelet"
	ServingCertificate CertificateKind = "kubernetes.io/kubelet-serving"
)

// CertificateRequest is a CertificateSigningRequest that waits for somebody's approval. The API server vouches for Username and
// Groups; everything else is what the requester wants to be.
type CertificateRequest struct {
	Name string
	UID  UID
	Kind CertificateKind

	Username string
	Groups   []string

	CommonName   string
	Organization []string
	DNSNames     []string
	// IPs are in their canonical form.
	IPs []string
	// Others are further names, which no kubelet has: e-mail addresses and URIs.
	Others []string
	Usages []string
	// Unreadable says why the names are not known; empty: they are.
	Unreadable string
}

// Users and groups of Kubernetes, as its authenticators name them.
const (
	nodeUserPrefix  = "system:node:"
	tokenUserPrefix = "system:bootstrap:"
	nodesGroup      = "system:nodes"
	// BootstrapGroup is the group of those who hold a token of ours: a ClusterRoleBinding lets it ask for certificates.
	BootstrapGroup = "system:bootstrappers:k8s-framework"
)

// member is a node, in what its certificates may say.
type member struct {
	node    NodeName
	host    Hostname
	address string
	// tokenUser is whom the API server takes the holder of the node's token for.
	tokenUser string
	// joined: Kubernetes has the Node of this launch, so that the token has had its one use.
	joined bool
	over   bool // the task is over
}

func (m member) user() string { return nodeUserPrefix + string(m.host) }

// faults says in what the request differs from the one that the node's kubelet would make: each with field, value and what was
// expected. None: the certificate may be signed.
func (r CertificateRequest) faults(m member) []string {
	if r.Unreadable != "" {
		return []string{"request cannot be read: " + r.Unreadable}
	}
	f := faults{}
	f.equal("commonName", r.CommonName, m.user())
	f.same("organization", r.Organization, []string{nodesGroup})
	f.same("other names", r.Others, nil)
	switch r.Kind {
	case ClientCertificate:
		r.asker(&f, m)
		f.same("dnsNames", r.DNSNames, nil)
		f.same("ipAddresses", r.IPs, nil)
		f.usages(r.Usages, "client auth")
	case ServingCertificate:
		f.asker(r, m.user(), nodesGroup)
		f.same("dnsNames", r.DNSNames, []string{string(m.host)})
		if m.address == "" {
			f.add("ipAddresses", r.IPs, "none, since Mesos did not say the agent's address")
		} else {
			f.same("ipAddresses", r.IPs, []string{m.address})
		}
		f.usages(r.Usages, "server auth")
	default:
		f.add("signerName", r.Kind, string(ClientCertificate)+" or "+string(ServingCertificate))
	}
	if m.over {
		f.add("node", m.node, "one that runs: its task is over")
	}
	return f
}

// asker checks who asks for a client certificate: the node's own token before it has joined, the node itself after that.
func (r CertificateRequest) asker(f *faults, m member) {
	if !m.joined && strings.HasPrefix(r.Username, tokenUserPrefix) {
		f.asker(r, m.tokenUser, BootstrapGroup)
		return
	}
	f.asker(r, m.user(), nodesGroup)
}

// faults collects what is wrong with a request.
type faults []string

func (f *faults) add(field string, value any, want string) {
	*f = append(*f, fmt.Sprintf("%s is %q, want %s", field, value, want))
}

func (f *faults) equal(field, value, want string) {
	if value != want {
		f.add(field, value, fmt.Sprintf("%q", want))
	}
}

// same compares lists as sets.
func (f *faults) same(field string, values, want []string) {
	if !slices.Equal(slices.Sorted(slices.Values(values)), slices.Sorted(slices.Values(want))) {
		f.add(field, values, fmt.Sprintf("%q", want))
	}
}

func (f *faults) asker(r CertificateRequest, user, group string) {
	f.equal("username", r.Username, user)
	if !slices.Contains(r.Groups, group) {
		f.add("groups", r.Groups, fmt.Sprintf("%q among them", group))
	}
}

// usages must have the one that the kind is for, and of others only those that every kubelet's key needs.
func (f *faults) usages(usages []string, purpose string) {
	allowed := []string{"digital signature", "key encipherment", purpose}
	others := slices.ContainsFunc(usages, func(usage string) bool { return !slices.Contains(allowed, usage) })
	if others || !slices.Contains(usages, purpose) || !slices.Contains(usages, allowed[0]) {
		f.add("usages", usages, fmt.Sprintf("%q, %q, and %q at most", allowed[0], purpose, allowed[1]))
	}
}
