package framework

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s-framework/scheduler"
)

// In every third seed nodes join by token: executors ask for one, kubelets ask with it for a certificate, and register when that
// is approved. Meanwhile strangers ask for certificates too.

// simJoining is how far an executor's kubelet has come.
type simJoining struct {
	asking bool
	wait   time.Duration // until it asks again
	token  scheduler.Secret
	until  time.Time // the token is not used after this
	joined bool      // it has a certificate
	asked  *simCSR   // its request; nil: none was made
}

// simToken is the secret of a bootstrap token.
type simToken struct {
	text scheduler.Secret
	node scheduler.NodeName
}

// simCSR is a request for a certificate.
type simCSR struct {
	scheduler.CertificateRequest
	by      *simExecutor // nil: it is forged
	settled bool
}

// mayJoin reports whether the kubelet has what it needs to be started.
func (e *simExecutor) mayJoin() bool {
	j, w := &e.joining, e.agent.w
	return !w.joins || j.joined || j.token != "" && w.now.Before(j.until)
}

// wantToken begins to ask for a token, unless it is being asked for.
func (e *simExecutor) wantToken() {
	if !e.joining.asking {
		e.joining.asking = true
		e.askToken()
	}
}

// askToken asks again and again until a token has come: question and answer get lost.
func (e *simExecutor) askToken() {
	j, w := &e.joining, e.agent.w
	if j.asking = e.alive && e.end == nil && !e.mayJoin(); !j.asking {
		return
	}
	if e.agent.reached() && !w.perMille(100) {
		w.master.tell(scheduler.TokenWanted{Node: e.node})
	}
	j.wait = min(max(2*j.wait, 2*time.Second), 30*time.Second)
	w.later(j.wait, j.wait, e.askToken)
}

// token hands a token to an executor, unless it gets lost on its way.
func (m *simMaster) token(c scheduler.SendToken) {
	a := m.agents[c.Agent]
	if a == nil || !a.reached() || m.w.perMille(100) {
		return
	}
	if e := a.executor(c.Executor); e != nil {
		m.w.later(0, 20*time.Millisecond, func() { e.tokenCame(c) })
	}
}

func (e *simExecutor) tokenCame(c scheduler.SendToken) {
	j, w := &e.joining, e.agent.w
	if c.Node != e.node {
		w.violated("the token of %s is sent to %s", c.Node, e.node)
	}
	if !j.joined {
		j.token, j.until, j.wait = c.Token, w.now.Add(c.Life-time.Minute), 0
		w.later(0, time.Second, e.startKubelet)
	}
}

// join is a kubelet without a certificate: it asks for one with its token, until it has it.
func (a *simAPI) join(e *simExecutor) {
	j, w := &e.joining, a.w
	if !e.healthy || j.joined || j.asked != nil {
		return
	}
	id, _, _ := strings.Cut(string(j.token), ".")
	switch token := a.tokens[id]; {
	case !e.mayJoin():
		e.wantToken()
	case !a.up:
	case token == nil || token.text != j.token:
		w.logf("API server: the token of %s is refused", e.node)
	default:
		j.asked = a.request(e, "system:bootstrap:"+id, e.agent.host.name)
		return
	}
	w.later(time.Second, 10*time.Second, func() { a.join(e) })
}

// request stores a request for the client certificate of a host's kubelet.
func (a *simAPI) request(by *simExecutor, user string, host scheduler.Hostname) *simCSR {
	r := &simCSR{by: by, CertificateRequest: scheduler.CertificateRequest{
		Name: a.w.fresh("csr-"), UID: scheduler.UID(a.w.fresh("uid")), Kind: scheduler.ClientCertificate,
		Username: user, Groups: []string{scheduler.BootstrapGroup, "system:nodes"},
		CommonName: "system:node:" + string(host), Organization: []string{"system:nodes"},
		Usages: []string{"digital signature", "client auth"},
	}}
	a.requests = append(a.requests, r)
	a.changed()
	return r
}

// forge lets a stranger, or one node in the name of another, ask for a certificate that it must not get.
func (a *simAPI) forge() {
	w := a.w
	if !w.faulty {
		return
	}
	w.later(30*time.Second, 8*time.Minute, a.forge)
	at := w.number(len(w.hosts))
	host, other := w.hosts[at].name, w.hosts[(at+1)%len(w.hosts)].name
	switch w.number(3) {
	case 0:
		a.request(nil, "system:serviceaccount:default:thief", host)
	case 1:
		a.request(nil, "system:node:"+string(other), host)
	case 2:
		for _, id := range simSorted(a.tokens) {
			if n := w.record(a.tokens[id].node); n != nil && n.Host != host {
				a.request(nil, "system:bootstrap:"+id, host)
				return
			}
		}
	}
}

// lookAtRequests is a leader's watch of requests for certificates.
func (l *simLeader) lookAtRequests() {
	for _, r := range l.w.api.requests {
		switch told := l.requests[r.Name]; {
		case !told && !r.settled:
			l.requests[r.Name] = true
			l.tell(scheduler.CertificateRequested{Request: r.CertificateRequest})
		case told && r.settled:
			delete(l.requests, r.Name)
			l.tell(scheduler.CertificateSettled{Request: r.Name})
		}
	}
}

// admit performs the operations by which nodes join.
func (a *simAPI) admit(op scheduler.Op) scheduler.Event {
	switch o := op.(type) {
	case scheduler.IssueToken:
		return scheduler.TokenIssued{Node: o.Node, Token: a.issue(o)}
	case scheduler.RevokeToken:
		a.w.watch.revokes(o)
		delete(a.tokens, o.ID)
		return scheduler.TokenRevoked{Node: o.Node}
	case scheduler.ApproveCertificate:
		a.approve(o)
		return scheduler.CertificateSettled{Request: o.Request}
	case scheduler.WelcomeNode:
		n := a.node(o.Host, o.ProviderID)
		if n == nil || n.UID != o.UID {
			return scheduler.OpFailed{Op: op, Why: fmt.Sprintf("there is no Node %s of this launch", o.Host)}
		}
		a.w.watch.welcomes(o, n)
		n.Starting = false
		a.changed()
		return scheduler.NodeWelcomed{Node: o.Node}
	default:
		panic(fmt.Sprintf("an operation of type %T is new to the simulation", op))
	}
}

// issue makes a token in the place of an earlier one. When the faults have stopped tokens do not expire, so that one is left if
// nobody revokes it.
func (a *simAPI) issue(o scheduler.IssueToken) scheduler.Secret {
	if before := a.tokens[o.ID]; before != nil && before.node != o.Node {
		a.w.violated("nodes %s and %s have the same token", before.node, o.Node)
	}
	token := &simToken{scheduler.Secret(o.ID + "." + a.w.fresh("secret")), o.Node}
	a.tokens[o.ID] = token
	if a.w.faulty {
		a.w.later(scheduler.TokenLife, scheduler.TokenLife, func() {
			if a.tokens[o.ID] == token {
				delete(a.tokens, o.ID)
			}
		})
	}
	return token.text
}

// approve signs a certificate, which the kubelet then registers with.
func (a *simAPI) approve(o scheduler.ApproveCertificate) {
	at := slices.IndexFunc(a.requests, func(r *simCSR) bool { return r.Name == o.Request && r.UID == o.UID })
	if at < 0 || a.requests[at].settled {
		return
	}
	r := a.requests[at]
	a.w.watch.approves(o, r)
	r.settled = true
	a.changed()
	a.w.later(100*time.Millisecond, 3*time.Second, func() {
		r.by.joining.joined, r.by.joining.token = true, ""
		a.register(r.by)
	})
}

// approves: nobody gets a certificate but the kubelet of the node that the approval is for.
func (o *simObserver) approves(op scheduler.ApproveCertificate, r *simCSR) {
	if r.by == nil || r.by.node != op.Node {
		o.w.violated("the forged request %s is approved: %s wants to be %s", r.Name, r.Username, r.CommonName)
	}
}

// revokes: no token is taken from a node that still needs it.
func (o *simObserver) revokes(op scheduler.RevokeToken) {
	n := o.w.record(op.Node)
	if n == nil || n.Phase != scheduler.Launching && n.Phase != scheduler.NotReady {
		return
	}
	if e := o.host(n.Host).live(); e != nil && e.node == n.Name && !e.joining.joined && e.end == nil {
		o.w.violated("the token of %s is revoked before it has joined", op.Node)
	}
}

// welcomes: the starting taint is taken off the Node of the record only, when that is Ready.
func (o *simObserver) welcomes(op scheduler.WelcomeNode, n *simNode) {
	record := o.w.record(op.Node)
	if record != nil && (record.Host != n.Host || n.ProviderID != op.Node.ProviderID(o.w.store.meta.FrameworkID)) {
		o.w.violated("Node %s (%s) is welcomed as %s", n.Host, n.ProviderID, op.Node)
	}
}

// joined: no token is left, no request of a kubelet that lives waits, and no Node has the starting taint.
func (o *simObserver) joined() {
	a := o.w.api
	for _, id := range simSorted(a.tokens) {
		o.w.violated("bootstrap token %s of node %s is left", id, a.tokens[id].node)
	}
	for _, r := range a.requests {
		if r.by != nil && r.by.healthy && !r.settled {
			o.w.violated("request %s of %s was never answered", r.Name, r.by.node)
		}
	}
	for _, host := range simSorted(a.nodes) {
		if a.nodes[host].Starting {
			o.w.violated("Node object %s has its starting taint", host)
		}
	}
}
