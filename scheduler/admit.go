package scheduler

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// identity is how far a node has come in becoming a member.
type identity struct {
	wanted bool      // its executor waits for a token
	token  Secret    // empty: none was issued by this leader
	until  time.Time // the token is good until then
	issued bool      // there may be a token that is not revoked

	issue, revoke, welcome retry
}

// request is a certificate request about which nobody has decided yet.
type request struct {
	CertificateRequest
	approve retry
}

// tokenID is the public half of a node's token. It follows from the node's name, so that every leader knows the token of every
// node: it can be replaced and revoked by one who did not issue it, and read by nobody.
func (c *Core) tokenID(name NodeName) string {
	sum := sha256.Sum256([]byte(name.ProviderID(c.meta.FrameworkID)))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:6]
}

// recalled is what is known of a node's identity when its record was read back: a token of a former leader's may be there.
func (c *Core) recalled() identity { return identity{issued: c.config.JoinByToken} }

// observeIdentity takes in what is about tokens, certificates and taints.
func (c *Core) observeIdentity(now time.Time, event Event) {
	switch e := event.(type) {
	case TokenWanted:
		c.tokenWanted(e)
	case TokenIssued:
		n := c.nodes[e.Node]
		if n == nil { // it was buried meanwhile
			c.operate(RevokeToken{Node: e.Node, ID: c.tokenID(e.Node), Why: "its node is over"})
			break
		}
		c.touch(n)
		n.identity.token, n.identity.until, n.identity.issued = e.Token, now.Add(TokenLife), true
		n.identity.issue = retry{}
	case TokenRevoked:
		if n := c.nodes[e.Node]; n != nil {
			n.identity.token, n.identity.issued, n.identity.revoke = "", false, retry{}
		}
	case CertificateRequested:
		c.requests[e.Request.Name] = &request{CertificateRequest: e.Request}
	case CertificateSettled:
		delete(c.requests, e.Request)
	case NodeWelcomed:
		if n := c.nodes[e.Node]; n != nil {
			n.identity.welcome.waiting = false // the watch tells whether it is true
		}
	}
}

func (c *Core) tokenWanted(e TokenWanted) {
	n := c.nodes[e.Node]
	switch {
	case n == nil:
		c.note(Note{Node: e.Node, Alarm: true, Text: "ignored: an executor without a record asks for a bootstrap token"})
	case !c.config.JoinByToken:
		c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Alarm: true, Text: "its executor asks for a bootstrap token, " +
			"but the framework was started not to issue any (--node-join)"})
	case c.registered(n):
		c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Alarm: true, Text: "its executor asks for a bootstrap token, " +
			"but the node has joined: a node gets one token. If its kubelet has lost its certificate, it ends as NotReady"})
	default:
		n.identity.wanted = true
		c.touch(n)
	}
}

// identityFailed lets an operation be tried again when its backoff says so.
func (c *Core) identityFailed(n *node, e OpFailed) {
	switch o := e.Op.(type) {
	case IssueToken:
		n.identity.issue.waiting = false
		if n.Phase == NotReady {
			c.explain(n, "no bootstrap token for its kubelet, it is tried again: "+e.Why)
		}
	case RevokeToken:
		n.identity.revoke.waiting = false
	case ApproveCertificate:
		if r := c.requests[o.Request]; r != nil {
			r.approve.waiting = false
		}
	case WelcomeNode:
		n.identity.welcome.waiting = false
	}
}

// admit brings nodes into the cluster: token, certificates, and the end of the starting taint.
func (c *Core) admit(now time.Time) {
	for _, n := range c.active() {
		c.grantToken(now, n)
		c.revokeToken(now, n)
		c.welcome(now, n)
	}
	if !c.kubeSynced {
		return // who has joined is not known yet
	}
	for _, name := range slices.Sorted(maps.Keys(c.requests)) {
		c.answerRequest(now, c.requests[name])
	}
}

// grantToken sends the token that an executor waits for, and has one issued if there is none that lasts.
func (c *Core) grantToken(now time.Time, n *node) {
	i := &n.identity
	if i.wanted = i.wanted && !n.retired() && !c.registered(n); !i.wanted {
		return
	}
	switch {
	case i.token != "" && now.Before(i.until.Add(-TokenLife/2)):
		if c.connected {
			i.wanted = false
			c.call(SendToken{Node: n.Name, Agent: n.Agent, Executor: n.Name.Executor(), Token: i.token, Life: i.until.Sub(now)})
		}
	case i.issue.due(now):
		i.issue.tried(now)
		i.issue.waiting = true
		c.operate(IssueToken{Node: n.Name, Host: n.Host, ID: c.tokenID(n.Name), Why: "its executor asks for one"})
	}
}

// revokeToken deletes the token of a node that has joined, or never will.
func (c *Core) revokeToken(now time.Time, n *node) {
	i := &n.identity
	var why string
	switch {
	case !i.issued:
		return
	case n.Phase == Stopping || n.Phase == Gone: // not before: a drain may be called off
		why = "the node ends"
	case !c.registered(n):
		return
	case i.token == "" && n.Phase == Ready && !now.Before(n.Since.Add(TokenLife)):
		i.issued = false // whoever has issued it: it was before the node was Ready, so that it has expired
		return
	default:
		why = "the node has joined"
	}
	if i.revoke.due(now) {
		i.revoke.tried(now)
		i.revoke.waiting = true
		c.operate(RevokeToken{Node: n.Name, ID: c.tokenID(n.Name), Why: why})
	}
}

// welcome lets pods come to a node that is Ready and whose Node is the one of its record.
func (c *Core) welcome(now time.Time, n *node) {
	seen := c.kube[n.Host]
	if n.Phase != Ready || !seen.Starting || !c.registered(n) || !n.identity.welcome.due(now) {
		return
	}
	n.identity.welcome.tried(now)
	n.identity.welcome.waiting = true
	c.operate(WelcomeNode{Node: n.Name, Host: n.Host, UID: seen.UID, ProviderID: seen.ProviderID, Why: "it is Ready, and the one that was launched"})
}

// answerRequest approves what a kubelet of ours asks for, and raises an alarm about what only claims to be one. Denying is not
// ours: the request may be another approver's, and one that nobody approves is void. What is not about our nodes is left alone.
func (c *Core) answerRequest(now time.Time, r *request) {
	n := c.claimed(r.CertificateRequest)
	if n == nil {
		delete(c.requests, r.Name)
		return
	}
	if wrong := r.faults(c.member(n)); len(wrong) > 0 {
		delete(c.requests, r.Name)
		c.note(Note{Node: n.Name, Pool: n.Pool, Agent: n.Agent, Alarm: true, Text: fmt.Sprintf(
			"certificate request %s (%s) is not approved: %s", r.Name, r.Kind, strings.Join(wrong, "; "))})
		return
	}
	if r.approve.due(now) {
		r.approve.tried(now)
		r.approve.waiting = true
		c.operate(ApproveCertificate{Node: n.Name, Request: r.Name, UID: r.UID, Kind: r.Kind, Why: fmt.Sprintf("it is the one of node %s", n.Name)})
	}
}

// claimed is the node of ours that a request is about: by who asks, which is proven, or else by whom it wants to be; nil: none.
func (c *Core) claimed(r CertificateRequest) *node {
	for _, name := range []string{r.Username, r.CommonName} {
		if host, is := strings.CutPrefix(name, nodeUserPrefix); is && c.hosts[Hostname(host)] != nil {
			return c.hosts[Hostname(host)]
		}
		if id, is := strings.CutPrefix(name, tokenUserPrefix); is && c.tokens[id] != nil {
			return c.tokens[id]
		}
	}
	return nil
}

func (c *Core) member(n *node) member {
	return member{
		node: n.Name, host: n.Host, address: n.Address, tokenUser: tokenUserPrefix + c.tokenID(n.Name),
		joined: c.registered(n), over: n.Phase == Gone,
	}
}

// identityWake adds the times at which something of this file is tried again.
func (c *Core) identityWake(a *alarm) {
	for _, n := range c.unsettled {
		i := &n.identity
		if i.wanted {
			a.at(i.issue.next)
		}
		if i.issued {
			a.at(i.revoke.next)
		}
		if n.Phase == Ready && c.kube[n.Host].Starting {
			a.at(i.welcome.next)
		}
	}
	for _, r := range c.requests {
		a.at(r.approve.next)
	}
}
