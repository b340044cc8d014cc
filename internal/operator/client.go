package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"k8s-framework/scheduler"
)

// maxAnswer bounds an answer in bytes; the state of 10,000 nodes takes some 10 MB.
const maxAnswer = 256 << 20

// Client asks the instances of the framework, one after the other until one answers.
type Client struct {
	servers []*url.URL
	http    http.Client
}

// New makes a client of the instances' addresses, each host:port or http://host:port.
func New(servers []string) (*Client, error) {
	c := &Client{http: http.Client{Timeout: 30 * time.Second}}
	for _, server := range servers {
		full := server
		if !strings.Contains(full, "://") {
			full = "http://" + full
		}
		parsed, err := url.Parse(full)
		if err != nil || parsed.Host == "" || parsed.Scheme != "http" {
			return nil, fmt.Errorf("--server is %q, want host:port of an instance of k8s-framework", server)
		}
		c.servers = append(c.servers, parsed)
	}
	if len(c.servers) == 0 {
		return nil, errors.New("--server is empty, want host:port of an instance of k8s-framework")
	}
	return c, nil
}

// State is what the leader sees.
func (c *Client) State(ctx context.Context) (scheduler.View, error) {
	var view scheduler.View
	err := c.ask(ctx, http.MethodGet, "/state", nil, &view)
	return view, err
}

// Scale changes how many nodes a pool wants. nil means that this is stored.
func (c *Client) Scale(ctx context.Context, pool string, nodes int) error {
	body := fmt.Appendf(nil, `{"nodes": %d}`, nodes)
	return c.ask(ctx, http.MethodPost, "/pools/"+url.PathEscape(pool)+"/scale", body, nil)
}

// ask tries the instances in turn until one answers, with whatever answer.
func (c *Client) ask(ctx context.Context, method, path string, body []byte, into any) error {
	var failures []error
	for _, server := range c.servers {
		request, err := http.NewRequestWithContext(ctx, method, server.JoinPath(path).String(), bytes.NewReader(body))
		if err != nil {
			return err
		}
		answer, err := c.http.Do(request)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		return read(answer, into)
	}
	return fmt.Errorf("no instance of k8s-framework answers: %w", errors.Join(failures...))
}

func read(answer *http.Response, into any) error {
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", answer.Request.URL.Host, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers: %s", answer.Request.URL.Host, bytes.TrimSpace(text))
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s answers %.100q, want JSON: %w", answer.Request.URL.Host, text, err)
	}
	return nil
}
