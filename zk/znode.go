package zk

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/go-zookeeper/zk"
)

// read is a znode's data and its version.
type read struct {
	data    []byte
	version int32
}

// get reads a znode.
func (c *Client) get(ctx context.Context, znode string) (read, error) {
	return again(ctx, c, func(conn *zk.Conn) (read, error) {
		data, stat, err := conn.Get(znode)
		if err != nil {
			return read{}, err
		}
		return read{data, stat.Version}, nil
	})
}

// sync makes later reads see everything that was written, by whomever, before.
func (c *Client) sync(ctx context.Context) error {
	_, err := again(ctx, c, func(conn *zk.Conn) (string, error) { return conn.Sync(c.url.Path) })
	return err
}

// children lists the names below a znode.
func (c *Client) children(ctx context.Context, znode string) ([]string, error) {
	return again(ctx, c, func(conn *zk.Conn) ([]string, error) {
		names, _, err := conn.Children(znode)
		return names, err
	})
}

// delete deletes a znode; one that is not there is no error.
func (c *Client) delete(ctx context.Context, znode string) error {
	_, err := again(ctx, c, func(conn *zk.Conn) (struct{}, error) { return struct{}{}, conn.Delete(znode, -1) })
	if errors.Is(err, zk.ErrNoNode) {
		return nil
	}
	return err
}

// ensure creates a znode with the given data, and all above it, where they are missing.
func (c *Client) ensure(ctx context.Context, znode string, data []byte) error {
	_, err := again(ctx, c, func(conn *zk.Conn) (string, error) { return conn.Create(znode, data, 0, c.acl) })
	switch {
	case err == nil || errors.Is(err, zk.ErrNodeExists):
		return nil
	case !errors.Is(err, zk.ErrNoNode):
		return fmt.Errorf("create %s: %w", znode, err)
	}
	if err := c.ensure(ctx, path.Dir(znode), nil); err != nil {
		return err
	}
	return c.ensure(ctx, znode, data)
}
