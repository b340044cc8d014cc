package execapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/executor"

	"k8s-framework/internal/mesos/wire"
)

const (
	defaultCallTimeout = 10 * time.Second
	defaultMaxFrame    = 16 << 20
	connectTimeout     = 1500 * time.Millisecond // the agent is on our own host
	firstPause         = 50 * time.Millisecond
	// settled is how long a stream must have lived for the next attempt to be made at once.
	settled = time.Second
)

// Options of a Client. The zero value is usable.
type Options struct {
	// CallTimeout bounds one call, from dialling to the answer, and the wait for the agent's answer to SUBSCRIBE; 10 seconds if 0.
	CallTimeout time.Duration
	// MaxFrame is the largest event that is accepted, in bytes; 16 MiB if 0. An agent that sends a larger one is disconnected.
	MaxFrame int
	// CAFile holds the certificates that an agent's is checked against, in PEM; the system's if empty. Used with https only.
	CAFile string
	// Failed, if not nil, is told of every attempt to subscribe that failed and of every stream that ended, for the log. It is
	// called on Run's goroutine.
	Failed func(error)
}

// Client is one executor's side of the conversation with its agent. Its methods may be called from several goroutines.
type Client struct {
	env     Environment
	options Options
	tls     *tls.Config
	url     string
	header  http.Header
	calls   *http.Client
}

// New makes a client; it does not connect. The error says which option is wrong.
func New(env Environment, options Options) (*Client, error) {
	if options.CallTimeout < 0 || options.MaxFrame < 0 {
		return nil, fmt.Errorf("executor client: call timeout is %v, largest frame is %d, want neither negative",
			options.CallTimeout, options.MaxFrame)
	}
	if options.CallTimeout == 0 {
		options.CallTimeout = defaultCallTimeout
	}
	if options.MaxFrame == 0 {
		options.MaxFrame = defaultMaxFrame
	}
	c := &Client{env: env, options: options, header: http.Header{}}
	target := url.URL{Scheme: "http", Host: env.Endpoint, Path: "/api/v1/executor"}
	if env.TLS {
		config, err := wire.TLS(options.CAFile)
		if err != nil {
			return nil, fmt.Errorf("executor client: %w", err)
		}
		c.tls, target.Scheme = config, "https"
	}
	if env.Token != "" {
		c.header.Set("Authorization", "Bearer "+string(env.Token))
	}
	c.url = target.String()
	c.calls = wire.NewClient(c.tls, connectTimeout)
	return c, nil
}

// Run subscribes and delivers events until ctx is done or the agent refuses this executor for good. Before every attempt it
// asks pending what is unacknowledged; pending may block until its answer is there, and its error ends Run. Both functions are
// called on the caller's goroutine, never at the same time.
//
// Errors: that of ctx; [ErrForeignAgent] or [ErrForgotten] (by errors.Is); that of pending, or about what it answered.
func (c *Client) Run(ctx context.Context, pending func(context.Context) (Pending, error), deliver func(Event)) error {
	defer c.calls.CloseIdleConnections()
	for attempt, connected := 0, true; ; attempt++ {
		have, err := pending(ctx)
		if err != nil {
			return fmt.Errorf("ask what is unacknowledged: %w", err)
		}
		call, err := subscribeCall(have)
		if err != nil {
			return err
		}
		began := time.Now()
		subscribed, err := c.stream(ctx, c.addressed(call), deliver)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, ErrForeignAgent) || errors.Is(err, ErrForgotten) {
			return fmt.Errorf("subscribe to agent %s: %w", c.env.Endpoint, err)
		}
		if c.options.Failed != nil {
			c.options.Failed(err)
		}
		if subscribed || connected {
			connected = false
			deliver(Disconnected{Why: err.Error()})
		}
		// The connection for calls leads to the same agent, which may be gone; a call on it would fail needlessly.
		c.calls.CloseIdleConnections()
		if subscribed && time.Since(began) >= settled {
			attempt = 0
			continue
		}
		sleep(ctx, c.pause(attempt))
	}
}

// pause doubles from attempt to attempt up to half of the agent's limit, so that no two attempts are as far apart as that.
// Half of each is random.
func (c *Client) pause(attempt int) time.Duration {
	limit := min(c.env.BackoffMax, 2*time.Second) / 2
	longest := max(min(firstPause<<min(attempt, 10), limit), firstPause)
	return longest - rand.N(longest/2)
}

func sleep(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// stream subscribes once and delivers events until the stream ends; the error says why, and is never nil.
func (c *Client) stream(ctx context.Context, call *executor.Call, deliver func(Event)) (subscribed bool, err error) {
	connection := wire.NewClient(c.tls, connectTimeout)
	defer connection.CloseIdleConnections()
	ctx, hang := context.WithCancelCause(ctx)
	defer hang(nil)
	slow := time.AfterFunc(c.options.CallTimeout, func() {
		hang(fmt.Errorf("no answer to SUBSCRIBE within %v", c.options.CallTimeout))
	})
	response, err := wire.Post(ctx, connection, c.url, c.header, call)
	if !slow.Stop() || err != nil {
		if err == nil {
			_ = response.Body.Close()
		}
		return false, explained(ctx, err)
	}
	if response.StatusCode != http.StatusOK {
		return false, &Refused{Call: "SUBSCRIBE", Status: response.StatusCode, Text: wire.Text(response)}
	}
	defer response.Body.Close()
	frames := wire.NewReader(response.Body, c.options.MaxFrame)
	for {
		event, err := nextEvent(frames)
		if err != nil {
			return subscribed, explained(ctx, err)
		}
		if event == nil {
			continue
		}
		if _, is := event.(Subscribed); is {
			subscribed = true
		}
		deliver(event)
	}
}

// explained prefers the reason for which we hung up to what the connection says of it.
func explained(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// nextEvent reads and decodes one frame; nil stands for an event that says nothing.
func nextEvent(frames *wire.Reader) (Event, error) {
	frame, err := frames.Next()
	if err != nil {
		return nil, fmt.Errorf("the stream ended: %w", err)
	}
	var said executor.Event
	if err := wire.Decode(frame, &said); err != nil {
		return nil, fmt.Errorf("decode event: %w", err)
	}
	return fromEvent(&said)
}

// Update sends a status update: one attempt. nil means that the agent answered 202; only then does a terminal update count,
// even when the executor exits. After an error (the agent is restarting, the call took too long) the update is the caller's to
// send again; it may have arrived nevertheless, which does no harm. A [*Refused] with status 400 will be refused again.
func (c *Client) Update(ctx context.Context, status Status) error {
	message, err := toStatus(status)
	if err == nil {
		call := &executor.Call{Type: executor.Call_UPDATE, Update: &executor.Call_Update{Status: message}}
		err = c.call(ctx, call)
	}
	if err != nil {
		return fmt.Errorf("update task %s to %s: %w", status.Task, status.State, err)
	}
	return nil
}

// Message sends data to the framework: one attempt. nil means that the agent took it, not that it arrived.
func (c *Client) Message(ctx context.Context, data []byte) error {
	call := &executor.Call{Type: executor.Call_MESSAGE, Message: &executor.Call_Message{Data: data}}
	if err := c.call(ctx, call); err != nil {
		return fmt.Errorf("message to the framework: %w", err)
	}
	return nil
}

// call sends one call on the connection for calls.
func (c *Client) call(ctx context.Context, call *executor.Call) error {
	ctx, cancel := context.WithTimeout(ctx, c.options.CallTimeout)
	defer cancel()
	response, err := wire.Post(ctx, c.calls, c.url, c.header, c.addressed(call))
	if err != nil {
		return err
	}
	text := wire.Text(response)
	if response.StatusCode != http.StatusAccepted {
		return &Refused{Call: call.Type.String(), Status: response.StatusCode, Text: text}
	}
	return nil
}

// addressed adds who is speaking.
func (c *Client) addressed(call *executor.Call) *executor.Call {
	call.ExecutorID.Value, call.FrameworkID.Value = c.env.Executor, c.env.Framework
	return call
}
