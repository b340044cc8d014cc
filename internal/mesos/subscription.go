package mesos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"k8s-framework/internal/mesos/wire"
	"k8s-framework/scheduler"
)

const (
	apiPath      = "/api/v1/scheduler"
	streamHeader = "Mesos-Stream-Id"
	maxRedirects = 5
	// defaultHeartbeat is Mesos's own, for a master that does not say.
	defaultHeartbeat = 15 * time.Second
	// missedHeartbeats is after how many intervals without a byte a stream is taken for dead.
	missedHeartbeats = 2.5
)

// errLeaderChanged ends a stream, or an attempt, because another master leads: there is no need to wait before the next.
var errLeaderChanged = errors.New("another master leads")

// Other ends of a stream.
var (
	// errEnded: the master closed the stream in an orderly way.
	errEnded = errors.New("the stream ended")
	// errChanged ends a stream that was subscribed with what UpdateFramework has changed since.
	errChanged = errors.New("roles or capabilities changed while subscribing")
)

// subscription is one attempt to subscribe, and the stream if it succeeds.
type subscription struct {
	client    *Client
	framework scheduler.FrameworkID
	deliver   func(scheduler.Event)

	// leader is who was said to lead; changed is closed when another may.
	leader  string
	changed <-chan struct{}
	began   time.Time // zero until SUBSCRIBED
	// said is what SUBSCRIBE said of us, and session what begin made; nil until then.
	said    *Framework
	session *session
}

func (s *subscription) subscribed() bool { return !s.began.IsZero() }

// lifetime is how long the subscription lived; 0 if it never did.
func (s *subscription) lifetime(now time.Time) time.Duration {
	if !s.subscribed() {
		return 0
	}
	return now.Sub(s.began)
}

// run returns why there is no subscription any more, which is never nil.
func (s *subscription) run(ctx context.Context) error {
	var err error
	s.leader, s.changed, err = s.client.options.Leader.Leader(ctx)
	if err != nil {
		return &leaderError{fmt.Errorf("find the leading master: %w", err)}
	}
	ctx, hang := context.WithCancelCause(ctx)
	var follower sync.WaitGroup
	follower.Go(func() { s.follow(ctx, hang) })
	defer follower.Wait()
	defer hang(nil)

	err = s.stream(ctx, hang)
	if cause := context.Cause(ctx); cause != nil {
		err = cause // what we did to the connection explains more than what the connection says of it
	}
	var refused *Refused
	if errors.As(err, &refused) {
		return err // it names the master, who need not be the one that we asked first
	}
	return fmt.Errorf("master %s: %w", s.leader, err)
}

// follow hangs up when another master leads. A leader that is unknown for a while is no reason: the stream may be fine.
func (s *subscription) follow(ctx context.Context, hang context.CancelCauseFunc) {
	changed := s.changed
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		leader, next, err := s.client.options.Leader.Leader(ctx)
		if err != nil {
			if ctx.Err() == nil {
				hang(&leaderError{fmt.Errorf("find the leading master: %w", err)})
			}
			return
		}
		if leader != s.leader {
			hang(fmt.Errorf("%w: %s", errLeaderChanged, leader))
			return
		}
		changed = next
	}
}

// stream subscribes and reads events until something goes wrong.
func (s *subscription) stream(ctx context.Context, hang context.CancelCauseFunc) error {
	options := s.client.options
	connection := wire.NewClient(s.client.tls, options.ConnectTimeout)
	defer connection.CloseIdleConnections()
	watch := newSilence(options.SubscribeTimeout, hang)
	defer watch.stop()

	response, address, err := s.subscribe(ctx, connection)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	watch.from = response.Body
	frames := wire.NewReader(watch, options.MaxFrame)
	for {
		event, err := nextEvent(frames)
		if errors.Is(err, errEnded) && s.subscribed() && s.session.tearing.Load() {
			return ErrTornDown
		}
		if err != nil {
			return err
		}
		switch {
		case event.failure != "":
			return s.refusal(address, event.failure)
		case event.subscribed != nil:
			interval := heartbeat(event.subscribed)
			watch.beat(time.Duration(missedHeartbeats*float64(interval)), hang)
			end, err := s.begin(ctx, hang, event.subscribed, address, response.Header.Get(streamHeader), interval)
			if err != nil {
				return err
			}
			defer end()
			s.deliver(scheduler.Subscribed{Framework: s.framework, Master: address})
		case event.core != nil && s.subscribed():
			s.deliver(event.core)
		case event.message != nil && s.subscribed():
			s.report(event.message)
		case event.ignored != "":
			s.ignore(event.ignored)
		}
	}
}

// report delivers what an executor's message means.
func (s *subscription) report(message []byte) {
	reported, err := s.client.options.Renderer.Reported(message)
	if err != nil {
		s.ignore("MESSAGE: " + err.Error())
		return
	}
	s.deliver(reported)
}

func (s *subscription) ignore(event string) {
	if s.client.options.Ignored != nil {
		s.client.options.Ignored(event)
	}
}

// refusal turns the text of an ERROR event into an error. Once we are subscribed only the end of the framework is final; of
// anything else the master tells us again when we subscribe again, if it still holds.
func (s *subscription) refusal(master, text string) error {
	switch {
	case text == "Framework failed over":
		return ErrFailedOver
	case text == "Framework has been removed":
		return ErrRemoved
	case s.subscribed():
		return fmt.Errorf("it ended the subscription: %s", text)
	default:
		return &Refused{Call: "SUBSCRIBE", Master: master, Status: http.StatusOK, Text: text}
	}
}

// nextEvent reads and decodes one frame.
func nextEvent(frames *wire.Reader) (event, error) {
	frame, err := frames.Next()
	var large *wire.TooLarge
	switch {
	case errors.As(err, &large):
		return event{}, fmt.Errorf("an event has %s bytes, and %s allows %d: raise it", large.Size, MaxFrameFlag, large.Max)
	case errors.Is(err, io.EOF):
		return event{}, errEnded
	case err != nil:
		return event{}, fmt.Errorf("read event: %w", err)
	}
	decoded, err := decodeEvent(frame)
	if err != nil {
		return event{}, fmt.Errorf("decode event: %w", err)
	}
	return decoded, nil
}

// begin makes the subscription the one that calls belong to; end undoes it.
func (s *subscription) begin(
	ctx context.Context, hang context.CancelCauseFunc, said *v1sched.Event_Subscribed, address, stream string, interval time.Duration,
) (end func(), err error) {
	id := scheduler.FrameworkID(said.GetFrameworkID().GetValue())
	if id == "" || s.framework != "" && s.framework != id {
		return nil, fmt.Errorf("it subscribed framework %q, want %q", id, s.framework)
	}
	if s.subscribed() {
		return func() {}, nil
	}
	s.framework, s.began = id, time.Now()
	timeout := min(s.client.options.CallTimeout, time.Duration(missedHeartbeats*float64(interval))*4/5)
	header := s.client.header()
	header.Set(streamHeader, stream)
	calls, err := wire.NewPipeline(s.client.url(address), header, s.client.tls, s.client.options.ConnectTimeout)
	if err != nil {
		return nil, err
	}
	current := &session{hang: hang, calls: calls, master: address, timeout: timeout, framework: id}
	s.session = current
	s.client.session.Store(current)
	hung := context.AfterFunc(ctx, current.end) // also while an event is being delivered
	end = func() {
		hung()
		s.client.session.CompareAndSwap(current, nil)
		current.end()
	}
	// An update that found no session changed the framework before it looked, and we look after there is one.
	if s.client.framework.Load() != s.said {
		end()
		return nil, errChanged
	}
	return end, nil
}

// subscribe sends SUBSCRIBE, following redirects to the leader, and returns the stream and whose it is.
func (s *subscription) subscribe(ctx context.Context, client *http.Client) (stream *http.Response, address string, err error) {
	s.said = s.client.framework.Load()
	call := subscribeCall(*s.said, s.framework)
	address = s.leader
	for range maxRedirects {
		response, err := wire.Post(ctx, client, s.client.url(address), s.client.header(), call)
		if err != nil {
			return nil, "", err
		}
		switch {
		case response.StatusCode == http.StatusOK && response.Header.Get(streamHeader) == "":
			_ = response.Body.Close()
			return nil, "", fmt.Errorf("%s answered without a %s: no scheduler API of Mesos is there", address, streamHeader)
		case response.StatusCode == http.StatusOK:
			return response, address, nil
		case response.StatusCode != http.StatusTemporaryRedirect:
			return nil, "", &Refused{Call: "SUBSCRIBE", Master: address, Status: response.StatusCode, Text: wire.Text(response)}
		}
		_ = wire.Text(response)
		next, err := redirected(response.Header.Get("Location"))
		if err != nil {
			return nil, "", fmt.Errorf("%s redirects: %w", address, err)
		}
		address = next
	}
	return nil, "", fmt.Errorf("redirected %d times, at last to %s", maxRedirects, address)
}

// redirected reads whom a Location names. Mesos writes //host:port/master/api/v1/scheduler: no scheme, and the path of a
// process. Only the host is taken; scheme and path stay ours.
func redirected(location string) (address string, err error) {
	target, err := url.Parse(location)
	if err != nil || target.Host == "" {
		return "", fmt.Errorf("location is %q, want //host:port/…", location)
	}
	return target.Host, nil
}

// heartbeat is the interval that the master promised.
func heartbeat(said *v1sched.Event_Subscribed) time.Duration {
	seconds := said.GetHeartbeatIntervalSeconds()
	if !(seconds > 0 && seconds <= 24*3600) { // not a number is neither
		return defaultHeartbeat
	}
	return time.Duration(seconds * float64(time.Second))
}

func (c *Client) url(address string) string {
	scheme := "http"
	if c.tls != nil {
		scheme = "https"
	}
	return (&url.URL{Scheme: scheme, Host: address, Path: apiPath}).String()
}

// header is what every request carries.
func (c *Client) header() http.Header {
	request := http.Request{Header: http.Header{}}
	if credentials := c.options.Credentials; credentials != nil {
		request.SetBasicAuth(credentials.Principal, string(credentials.Secret))
	}
	return request.Header
}
