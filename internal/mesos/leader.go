package mesos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
)

// Leader says where the leading Mesos master is.
type Leader interface {
	// Leader waits until a leader is known, and returns its host:port and a channel that is closed when another may lead; a nil
	// channel says that this is never known. It is called before every attempt to subscribe. Its error ends Run.
	Leader(ctx context.Context) (address string, changed <-chan struct{}, err error)
}

// Static is a Leader that names the given masters in turn, for where there is no ZooKeeper. Any of them will do: a master that
// does not lead redirects to the one that does.
func Static(addresses ...string) (Leader, error) {
	if len(addresses) == 0 {
		return nil, errors.New("no master is named, want host:port")
	}
	for _, address := range addresses {
		if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
			return nil, fmt.Errorf("master is %q, want host:port", address)
		}
	}
	return &static{addresses: addresses}, nil
}

type static struct {
	addresses []string
	asked     atomic.Uint64
}

func (s *static) Leader(ctx context.Context) (string, <-chan struct{}, error) {
	next := s.asked.Add(1) - 1
	return s.addresses[next%uint64(len(s.addresses))], nil, ctx.Err()
}
