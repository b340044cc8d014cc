package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	neturl "net/url"
	"os"
	"strings"
	"time"
)

// maxText bounds what is read of a peer's explanation.
const maxText = 2 << 10

// NewClient is an HTTP/1.1 client with connections of its own. It follows no redirect and uses no proxy. tlsConfig may be nil.
// Close it with CloseIdleConnections when it is not needed any more.
func NewClient(tlsConfig *tls.Config, dialTimeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:         dialer.DialContext,
			TLSClientConfig:     tlsConfig,
			TLSHandshakeTimeout: dialTimeout,
			// One connection keeps calls in their order, and is what Mesos's own clients use.
			MaxConnsPerHost:     1,
			MaxIdleConnsPerHost: 1,
			DisableCompression:  true,
			// An empty map keeps HTTP/2 away, which Mesos does not speak.
			TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// TLS is a configuration that checks peers against the certificates in a PEM file; against the system's if the file is not
// named.
func TLS(caFile string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile == "" {
		return config, nil
	}
	text, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("read CA file: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("CA file %s holds no certificate in PEM form", caFile)
	}
	return config, nil
}

// Post sends a message. header is added to the request as it is. The caller closes the response's body. Errors do not repeat
// the address; a failed connection names it anyhow.
func Post(ctx context.Context, client *http.Client, url string, header http.Header, message Marshaler) (*http.Response, error) {
	body, err := message.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", MediaType)
	request.Header.Set("Accept", MediaType)
	response, err := client.Do(request)
	var wrapped *neturl.Error
	if errors.As(err, &wrapped) {
		return nil, wrapped.Err
	}
	return response, err
}

// Text is a peer's explanation in a response's body, on one line; the body is closed.
func Text(response *http.Response) string {
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxText))
	if err != nil && len(text) == 0 {
		return fmt.Sprintf("(no explanation: %v)", err)
	}
	return strings.Join(strings.Fields(string(text)), " ")
}
