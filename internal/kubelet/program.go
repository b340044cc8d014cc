package kubelet

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// Program says where a program of the host comes from: it is there already, or it is fetched and compared with its SHA-256.
type Program struct {
	// Path is where it is on the host; empty: it is fetched.
	Path string
	// URI is what to fetch, and SHA256 the digest of it in 64 lower-case hexadecimal digits.
	URI    string
	SHA256 string
}

const sumMark = "#sha256="

var sumPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// ParseProgram reads "/path/on/the/host" or "URI#sha256=HEX". The error says what was expected.
func ParseProgram(text string) (Program, error) {
	const want = "an absolute path on the agents without . or .., or URI#sha256=HEX with 64 hexadecimal digits"
	if path.IsAbs(text) {
		if path.Clean(text) != text || text == "/" {
			return Program{}, fmt.Errorf("%q is no program, want %s", text, want)
		}
		return Program{Path: text}, nil
	}
	uri, sum, marked := strings.Cut(text, sumMark)
	parsed, err := url.Parse(uri)
	if err != nil || !marked || parsed.Scheme == "" || (parsed.Host == "" && parsed.Path == "") || !sumPattern.MatchString(sum) {
		return Program{}, fmt.Errorf("%q is no program, want %s", text, want)
	}
	return Program{URI: uri, SHA256: sum}, nil
}

// String is the program as ParseProgram reads it.
func (p Program) String() string {
	if p.Path != "" {
		return p.Path
	}
	return p.URI + sumMark + p.SHA256
}

// checkProgram checks the kubelet, of which the executor can fetch less than Mesos can.
func (s Spec) checkProgram(p *problems) {
	program, err := ParseProgram(s.Kubelet)
	if err != nil {
		p.list = append(p.list, fmt.Errorf("kubelet spec: kubelet: %w", err))
		return
	}
	if scheme, _, _ := strings.Cut(program.URI, "://"); program.Path == "" && scheme != "http" && scheme != "https" && scheme != "file" {
		p.reject("kubelet", s.Kubelet, "http, https or file as its URI's scheme")
	}
}
