package flags

import (
	"fmt"
	"net"
	"strings"
)

// ZK is where a ZooKeeper is: zk://[user:password@]host:port,host:port/path.
type ZK struct {
	Servers []string
	Path    string // without a slash at its end; "" for the root
	Auth    string // user:password, "" for none
}

// String is the address without its password.
func (z *ZK) String() string {
	user := ""
	if name, _, ok := strings.Cut(z.Auth, ":"); ok {
		user = name + ":…@"
	}
	return "zk://" + user + strings.Join(z.Servers, ",") + z.Path
}

// ParseZK reads such an address. A server without a port has 2181.
func ParseZK(s string) (*ZK, error) {
	rest, ok := strings.CutPrefix(s, "zk://")
	if !ok {
		return nil, fmt.Errorf("Expecting 'zk://' at the beginning of the URL")
	}
	z := &ZK{}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		z.Auth, rest = rest[:i], rest[i+1:]
		if !strings.Contains(z.Auth, ":") {
			return nil, fmt.Errorf("Expecting 'user:password' before '@' of the zk:// URL")
		}
	}
	servers, path, _ := strings.Cut(rest, "/")
	if path = strings.TrimRight(path, "/"); path != "" {
		z.Path = "/" + path
	}
	for server := range strings.SplitSeq(servers, ",") {
		if server == "" {
			return nil, fmt.Errorf("zk:// URL: a server's name is empty")
		}
		if _, _, err := net.SplitHostPort(server); err != nil {
			server = net.JoinHostPort(server, "2181")
		}
		z.Servers = append(z.Servers, server)
	}
	return z, nil
}
