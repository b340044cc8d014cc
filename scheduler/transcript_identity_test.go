package scheduler

import "strings"

// The words of transcripts about tokens, certificates and taints:
//
//	tokenwanted NODE | tokenissued NODE | tokenrevoked NODE | welcomed NODE
//	requested CSR client|serving user=USER cn=NAME [groups=G,…] [org=O] [dns=NAME,…] [ip=IP,…] [usages=U,…]
//	settled CSR
//	opfailed issue|revoke|approve|welcome NODE
//
// The user TOKEN-NODE holds the bootstrap token of the node.
func (c command) identityEvent() Event {
	switch c.Cmd {
	case "tokenwanted":
		return TokenWanted{NodeName(c.word(0))}
	case "tokenissued":
		return TokenIssued{Node: NodeName(c.word(0)), Token: "abcdef.0123456789abcdef"}
	case "tokenrevoked":
		return TokenRevoked{NodeName(c.word(0))}
	case "welcomed":
		return NodeWelcomed{NodeName(c.word(0))}
	case "requested":
		return CertificateRequested{c.certificateRequest()}
	case "settled":
		return CertificateSettled{c.word(0)}
	default:
		c.t.Fatalf("%s: unknown command %q", c.Pos, c.Cmd)
		return nil
	}
}

func (c command) certificateRequest() CertificateRequest {
	r := CertificateRequest{
		Name: c.word(0), UID: "uid-" + UID(c.word(0)), Kind: ClientCertificate, Username: c.option("user"),
		Groups: []string{nodesGroup, "system:authenticated"}, CommonName: c.option("cn"), Organization: []string{nodesGroup},
		DNSNames: c.options("dns"), IPs: c.options("ip"), Usages: []string{"digital signature", "client auth"},
	}
	if c.word(1) == "serving" {
		r.Kind, r.Usages = ServingCertificate, []string{"digital signature", "server auth"}
	}
	if name, is := strings.CutPrefix(r.Username, "TOKEN-"); is {
		r.Username = tokenUserPrefix + (&Core{meta: Meta{FrameworkID: "fw-1"}}).tokenID(NodeName(name))
		r.Groups = []string{"system:bootstrappers", BootstrapGroup}
	}
	if org := c.options("org"); org != nil {
		r.Organization = org
	}
	return r
}

// options is the values of KEY=(VALUE, …); nil if it is not there.
func (c command) options(key string) []string {
	for _, arg := range c.CmdArgs {
		if arg.Key == key {
			return arg.Vals
		}
	}
	return nil
}

func (c command) identityOp(name NodeName) Op {
	switch c.word(0) {
	case "issue":
		return IssueToken{Node: name, Host: "h1"}
	case "revoke":
		return RevokeToken{Node: name}
	case "approve":
		return ApproveCertificate{Node: name, Request: c.option("request")}
	case "welcome":
		return WelcomeNode{Node: name, Host: "h1"}
	default:
		c.t.Fatalf("%s: unknown operation %q", c.Pos, c.word(0))
		return nil
	}
}
