package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
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
	err := c.ask(ctx, Request{method: http.MethodGet, path: []string{"state"}}, false, &view)
	return view, err
}

// Do asks for what the request says, or, as a dry run, what it would do. nil means that it is stored; the lines say what
// is done now.
func (c *Client) Do(ctx context.Context, r Request, dryRun bool) ([]string, error) {
	var answer struct {
		Lines []string `json:"lines"`
	}
	err := c.ask(ctx, r, dryRun, &answer)
	return answer.Lines, err
}

// ask tries the instances in turn until one answers, with whatever answer. An order that may have arrived is not made again:
// it could be done twice.
func (c *Client) ask(ctx context.Context, r Request, dryRun bool, into any) error {
	var failures []error
	for _, server := range c.servers {
		target := server.JoinPath(r.path...)
		if dryRun {
			target.RawQuery = "dryRun=true"
		}
		request, err := http.NewRequestWithContext(ctx, r.method, target.String(), bytes.NewReader(r.body))
		if err != nil {
			return err
		}
		answer, err := c.http.Do(request)
		switch {
		case err == nil:
			return read(answer, into)
		case r.method != http.MethodGet && !dryRun && !unreached(err):
			return fmt.Errorf("no answer, look at the status to see whether it was done: %w", err)
		}
		failures = append(failures, err)
	}
	return fmt.Errorf("no instance of k8s-framework answers: %w", errors.Join(failures...))
}

// unreached reports whether the request cannot have arrived.
func unreached(err error) bool {
	var failed *net.OpError
	return errors.As(err, &failed) && failed.Op == "dial"
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
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s answers %.100q, want JSON: %w", answer.Request.URL.Host, text, err)
	}
	return nil
}
