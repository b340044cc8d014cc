package executor

import (
	"slices"
	"strings"
)

// cleanEnvironment is what of the executor's environment a kubelet gets: what finds programs, certificates and proxies, and
// nothing of Mesos's, least of all the executor's token. A program that a pod's volume plugin starts inherits it too.
func cleanEnvironment(environment []string) []string {
	wanted := []string{
		"PATH", "HOME", "TZ", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	}
	var clean []string
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if slices.Contains(wanted, name) {
			clean = append(clean, variable)
		}
	}
	return clean
}
