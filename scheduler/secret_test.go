package scheduler

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// No way of writing a value down shows a secret that is in it.
func TestASecretIsNeverShown(t *testing.T) {
	const text = "abcdef.0123456789abcdef"
	values := []any{
		Secret(text), new(Secret(text)),
		[]Secret{text},
		map[string]Secret{"token": text},
		TokenIssued{Node: "workers-1", Token: text},
		SendToken{Node: "workers-1", Token: text},
		[]Event{TokenIssued{Token: text}},
		[]Call{SendToken{Token: text}},
	}
	var written []string
	for _, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s"} {
			written = append(written, fmt.Sprintf(verb, value))
		}
		encoded, err := json.Marshal(value)
		require.NoError(t, err)
		written = append(written, fmt.Sprint(value), string(encoded), errors.Join(fmt.Errorf("%v", value)).Error())
	}
	for _, each := range written {
		require.NotContains(t, each, "0123456789")
		require.NotContains(t, each, fmt.Sprintf("%x", text)[:20])
	}
	require.Contains(t, written, hidden, "and what it is shows")
	require.Equal(t, text, string(Secret(text)))
}
