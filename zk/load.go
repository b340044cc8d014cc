package zk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/go-zookeeper/zk"

	"k8s-framework/scheduler"
)

// readers is how many reads are under way at once on one connection; each of go-zookeeper's calls waits for its answer.
// The server takes the requests of one connection one by one, so that many records are read in half the time with some
// more connections.
const (
	readers         = 64
	helpers         = 2
	recordsToHelpAt = 1000
)

// maxProblems bounds how many unreadable records an error names.
const maxProblems = 10

// LoadPools reads what is saved except the nodes, which are many: with it a leader can subscribe to Mesos. What the leaders before us
// have saved is in it completely, since they can save no more. A record that cannot be read is an error that names its znode; the
// first ten such are named. It must be called before the first Save.
func (l *Leadership) LoadPools(ctx context.Context) (scheduler.State, error) {
	ctx, cancel := joined(ctx, l.life)
	defer cancel()
	c, u := l.client, l.client.url
	records := map[string]struct{}{}
	var state scheduler.State
	pools, err := loadAll(ctx, c, u.child(poolsName), records, decodePool)
	if err != nil {
		return state, err
	}
	meta, err := c.get(ctx, u.child(metaName))
	if err != nil && !errors.Is(err, zk.ErrNoNode) { // before the first Save there is none
		return state, fmt.Errorf("load %s: %w", u.child(metaName), err)
	}
	if err == nil {
		if state.Meta, err = decodeMeta(meta.data); err != nil {
			return scheduler.State{}, fmt.Errorf("load %s: %w", u.child(metaName), err)
		}
		records[u.child(metaName)] = struct{}{}
	}
	state.Pools = pools
	l.records = records
	return state, nil
}

// LoadNodes reads the nodes, as LoadPools does the rest, after which it is called, and before the first Save of a node.
func (l *Leadership) LoadNodes(ctx context.Context) ([]scheduler.Node, error) {
	if l.records == nil {
		return nil, errors.New("load nodes: nothing was loaded yet, want LoadPools first")
	}
	ctx, cancel := joined(ctx, l.life)
	defer cancel()
	nodes, err := loadAll(ctx, l.client, l.client.url.child(nodesName), l.records, decodeNode)
	if err != nil {
		l.records = nil // who does not know all that is saved saves nothing
	}
	return nodes, err
}

// loadAll reads all records below a znode, in the order of their names, and adds their paths to records.
func loadAll[T any](ctx context.Context, c *Client, folder string, records map[string]struct{},
	decode func(name string, data []byte) (T, error),
) ([]T, error) {
	names, err := c.children(ctx, folder)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", folder, err)
	}
	slices.Sort(names)
	loaded, problems := make([]T, len(names)), make([]error, len(names))
	err = readAll(ctx, c, len(names), func(ctx context.Context, c *Client, i int) error {
		znode := folder + "/" + names[i]
		found, err := c.get(ctx, znode)
		if err != nil {
			return fmt.Errorf("load %s: %w", znode, err)
		}
		if loaded[i], err = decode(names[i], found.data); err != nil {
			problems[i] = fmt.Errorf("load %s: %w", znode, err) // which does not keep us from the others
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		records[folder+"/"+name] = struct{}{}
	}
	return loaded, summary(problems)
}

// readAll calls read for 0 to n−1, on several connections, and returns the first error.
func readAll(ctx context.Context, c *Client, n int, read func(ctx context.Context, c *Client, i int) error) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	next := make(chan int)
	work := func(c *Client) {
		var reading sync.WaitGroup
		for range min(readers, n) {
			reading.Go(func() {
				for i := range next {
					if err := read(ctx, c, i); err != nil {
						end(err)
						return
					}
				}
			})
		}
		reading.Wait()
	}
	var working sync.WaitGroup
	working.Go(func() { work(c) })
	opening, enough := context.WithCancel(ctx)
	defer enough()
	if n >= recordsToHelpAt {
		for range helpers {
			working.Go(func() {
				helper, err := Open(opening, c.options)
				if err != nil {
					return // the others are at it, or done
				}
				defer helper.Close()
				// This server may be behind the one that has seen our election.
				if helper.sync(opening) == nil {
					work(helper)
				}
			})
		}
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	enough()
	working.Wait()
	return context.Cause(ctx)
}

// summary joins the first of the problems.
func summary(problems []error) error {
	problems = slices.DeleteFunc(problems, func(err error) bool { return err == nil })
	if more := len(problems) - maxProblems; more > 0 {
		problems = append(problems[:maxProblems], fmt.Errorf("and %d more", more))
	}
	return errors.Join(problems...)
}
