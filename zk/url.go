package zk

import (
	"fmt"
	"net"
	"path"
	"strconv"
	"strings"
)

// defaultPort is ZooKeeper's own.
const defaultPort = "2181"

// URL says where something lives in ZooKeeper, in the form that Mesos takes: zk://user:password@host:port,host:port/path.
// User and password are taken literally, as Mesos does: there is no percent-encoding.
type URL struct {
	// Servers are host:port, with the port.
	Servers []string
	// Path is absolute, without a slash at its end, and not the root.
	Path string
	// User and Password are for digest authentication; both are empty if there is none.
	User, Password string
}

// ParseURL reads a URL. Its errors name the part that is wrong and what was expected, and never the password.
func ParseURL(text string) (URL, error) {
	rest, ok := strings.CutPrefix(text, "zk://")
	if !ok {
		return URL{}, badURL(text, "want it to begin with zk://")
	}
	var u URL
	// The path begins at the first slash after the credentials, which may hold slashes themselves.
	at := strings.LastIndexByte(rest, '@')
	servers, trail, hasPath := strings.Cut(rest[at+1:], "/")
	if at >= 0 {
		if u.User, u.Password, ok = strings.Cut(rest[:at], ":"); !ok || u.User == "" || u.Password == "" {
			return URL{}, badURL(text, "want user:password before the @")
		}
	}
	if !hasPath || trail == "" {
		return URL{}, badURL(text, "want a path such as /k8s-framework after the servers")
	}
	u.Path = "/" + trail
	if u.Path != path.Clean(u.Path) || strings.ContainsFunc(u.Path, forbiddenInPath) {
		return URL{}, badURL(text, fmt.Sprintf("path is %q, want names between single slashes", u.Path))
	}
	for server := range strings.SplitSeq(servers, ",") {
		parsed, err := parseServer(server)
		if err != nil {
			return URL{}, badURL(text, err.Error())
		}
		u.Servers = append(u.Servers, parsed)
	}
	return u, nil
}

func parseServer(server string) (string, error) {
	host, port := server, defaultPort
	if strings.HasPrefix(server, "[") || strings.Contains(server, ":") {
		var err error
		if host, port, err = net.SplitHostPort(server); err != nil && strings.HasSuffix(server, "]") {
			host, port, err = net.SplitHostPort(server + ":" + defaultPort)
			if err != nil {
				return "", fmt.Errorf("server is %q, want host:port", server)
			}
		} else if err != nil {
			return "", fmt.Errorf("server is %q, want host:port", server)
		}
	}
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`/@[]"`, r) }) {
		return "", fmt.Errorf("server is %q, want host:port", server)
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return "", fmt.Errorf("port of server %q is %q, want 1 to 65535", server, port)
	}
	return net.JoinHostPort(host, port), nil
}

// forbiddenInPath reports whether ZooKeeper refuses the character in a path.
func forbiddenInPath(r rune) bool {
	return r <= 0x1f || (r >= 0x7f && r <= 0x9f) || (r >= 0xd800 && r <= 0xf8ff) || (r >= 0xfff0 && r <= 0xffff)
}

func badURL(text, problem string) error {
	return fmt.Errorf("ZooKeeper URL %q: %s; the form is zk://[user:password@]host:port[,host:port…]/path", redact(text), problem)
}

// redact hides what may be a password: in a text that could not be read, everything before the last @.
func redact(text string) string {
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return text
	}
	if strings.HasPrefix(text, "zk://") {
		return "zk://…" + text[at:]
	}
	return "…" + text[at:]
}

// String is the URL without its password.
func (u URL) String() string {
	credentials := ""
	if u.User != "" {
		credentials = u.User + ":…@"
	}
	return "zk://" + credentials + strings.Join(u.Servers, ",") + u.Path
}

// child is the path of a znode below the URL's.
func (u URL) child(names ...string) string {
	return u.Path + "/" + strings.Join(names, "/")
}
