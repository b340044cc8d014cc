package zk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

// lookAgain is the pause after a look at ZooKeeper that failed for another reason than the connection.
const lookAgain = time.Second

// Detector follows which Mesos master leads. What it has seen stays true for it until it sees something else: while
// ZooKeeper is away, or nobody leads, the last leader is still named.
type Detector struct {
	address func(Master) string
	trouble func(error)
	path    string
	cancel  context.CancelFunc
	done    chan struct{}

	mu      sync.Mutex
	master  Master
	known   bool
	err     error         // why it has given up
	changed chan struct{} // closed when one of the above changes
}

// Detect follows the masters that announce themselves under the path of o.URL, until Close is called. address chooses
// how the leader is named: Master.ByName or Master.ByIP.
func Detect(o Options, address func(Master) string) *Detector {
	ctx, cancel := context.WithCancel(context.Background())
	d := &Detector{
		address: address,
		trouble: o.Trouble,
		path:    o.URL.Path,
		cancel:  cancel,
		done:    make(chan struct{}),
		changed: make(chan struct{}),
	}
	go func() {
		defer close(d.done)
		d.end(d.follow(ctx, o))
	}()
	return d
}

// Close ends the detection.
func (d *Detector) Close() {
	d.cancel()
	<-d.done
}

// Leader waits until a leader is known, and returns its host:port and a channel that is closed when another leads. It
// fails when ctx ends, when the detector is closed, and when ZooKeeper refuses us for good.
func (d *Detector) Leader(ctx context.Context) (address string, changed <-chan struct{}, err error) {
	for {
		d.mu.Lock()
		master, known, failed, changed := d.master, d.known, d.err, d.changed
		d.mu.Unlock()
		switch {
		case failed != nil:
			return "", nil, fmt.Errorf("find the leading Mesos master: %w", failed)
		case known:
			return d.address(master), changed, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", nil, fmt.Errorf("find the leading Mesos master: %w", context.Cause(ctx))
		}
	}
}

// follow looks, waits for a change, and looks again.
func (d *Detector) follow(ctx context.Context, o Options) error {
	client, err := Open(ctx, o)
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		changed, err := d.look(ctx, client)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			d.tell(fmt.Errorf("find the leading Mesos master at %s: %w", o.URL, err))
		}
		if changed == nil {
			timer := time.NewTimer(lookAgain)
			select {
			case <-timer.C:
				continue
			case <-ctx.Done():
				timer.Stop()
				return ctx.Err()
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// look reads who leads. The channel fires when that may have changed; it can be there with an error, and is nil if there
// is nothing to wait for.
func (d *Detector) look(ctx context.Context, c *Client) (<-chan zk.Event, error) {
	for {
		now, err := again(ctx, c, func(conn *zk.Conn) (seen, error) {
			names, _, changed, err := conn.ChildrenW(d.path)
			return seen{names, changed}, err
		})
		if errors.Is(err, zk.ErrNoNode) {
			if changed, err := d.awaitPath(ctx, c); changed != nil || err != nil {
				return changed, errors.Join(ErrNoLeader, err)
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		name := leading(now.names)
		if name == "" {
			return now.changed, ErrNoLeader
		}
		found, err := c.get(ctx, d.path+"/"+name)
		if errors.Is(err, zk.ErrNoNode) {
			continue // it has just ended
		}
		if err != nil {
			return nil, err
		}
		master, err := decodeMaster(found.data)
		if err != nil {
			return now.changed, fmt.Errorf("read %s/%s: %w", d.path, name, err)
		}
		d.set(master)
		return now.changed, nil
	}
}

// seen is a list of names, and a channel that fires when it changes.
type seen struct {
	names   []string
	changed <-chan zk.Event
}

// awaitPath is a channel that fires when the path is created: no master was ever there. It is nil if the path is there.
func (d *Detector) awaitPath(ctx context.Context, c *Client) (<-chan zk.Event, error) {
	return again(ctx, c, func(conn *zk.Conn) (<-chan zk.Event, error) {
		there, _, changed, err := conn.ExistsW(d.path)
		if err != nil || there {
			return nil, err
		}
		return changed, nil
	})
}

func (d *Detector) set(master Master) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known && d.master == master {
		return
	}
	d.master, d.known = master, true
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *Detector) end(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil || errors.Is(err, context.Canceled) {
		err = errors.New("the detector is closed")
	}
	d.err = err
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *Detector) tell(err error) {
	if d.trouble != nil {
		d.trouble(err)
	}
}
