package wire_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/mesos/wire"
)

type message string

func (m message) Marshal() ([]byte, error) {
	if m == "" {
		return nil, errors.New("nothing to say")
	}
	return []byte(m), nil
}

func TestPostSendsOneMessageAndFollowsNoRedirect(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, "hello", string(body))
		assert.Equal(t, []string{"x"}, r.Header["X-Extra"])
		assert.Equal(t, wire.MediaType, r.Header.Get("Content-Type"))
		assert.Equal(t, wire.MediaType, r.Header.Get("Accept"))
		assert.NotContains(t, r.Header, "Accept-Encoding")
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusTemporaryRedirect)
		_, _ = io.WriteString(w, " a\n  reason "+strings.Repeat(".", 10000))
	}))
	defer server.Close()
	// A proxy of the environment would see secrets, and could not carry a stream.
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	client := wire.NewClient(nil, time.Second)
	defer client.CloseIdleConnections()

	response, err := wire.Post(t.Context(), client, server.URL, http.Header{"X-Extra": {"x"}}, message("hello"))
	require.NoError(t, err)
	assert.Equal(t, http.StatusTemporaryRedirect, response.StatusCode)
	text := wire.Text(response)
	assert.True(t, strings.HasPrefix(text, "a reason ..."), text[:20])
	assert.Less(t, len(text), 3000, "an explanation is cut")

	_, err = wire.Post(t.Context(), client, server.URL, nil, message(""))
	require.ErrorContains(t, err, "encode message: nothing to say")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = wire.Post(ended, client, server.URL, nil, message("hello"))
	require.ErrorIs(t, err, context.Canceled)
	assert.NotContains(t, err.Error(), server.URL)
}

func TestACAFileMustHoldCertificates(t *testing.T) {
	config, err := wire.TLS("")
	require.NoError(t, err)
	assert.Nil(t, config.RootCAs, "the system's")
	path := filepath.Join(t.TempDir(), "ca.pem")
	_, err = wire.TLS(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, []byte("-----BEGIN NONSENSE-----"), 0o600))
	_, err = wire.TLS(path)
	require.ErrorContains(t, err, "holds no certificate in PEM form")
}
