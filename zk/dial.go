package zk

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"
)

// The pauses between rounds of attempts in which no server took us: the first, doubled each time, up to the last.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
)

// The time that one server has for the handshake: at first between the first two, then doubled with every round of
// silence up to the last. A server that has just started was seen to forget a handshake now and then: to wait for it
// would cost the lease.
const (
	leastPatience = 300 * time.Millisecond
	firstPatience = time.Second
	lastPatience  = 10 * time.Second
)

// dialer chooses servers and connects to them, in place of go-zookeeper's own host provider, which resolves names once,
// and of its handshake, for which a silent server has ten times the session timeout. Names are resolved at every attempt.
// All methods but close are called by go-zookeeper's one connecting goroutine.
type dialer struct {
	servers []string
	// timeout is the session's: all servers together have a third of it at first, so that the session can survive.
	timeout time.Duration
	lookup  func(ctx context.Context, host string) ([]string, error)
	// shaken is called with the session timeout that a server has granted.
	shaken func(timeout time.Duration)

	closed <-chan struct{}

	next     int
	failures int // attempts since the last that succeeded
	silences int // those of them to which nothing was answered
	round    time.Time
	tried    map[string]int
	previous net.Conn
}

// Init implements zk.HostProvider. The servers come in a random order.
func (d *dialer) Init(servers []string) error {
	d.servers, d.tried = servers, map[string]int{}
	return nil
}

// Len implements zk.HostProvider.
func (d *dialer) Len() int { return len(d.servers) }

// Next implements zk.HostProvider. Saying that the round is over makes go-zookeeper wait for a second, fail what waits to
// be sent, and see that it was closed. Only the last of these is wanted.
func (d *dialer) Next() (server string, retryStart bool) {
	server = d.servers[d.next%len(d.servers)]
	d.next++
	select {
	case <-d.closed:
		return server, true
	default:
		return server, false
	}
}

// Connected implements zk.HostProvider.
func (d *dialer) Connected() { d.failures, d.silences = 0, 0 }

// dial is a zk.Dialer. The connection has its deadline until the handshake is done.
func (d *dialer) dial(_, server string, _ time.Duration) (net.Conn, error) {
	if d.previous != nil {
		_ = d.previous.Close() // go-zookeeper leaves it open when the session has expired
	}
	if err := d.pause(); err != nil {
		return nil, err
	}
	patience := d.patience()
	d.failures++ // until Connected says otherwise
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() { // not to hold up Close
		select {
		case <-d.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	address, err := d.resolve(ctx, server)
	if err != nil {
		return nil, err
	}
	plain, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		if ctx.Err() != nil {
			d.silences++
		}
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	conn, err := newConn(plain, deadline, d.shaken, func() { d.silences++ })
	if err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	d.previous = conn
	return conn, nil
}

// resolve finds the address to try: of several behind one name, another one each time.
func (d *dialer) resolve(ctx context.Context, server string) (string, error) {
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		return "", err
	}
	addresses, err := d.lookup(ctx, host)
	if err != nil {
		return "", err
	}
	if len(addresses) == 0 {
		return "", fmt.Errorf("host %s has no address", host)
	}
	chosen := addresses[d.tried[server]%len(addresses)]
	d.tried[server]++
	return net.JoinHostPort(chosen, port), nil
}

// pause waits before every round over all servers but the first.
func (d *dialer) pause() error {
	if d.failures%len(d.servers) != 0 {
		return nil
	}
	wait := min(firstPause<<min(d.failures/len(d.servers), 10), lastPause)
	wait = wait/2 + rand.N(wait/2) - time.Since(d.round)
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-d.closed:
			return errors.New("the client is closed")
		}
	}
	d.round = time.Now()
	return nil
}

// patience is how long the next attempt may take. It grows with the silence: a slow server is better than none.
func (d *dialer) patience() time.Duration {
	share := min(max(d.timeout/time.Duration(3*len(d.servers)), leastPatience), firstPatience)
	return min(share<<min(d.silences/len(d.servers), 10), lastPatience)
}
