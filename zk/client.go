package zk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"
)

// DefaultSessionTimeout is what Mesos masters use.
const DefaultSessionTimeout = 10 * time.Second

// retryPause spaces the attempts at a call that the connection failed. The next attempt waits for a connection anyway.
const retryPause = 20 * time.Millisecond

// Options of a Client. URL is required.
type Options struct {
	URL URL
	// SessionTimeout is how long a session outlives its connection, and so how long after a leader's sudden death another
	// is elected. It should be three of ZooKeeper's ticks at least (6 s by default), and ZooKeeper bounds it by 2 and 20 of
	// them. 0 means DefaultSessionTimeout.
	SessionTimeout time.Duration
	// MaxRequest is how many bytes one request may have, 65,536 to 1,000,000: ZooKeeper takes 1 MiB with what
	// belongs to it (jute.maxbuffer). 0 means DefaultMaxRequest.
	MaxRequest int
	// WorldRead lets everybody read what we create, where the URL has credentials. Without credentials everybody may do
	// anything.
	WorldRead bool
	// Trouble, if not nil, is told each failed attempt to connect and each loss of connection or session, all of which the
	// client gets over by itself. It must not block, and may be called from any goroutine.
	Trouble func(error)

	// lookup resolves host names in place of the system's resolver.
	lookup func(ctx context.Context, host string) ([]string, error)
}

// Client is a connection to ZooKeeper that is made again and again, on one session after the other. Its methods may be
// called from any goroutine.
type Client struct {
	options Options
	url     URL
	acl     []zk.ACL
	trouble func(error)
	conn    *zk.Conn
	closed  chan struct{}
	close   func()
	// granted is the session timeout that the servers have set.
	granted atomic.Int64

	mu      sync.Mutex
	expired chan struct{} // closed when the session of now expires
	// link ends with the connection of now; it has ended while there is none.
	link   context.Context
	unlink context.CancelCauseFunc
	last   error // what went wrong last
}

// Open connects. It tries until a server has accepted us, or ctx ends; then the error says what went wrong last.
func Open(ctx context.Context, o Options) (*Client, error) {
	if len(o.URL.Servers) == 0 || o.URL.Path == "" {
		return nil, fmt.Errorf("open ZooKeeper: URL is %q, want one with servers and a path", o.URL)
	}
	if o.SessionTimeout == 0 {
		o.SessionTimeout = DefaultSessionTimeout
	}
	if o.MaxRequest == 0 {
		o.MaxRequest = DefaultMaxRequest
	}
	if o.MaxRequest < 64<<10 || o.MaxRequest > 1_000_000 {
		return nil, fmt.Errorf("open ZooKeeper: largest request is %d bytes, want 65536 to 1000000", o.MaxRequest)
	}
	if o.SessionTimeout < 100*time.Millisecond || o.SessionTimeout > time.Hour {
		return nil, fmt.Errorf("open ZooKeeper: session timeout is %s, want 100ms to 1h", o.SessionTimeout)
	}
	if o.lookup == nil {
		o.lookup = net.DefaultResolver.LookupHost
	}
	c := &Client{
		options: o,
		url:     o.URL,
		acl:     accessTo(o),
		trouble: o.Trouble,
		closed:  make(chan struct{}),
		expired: make(chan struct{}),
	}
	c.link, c.unlink = context.WithCancelCause(context.Background())
	c.unlink(ErrDisconnected)
	c.close = sync.OnceFunc(func() {
		close(c.closed)
		if c.linked() {
			c.conn.Close()
		} else {
			go c.conn.Close() // it waits for a second to tell the server, to which there is no connection
		}
	})
	d := &dialer{timeout: o.SessionTimeout, lookup: o.lookup, closed: c.closed}
	d.shaken = func(timeout time.Duration) { c.granted.Store(int64(timeout)) }
	var err error
	c.conn, _, err = zk.Connect(o.URL.Servers, o.SessionTimeout,
		zk.WithHostProvider(d), zk.WithDialer(d.dial), zk.WithEventCallback(c.event),
		zk.WithLogger(logger{c.troubled}), zk.WithLogInfo(false))
	if err != nil {
		return nil, fmt.Errorf("open ZooKeeper at %s: %w", o.URL, err)
	}
	if err := c.greet(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("open ZooKeeper at %s: %w", o.URL, err)
	}
	return c, nil
}

// accessTo is who may do what with the znodes that we create.
func accessTo(o Options) []zk.ACL {
	if o.URL.User == "" {
		return zk.WorldACL(zk.PermAll)
	}
	acl := zk.AuthACL(zk.PermAll) // whoever has authenticated with our credentials
	if o.WorldRead {
		acl = append(acl, zk.WorldACL(zk.PermRead)...)
	}
	return acl
}

// greet waits for the first session, and authenticates it and all that follow.
func (c *Client) greet(ctx context.Context) error {
	_, err := again(ctx, c, func(conn *zk.Conn) (struct{}, error) {
		if c.url.User == "" {
			_, _, err := conn.Exists("/")
			return struct{}{}, err
		}
		return struct{}{}, conn.AddAuth("digest", []byte(c.url.User+":"+c.url.Password))
	})
	if err != nil && ctx.Err() != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.last != nil {
			return fmt.Errorf("%w; the last attempt said: %w", err, c.last)
		}
	}
	return err
}

// Close ends the session, and with it every candidacy; without a connection, ZooKeeper does that when the session's time
// is over. It takes a second at most.
func (c *Client) Close() { c.close() }

// ask performs one call of go-zookeeper, which knows no contexts. When ctx ends first, the call may still be performed;
// its goroutine ends with the connection at the latest.
func ask[T any](ctx context.Context, c *Client, call func(*zk.Conn) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	if ctx.Err() != nil {
		return none, context.Cause(ctx)
	}
	answered := make(chan answer, 1)
	go func() {
		value, err := call(c.conn)
		answered <- answer{value, err}
	}()
	select {
	case a := <-answered:
		return a.value, a.err
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

// again is ask for calls that may be performed twice: it repeats them until the connection lets one through.
func again[T any](ctx context.Context, c *Client, call func(*zk.Conn) (T, error)) (T, error) {
	for {
		value, err := ask(ctx, c, call)
		if !transient(err) {
			return value, err
		}
		if stopped := c.pause(ctx); stopped != nil {
			return value, errors.Join(stopped, err)
		}
	}
}

// pause waits before a call is tried again; its error says why not to.
func (c *Client) pause(ctx context.Context) error {
	timer := time.NewTimer(retryPause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.closed:
		return errors.New("the client is closed")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// event is told each event of the connection. It must not block.
func (c *Client) event(e zk.Event) {
	if e.Type != zk.EventSession {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e.State {
	case zk.StateHasSession:
		c.link, c.unlink = context.WithCancelCause(context.Background())
	case zk.StateDisconnected:
		c.unlink(ErrDisconnected)
	case zk.StateExpired:
		close(c.expired)
		c.expired = make(chan struct{})
	}
}

// linked reports whether there is a connection.
func (c *Client) linked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link.Err() == nil
}

// connected is a context that also ends with the connection of now.
func (c *Client) connected(ctx context.Context) (context.Context, context.CancelFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return joined(ctx, c.link)
}

// joined is a context that also ends when other does, with its cause.
func joined(ctx, other context.Context) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	stop := context.AfterFunc(other, func() { end(context.Cause(other)) })
	return ctx, func() { stop(); end(context.Canceled) }
}

// sessionEnd is closed when the session of now, or the next one if there is none, expires.
func (c *Client) sessionEnd() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.expired
}

// sessionTimeout is what the servers have granted, which may be less or more than what was asked for.
func (c *Client) sessionTimeout() time.Duration { return time.Duration(c.granted.Load()) }

func (c *Client) troubled(err error) {
	select {
	case <-c.closed:
		return
	default:
	}
	c.mu.Lock()
	c.last = err
	c.mu.Unlock()
	if c.trouble != nil {
		c.trouble(err)
	}
}

// logger hands back what go-zookeeper would log, in words for people.
type logger struct{ troubled func(error) }

var plainWords = strings.NewReplacer(
	"recv loop terminated: failed to read from connection", "lost",
	"recv loop terminated", "lost",
	"send loop terminated", "lost",
	"authentication failed", "handshake failed",
	"zk: ", "",
)

// Printf implements zk.Logger.
func (l logger) Printf(format string, args ...any) {
	l.troubled(errors.New("ZooKeeper connection: " + plainWords.Replace(fmt.Sprintf(format, args...))))
}
