package flags

import (
	"fmt"
	"net"
)

// Common is what both programs have.
type Common struct {
	IP            string // where to listen; "" for every address
	Port          int    // 0 for a free one
	AdvertiseIP   string
	AdvertisePort int
	Hostname      string // "" for the name of the IP, or the host's
	WorkDir       string
	Domain        string // JSON

	Credentials               string // a file
	HTTPAuthenticators        string
	AuthenticateHTTPReadonly  bool
	AuthenticateHTTPReadwrite bool

	Quiet   bool
	Version bool
	Help    bool
}

func (c *Common) declare(s *Set, port int) {
	s.String(&c.IP, "ip", "", "The address to listen on.")
	s.Int(&c.Port, "port", port, "The port to listen on; 0 for a free one.")
	s.String(&c.AdvertiseIP, "advertise_ip", "", "The address that is told to others; --ip if not given.")
	s.Int(&c.AdvertisePort, "advertise_port", 0, "The port that is told to others; --port if not given.")
	s.String(&c.Hostname, "hostname", "", "The name that is told to others; the name of the address if not given.")
	s.String(&c.Domain, "domain", "", "The fault domain, a DomainInfo in JSON.")
	s.String(&c.Credentials, "credentials", "", "A file with the principals and secrets of HTTP basic authentication.")
	s.Alias("http_credentials", "credentials")
	s.String(&c.HTTPAuthenticators, "http_authenticators", "basic", "The authenticator of the other HTTP endpoints; only 'basic' is there.")
	s.Bool(&c.AuthenticateHTTPReadonly, "authenticate_http_readonly", false, "Reading endpoints need credentials.")
	s.Bool(&c.AuthenticateHTTPReadwrite, "authenticate_http_readwrite", false, "Writing endpoints, the operator API among them, need credentials.")
	s.Bool(&c.Quiet, "quiet", false, "Do not log to stderr.")
	s.Bool(&c.Version, "version", false, "Print the version and exit.")
	s.Bool(&c.Help, "help", false, "Print the flags and exit.")
	s.ignored("log_dir", "logging_level", "logbufsecs", "initialize_driver_logging", "external_log_file", "hostname_lookup",
		"ip_discovery_command", "hooks", "authentication_v0_timeout", "firewall_rules", "memory_profiling")
}

// ignored declares flags of a real Mesos that are taken without effect, because nothing that the stand-in does would
// differ. A flag whose absence would be noticed is not among them: it is an unknown flag.
func (s *Set) ignored(names ...string) {
	for _, name := range names {
		s.byName[name] = &flag{
			name: name, help: "Taken without effect.", boolean: true,
			set: func(string) error { return nil },
		}
	}
}

func (c *Common) checkCommon() error {
	if c.IP != "" && net.ParseIP(c.IP) == nil {
		return fmt.Errorf("Failed to parse --ip=%s: it is no IP address", c.IP)
	}
	if c.Port < 0 || c.Port > 65535 {
		return fmt.Errorf("Failed to use --port=%d: it is no port", c.Port)
	}
	if _, err := ParseDomain(c.Domain); err != nil {
		return fmt.Errorf("Failed to load flag 'domain': Failed to load value '%s': %w", c.Domain, err)
	}
	if c.HTTPAuthenticators != "" && c.HTTPAuthenticators != "basic" {
		return fmt.Errorf("HTTP authenticator '%s' not found: only 'basic' is there", c.HTTPAuthenticators)
	}
	if (c.AuthenticateHTTPReadonly || c.AuthenticateHTTPReadwrite) && c.Credentials == "" {
		return fmt.Errorf("--authenticate_http_readonly and --authenticate_http_readwrite need --credentials")
	}
	return nil
}
