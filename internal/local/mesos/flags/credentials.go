package flags

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// ReadCredentials reads a file of --credentials: JSON ({"credentials":[{"principal":…,"secret":…}]}), or lines of
// "principal secret". The result maps principals to secrets.
func ReadCredentials(path string) (map[string]string, error) {
	path = strings.TrimPrefix(path, "file://")
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("Failed to read credentials file '%s': %w", path, err)
	}
	var file struct {
		Credentials []struct{ Principal, Secret string }
	}
	secrets := map[string]string{}
	if strings.HasPrefix(strings.TrimSpace(string(content)), "{") {
		if err := json.Unmarshal(content, &file); err != nil {
			return nil, fmt.Errorf("Failed to parse credentials file '%s': %w", path, err)
		}
		for _, c := range file.Credentials {
			secrets[c.Principal] = c.Secret
		}
		return secrets, nil
	}
	for i, line := range strings.Split(string(content), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 2 {
			return nil, fmt.Errorf("Invalid credential format at line %d of '%s': expected a principal and a secret", i+1, path)
		}
		secrets[fields[0]] = fields[1]
	}
	return secrets, nil
}
