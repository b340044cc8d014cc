package zk

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-zookeeper/zk"

	"k8s-framework/scheduler"
)

// DefaultMaxRequest is how many bytes one step of a Save may have. ZooKeeper takes 1 MiB in one request (jute.maxbuffer) and breaks
// the connection on more.
const DefaultMaxRequest = 512 << 10

// MaxRequestFlag is the flag that a user is told to raise when a record is larger than Options.MaxRequest.
const MaxRequestFlag = "--zk-max-request"

// Save makes the changes durable, for the leader only.
//
// Each of its steps is one multi: all or nothing, its first operation checks and moves our epoch. Changes are taken in
// their order, as many into a step as fit. So a Save of at most Options.MaxRequest, that is some 800 new nodes by default, is all or nothing, and of a
// larger one a prefix is durable when it fails in the middle. That suits a Plan: a record that others rely on (the
// counter) comes first, and nothing of the Plan is acted on unless Save has succeeded.
//
// A connection that breaks during a step is no error: the epoch tells whether the step was performed. The errors are
// ErrDeposed, ErrUnknownOutcome (ctx or the leadership ended while an answer was outstanding), the reason for which
// the leadership ended, ErrTooLarge, or that of a znode that somebody changed by hand. After an error every further Save
// fails with it: the process should end. To delete a record that is not there is no error.
func (l *Leadership) Save(ctx context.Context, changes []scheduler.Change) error {
	if l.broken != nil {
		return fmt.Errorf("save: an earlier one failed: %w", l.broken)
	}
	if l.records == nil {
		return errors.New("save: nothing was loaded yet, want LoadPools first")
	}
	ctx, cancel := joined(ctx, l.life)
	defer cancel()
	steps, err := l.steps(changes)
	for i := 0; err == nil && i < len(steps); i++ {
		if err = l.perform(ctx, steps[i]); err != nil && len(steps) > 1 {
			err = fmt.Errorf("step %d of %d: %w", i+1, len(steps), err)
		}
	}
	if err != nil {
		l.broken = err
		return fmt.Errorf("save: %w", err)
	}
	return nil
}

// steps cuts the changes into multis. It notes in l.records what will be there.
func (l *Leadership) steps(changes []scheduler.Change) ([][]any, error) {
	var steps [][]any
	room := 0
	for _, change := range changes {
		operation, size, err := l.operation(change)
		if err != nil {
			return nil, err
		}
		if operation == nil {
			continue
		}
		if size > room {
			steps, room = append(steps, nil), l.client.options.MaxRequest-l.fenceSize()
		}
		if size > room {
			return nil, fmt.Errorf("%w: %s is %d bytes, want %d at most: raise %s, and jute.maxbuffer of ZooKeeper if need be",
				ErrTooLarge, change, size, room, MaxRequestFlag)
		}
		room -= size
		steps[len(steps)-1] = append(steps[len(steps)-1], operation)
	}
	return steps, nil
}

// operation is a change in ZooKeeper's terms, and its size in the request; nil if there is nothing to do.
func (l *Leadership) operation(change scheduler.Change) (any, int, error) {
	u := l.client.url
	switch change := change.(type) {
	case scheduler.PutMeta:
		data, err := encodeRecord(change.Meta)
		return l.put(u.child(metaName), data, err)
	case scheduler.PutPool:
		data, err := encodeRecord(change.Pool)
		return l.put(u.child(poolsName, string(change.Pool.Name)), data, err)
	case scheduler.DeletePool:
		return l.remove(u.child(poolsName, string(change.Name)))
	case scheduler.PutNode:
		data, err := encodeRecord(change.Node)
		return l.put(u.child(nodesName, string(change.Node.Name)), data, err)
	case scheduler.DeleteNode:
		return l.remove(u.child(nodesName, string(change.Name)))
	default:
		panic(fmt.Sprintf("unknown change %T", change))
	}
}

// remove deletes a record; nil if it is not there.
func (l *Leadership) remove(znode string) (any, int, error) {
	if _, there := l.records[znode]; !there {
		return nil, 0, nil
	}
	delete(l.records, znode)
	return &zk.DeleteRequest{Path: znode, Version: -1}, operationSize(znode, nil), nil
}

func (l *Leadership) put(znode string, data []byte, err error) (any, int, error) {
	if err != nil {
		return nil, 0, fmt.Errorf("encode %s: %w", znode, err)
	}
	size := operationSize(znode, data)
	if _, there := l.records[znode]; there {
		return &zk.SetDataRequest{Path: znode, Data: data, Version: -1}, size, nil
	}
	l.records[znode] = struct{}{}
	for _, entry := range l.client.acl {
		size += 12 + len(entry.Scheme) + len(entry.ID)
	}
	return &zk.CreateRequest{Path: znode, Data: data, Acl: l.client.acl}, size, nil
}

// operationSize is how many bytes an operation takes at most, without its ACL: a header of 9, the texts with their lengths,
// and up to 8 for version, flags and the length of the ACL.
func operationSize(znode string, data []byte) int { return 9 + 4 + len(znode) + 4 + len(data) + 8 }

func (l *Leadership) fenceSize() int {
	return operationSize(l.client.url.child(epochName), l.fence.encode()) + 64 // and the headers of request and multi
}

// perform does one step. It returns nil only if the step is durable.
func (l *Leadership) perform(ctx context.Context, step []any) error {
	c := l.client
	guard := &zk.SetDataRequest{Path: c.url.child(epochName), Data: l.fence.encode(), Version: l.fence.version}
	operations := append([]any{guard}, step...)
	unsure := false // whether an attempt may have been performed
	for {
		failed, err := c.multi(ctx, operations)
		switch {
		case err == nil:
			l.fence.version++
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
		case failed == 0 && errors.Is(err, zk.ErrBadVersion), transient(err):
			unsure = unsure || transient(err)
			if stopped := c.pause(ctx); stopped != nil {
				return fmt.Errorf("%w: %w", ErrUnknownOutcome, stopped)
			}
			done, err := l.settle(ctx, unsure)
			if err != nil {
				return err
			}
			if done {
				l.fence.version++
				return nil
			}
		default:
			return fmt.Errorf("%s: %w", describe(operations, failed), err)
		}
	}
}

// settle finds out whether a step that may have been performed was. ZooKeeper takes no more of what an
// earlier connection of our session has left under way, so that what the epoch says after a sync is final.
func (l *Leadership) settle(ctx context.Context, unsure bool) (done bool, err error) {
	err = l.client.sync(ctx)
	var now fence
	if err == nil {
		now, err = l.client.readFence(ctx)
	}
	switch {
	case err != nil && unsure:
		return false, fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	case err != nil:
		return false, err
	case now.Leader != l.fence.Leader:
		return false, fmt.Errorf("%w: epoch %d is of %s at %s, ours was %d", ErrDeposed, now.Number, now.Leader, now.Address, l.fence.Number)
	case unsure && now.version == l.fence.version:
		return false, nil
	case unsure && now.version == l.fence.version+1:
		return true, nil
	default:
		return false, fmt.Errorf("%w: the epoch znode was changed by somebody: version is %d, want %d", ErrDeposed, now.version, l.fence.version)
	}
}

// multi performs the operations, all or none. With an error of one operation comes its index; −1 if it is of the whole.
func (c *Client) multi(ctx context.Context, operations []any) (failed int, err error) {
	results, err := ask(ctx, c, func(conn *zk.Conn) ([]zk.MultiResponse, error) { return conn.Multi(operations...) })
	if err == nil {
		return -1, nil
	}
	for i, result := range results {
		if result.Error != nil {
			return i, result.Error
		}
	}
	return -1, err
}

// describe names the operation that an error is about.
func describe(operations []any, failed int) string {
	if failed < 0 || failed >= len(operations) {
		return fmt.Sprintf("write %d records", len(operations)-1)
	}
	switch operation := operations[failed].(type) {
	case *zk.CreateRequest:
		return "create " + operation.Path
	case *zk.SetDataRequest:
		return "write " + operation.Path
	case *zk.DeleteRequest:
		return "delete " + operation.Path
	default:
		panic(fmt.Sprintf("unknown operation %T", operation))
	}
}
