package scheduler

import (
	"fmt"
	"time"
)

// How a node becomes a member of the Kubernetes cluster: its executor asks for a bootstrap token; one is issued for this node and
// sent; the kubelet asks for certificates with it; those that are exactly the node's are approved; the token is revoked; and when
// the Node is Ready and the one of this launch, its starting taint is removed. The words stand here, the decisions in admit.go
// and certificate.go.

// TokenLife is how long a bootstrap token is good.
const TokenLife = 10 * time.Minute

// StartingTaint is what every node registers with, so that no pod comes before its Node has been compared with its record.
const (
	StartingTaint       = StartingTaintKey + ":" + StartingTaintEffect
	StartingTaintKey    = "k8s-framework/starting"
	StartingTaintEffect = "NoSchedule"
)

type (
	// TokenWanted: a node's executor has no credentials for its kubelet. It asks again until it has.
	TokenWanted struct{ Node NodeName }

	// TokenIssued: the API server has the token's secret.
	TokenIssued struct {
		Node  NodeName
		Token Secret
	}

	// TokenRevoked: the token's secret is gone, or was never there.
	TokenRevoked struct{ Node NodeName }

	// CertificateRequested: a request for a kubelet's certificate waits for approval. It need not be about a node of ours.
	CertificateRequested struct{ Request CertificateRequest }

	// CertificateSettled: the request is approved or denied, by whomever, or gone.
	CertificateSettled struct{ Request string }

	// NodeWelcomed: the starting taint is off the Node.
	NodeWelcomed struct{ Node NodeName }
)

func (TokenWanted) event()          {}
func (TokenIssued) event()          {}
func (TokenRevoked) event()         {}
func (CertificateRequested) event() {}
func (CertificateSettled) event()   {}
func (NodeWelcomed) event()         {}

// SendToken tells an executor the bootstrap token of its node. It can be lost; the executor then asks again.
type SendToken struct {
	Node     NodeName
	Agent    AgentID
	Executor ExecutorID
	Token    Secret
	// Life is how long the token is good from now on.
	Life time.Duration
}

func (SendToken) call() {}

type (
	// IssueToken makes a bootstrap token of the given ID for one node, good for [TokenLife]; one that is there is replaced.
	// TokenIssued at the end.
	IssueToken struct {
		Node NodeName
		Host Hostname
		ID   string
		Why  string
	}

	// RevokeToken deletes the token's secret: TokenRevoked at the end.
	RevokeToken struct {
		Node NodeName
		ID   string
		Why  string
	}

	// ApproveCertificate approves a request, if it is still the one with the UID and nobody has decided: CertificateSettled at
	// the end.
	ApproveCertificate struct {
		Node    NodeName
		Request string
		UID     UID
		Kind    CertificateKind
		Why     string
	}

	// WelcomeNode removes the starting taint, if the Node is the one with the UID and the provider ID: NodeWelcomed at the end.
	WelcomeNode struct {
		Node       NodeName
		Host       Hostname
		UID        UID
		ProviderID string
		Why        string
	}
)

func (IssueToken) op()         {}
func (RevokeToken) op()        {}
func (ApproveCertificate) op() {}
func (WelcomeNode) op()        {}

// For implements Op.
func (o IssueToken) For() NodeName { return o.Node }

// For implements Op.
func (o RevokeToken) For() NodeName { return o.Node }

// For implements Op.
func (o ApproveCertificate) For() NodeName { return o.Node }

// For implements Op.
func (o WelcomeNode) For() NodeName { return o.Node }

// String implements fmt.Stringer.
func (c SendToken) String() string {
	return fmt.Sprintf("MESSAGE to executor %s on agent %s: a bootstrap token, good for %s", c.Executor, c.Agent, c.Life)
}

// String implements fmt.Stringer.
func (o IssueToken) String() string {
	return fmt.Sprintf("issue bootstrap token %s for node %s: %s", o.ID, o.Host, o.Why)
}

// String implements fmt.Stringer.
func (o RevokeToken) String() string {
	return fmt.Sprintf("revoke bootstrap token %s of %s: %s", o.ID, o.Node, o.Why)
}

// String implements fmt.Stringer.
func (o ApproveCertificate) String() string {
	return fmt.Sprintf("approve certificate request %s (%s): %s", o.Request, o.Kind, o.Why)
}

// String implements fmt.Stringer.
func (o WelcomeNode) String() string {
	return fmt.Sprintf("take the taint %s off node %s (%s): %s", StartingTaintKey, o.Host, o.ProviderID, o.Why)
}
