package mesos

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// Credentials are a principal and its secret for HTTP basic authentication.
type Credentials struct {
	Principal string
	Secret    Secret
}

// Secret is a text that does not show itself when it is printed.
type Secret string

// Format hides the secret under every verb.
func (s Secret) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte("(secret)")) }

// ReadCredentials reads a file as Mesos's own --credential takes it: one line with the principal, blanks, and the secret; or
// JSON: {"principal": …, "secret": …}. A list with one entry, as --credentials of the master takes it, will do as well. The
// warning, if not empty, says that others may read the file. Errors name the file and never its content.
func ReadCredentials(path string) (credentials Credentials, warning string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Credentials{}, "", fmt.Errorf("read credentials: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return Credentials{}, "", fmt.Errorf("read credentials: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		warning = fmt.Sprintf("credentials file %s has mode %04o: everybody may read the secret, want 0600", path, info.Mode().Perm())
	}
	credentials, problem := parseCredentials(string(text))
	if problem != "" {
		return Credentials{}, "", fmt.Errorf("credentials file %s: %s", path, problem)
	}
	return credentials, warning, nil
}

// parseCredentials reads either format; problem says in words what is wrong.
func parseCredentials(text string) (credentials Credentials, problem string) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "{") {
		return parseJSONCredentials(text)
	}
	fields := strings.Fields(text)
	switch {
	case strings.Contains(text, "\n"):
		return Credentials{}, "it has several lines, want one: a principal, a blank and a secret"
	case len(fields) != 2:
		return Credentials{}, fmt.Sprintf("it has %d words, want two: a principal, a blank and a secret", len(fields))
	}
	return Credentials{Principal: fields[0], Secret: Secret(fields[1])}, ""
}

func parseJSONCredentials(text string) (credentials Credentials, problem string) {
	type entry struct{ Principal, Secret string }
	var file struct {
		entry
		Credentials []entry
	}
	if err := json.Unmarshal([]byte(text), &file); err != nil {
		// The text of the error could quote the secret.
		return Credentials{}, `it is no valid JSON of the form {"principal": "…", "secret": "…"}`
	}
	if len(file.Credentials) > 1 {
		return Credentials{}, fmt.Sprintf("it holds %d principals, want one", len(file.Credentials))
	}
	if len(file.Credentials) == 1 {
		file.entry = file.Credentials[0]
	}
	if file.Principal == "" || file.entry.Secret == "" {
		return Credentials{}, `"principal" or "secret" is missing or empty, want both`
	}
	return Credentials{Principal: file.Principal, Secret: Secret(file.entry.Secret)}, ""
}
