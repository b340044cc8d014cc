package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// simRequest is a certificate request of a kubelet that waits for its approval.
type simRequest struct {
	task *simTask
	CertificateRequest
}

// join is what an executor does before its kubelet can register: it asks for a token until it has one that is good. Both the
// question and the answer get lost.
func (w *world) join(t *simTask) {
	if !t.alive || t.joined {
		return
	}
	if w.core != nil && w.subscribed && t.agent.reachable && !w.chance(20) {
		w.tell(TokenWanted{t.node})
	}
	w.later(2*time.Second, 30*time.Second, func() { w.join(t) })
}

// tokenSent is a token on its way to an executor, whose kubelet then asks for its certificate.
func (w *world) tokenSent(c SendToken) {
	t := w.taskOf(c.Node)
	if t == nil || !t.alive || t.joined || !t.agent.reachable || w.chance(20) {
		return
	}
	w.later(0, 5*time.Second, func() {
		if !t.alive || t.joined || w.apiDown || w.secrets[t.node] != c.Token {
			return // it has been replaced, or has expired: the executor asks again
		}
		name := fmt.Sprintf("csr-%s", t.node)
		if w.requests[name] != nil {
			return
		}
		w.requests[name] = &simRequest{t, CertificateRequest{
			Name: name, UID: UID(name), Kind: ClientCertificate,
			Username: tokenUserPrefix + (&Core{meta: Meta{FrameworkID: "fw-1"}}).tokenID(&node{Node: Node{Name: t.node}}),
			Groups:   []string{BootstrapGroup}, CommonName: nodeUserPrefix + string(t.agent.host), Organization: []string{nodesGroup},
			Usages: []string{"digital signature", "client auth"},
		}}
		w.tell(CertificateRequested{w.requests[name].CertificateRequest})
	})
}

// showRequests is what the watch tells at its beginning.
func (w *world) showRequests() {
	for _, name := range slices.Sorted(maps.Keys(w.requests)) {
		w.tell(CertificateRequested{w.requests[name].CertificateRequest})
	}
}

// admit does what the API server does with the operations of admit.go.
func (w *world) admit(op Op, result func(Event)) {
	switch o := op.(type) {
	case IssueToken:
		token := Secret(fmt.Sprintf("%s.%d", o.ID, w.rand.Int64()))
		w.secrets[o.Node] = token
		if w.faults { // in quiet times the core has to see to it
			w.later(TokenLife, TokenLife, func() {
				if w.secrets[o.Node] == token {
					delete(w.secrets, o.Node)
				}
			})
		}
		w.later(0, 2*time.Second, func() { result(TokenIssued{Node: o.Node, Token: token}) })
	case RevokeToken:
		if n, t := w.saved.nodes[o.Node], w.taskOf(o.Node); t != nil && t.alive && !t.joined && !n.retired() {
			w.violated("the token of %s is revoked before it has joined", o.Node)
		}
		delete(w.secrets, o.Node)
		result(TokenRevoked{o.Node})
	case ApproveCertificate:
		w.later(0, 2*time.Second, func() {
			if r := w.requests[o.Request]; r != nil {
				delete(w.requests, o.Request)
				r.task.joined = true
				w.later(100*time.Millisecond, 5*time.Second, func() { w.register(r.task) })
			}
			result(CertificateSettled{o.Request})
		})
	case WelcomeNode:
		w.later(0, 2*time.Second, func() {
			if object := w.objects[o.Host]; object != nil && object.ProviderID == o.ProviderID {
				object.Starting = false
				w.show(object)
			}
			result(NodeWelcomed{o.Node})
		})
	}
}

// admitted asserts what must hold when all is quiet: every Node is welcome, no token is left, and nobody waits.
func (w *world) admitted() {
	for host, object := range w.objects {
		if object.Starting {
			w.violated("Kubernetes Node %s has its starting taint", host)
		}
	}
	for name := range w.saved.nodes {
		if w.secrets[name] != "" {
			w.violated("the token of %s is left", name)
		}
	}
	for name, r := range w.requests {
		if r.task.alive {
			w.violated("%s was never answered", name)
		}
	}
}
