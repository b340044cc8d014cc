package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"
)

// Timeout bounds one request. It is longer than the ten seconds (thirty at most) that a slow admission webhook may take,
// and shorter than the minute after which the server itself gives up.
const Timeout = 35 * time.Second

// maxAnswer bounds an answer that is held whole: an object, or a Status.
const maxAnswer = 16 << 20

// MergePatch is the content type of a JSON merge patch (RFC 7386).
const MergePatch = "application/merge-patch+json"

// Client sends requests to one API server with one identity.
type Client struct {
	base  *url.URL
	http  *http.Client
	limit flowcontrol.RateLimiter
}

// New makes a client of a rest.Config, from which it takes address, TLS, credentials, user agent and rate limit.
func New(config *rest.Config) (*Client, error) {
	config = rest.CopyConfig(config)
	config.Timeout = 0 // it would cut watches; Do has its own
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("API server's address is %q, want a host or URL: %w", config.Host, err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make HTTP client for API server %s: %w", base, err)
	}
	limit := config.RateLimiter
	if limit == nil {
		qps, burst := config.QPS, config.Burst
		if qps == 0 {
			qps = DefaultQPS
		}
		if burst == 0 {
			burst = DefaultBurst
		}
		limit = flowcontrol.NewTokenBucketRateLimiter(qps, burst)
	}
	return &Client{base: base, http: client, limit: limit}, nil
}

// Get reads the object at path into out.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	return c.Do(ctx, http.MethodGet, path, "", nil, out)
}

// Post creates in at path. The answer is decoded into out unless that is nil.
func (c *Client) Post(ctx context.Context, path string, in, out any) error {
	return c.Do(ctx, http.MethodPost, path, "", in, out)
}

// Do sends one request with in as its JSON body (nil: none; contentType empty: application/json) and decodes the answer
// into out (nil: discarded). A Status that tells of a failure is an error whatever the HTTP status: of a pod with two
// budgets the server says so.
func (c *Client) Do(ctx context.Context, method, path, contentType string, in, out any) error {
	// The limiter's wait is not part of the request's time.
	if err := c.limit.Wait(ctx); err != nil {
		return fmt.Errorf("%s %s: wait for the rate limit: %w", method, path, err)
	}
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	response, err := c.send(ctx, method, path, nil, contentType, in)
	if err != nil {
		return err
	}
	defer closeAnswer(response)
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	var status metav1.Status
	if json.Unmarshal(body, &status) == nil && status.Kind == "Status" && status.Status == metav1.StatusFailure {
		return &apierrors.StatusError{ErrStatus: status}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("%s %s: decode the answer: %w", method, path, err)
	}
	return nil
}

// stream opens a request whose answer is read piece by piece; it lives as long as ctx.
func (c *Client) stream(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	if err := c.limit.Wait(ctx); err != nil {
		return nil, fmt.Errorf("GET %s: wait for the rate limit: %w", path, err)
	}
	return c.send(ctx, http.MethodGet, path, query, "", nil)
}

// send returns the answer if its HTTP status is a success; the caller closes it.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, contentType string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("%s %s: encode %T: %w", method, path, in, err)
		}
		body = bytes.NewReader(encoded)
	}
	target := c.base.JoinPath(path)
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, method, target.String(), body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	request.Header.Set("Accept", "application/json")
	if in != nil {
		if contentType == "" {
			contentType = "application/json"
		}
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err // a url.Error, which names method and URL
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		defer closeAnswer(response)
		return nil, refusal(response, method, path)
	}
	return response, nil
}

// refusal makes an error of an answer that is not a success: the Status in it, or, from something between us and the
// server, one made of the HTTP status and the text.
func refusal(response *http.Response, method, path string) error {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s %s: read the answer (HTTP %s): %w", method, path, response.Status, err)
	}
	var status metav1.Status
	if json.Unmarshal(body, &status) != nil || status.Kind != "Status" {
		return apierrors.NewGenericServerResponse(response.StatusCode, method, schema.GroupResource{}, path, string(body), 0, true)
	}
	if status.Code == 0 {
		status.Code = int32(response.StatusCode)
	}
	return &apierrors.StatusError{ErrStatus: status}
}

// closeAnswer reads the little that may be left, so that the connection can be used again.
func closeAnswer(response *http.Response) {
	_, _ = io.CopyN(io.Discard, response.Body, 4<<10)
	_ = response.Body.Close()
}
