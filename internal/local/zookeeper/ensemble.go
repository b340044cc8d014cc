package zookeeper

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
)

// Ensemble is several servers that hold the same data as long as most of them run.
type Ensemble struct {
	Servers []*Server
}

// StartEnsemble starts a number of servers, an odd one, with their data in folders below o.Dir, and waits until each of
// them serves. o.Port is not used: each server takes a free one.
func StartEnsemble(ctx context.Context, o Options, servers int) (*Ensemble, error) {
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	peers := make([]peer, servers)
	for i := range peers {
		quorum, err := freePort(o.Host)
		if err != nil {
			return nil, err
		}
		election, err := freePort(o.Host)
		if err != nil {
			return nil, err
		}
		peers[i] = peer{o.Host, quorum, election}
	}
	e := &Ensemble{}
	for i := range peers {
		own := o
		own.Dir, own.Port = filepath.Join(o.Dir, strconv.Itoa(i+1)), 0
		server, err := prepare(ctx, own, i+1, peers)
		if err == nil {
			err = server.launch()
		}
		if err != nil {
			return nil, errors.Join(err, e.Kill())
		}
		e.Servers = append(e.Servers, server)
	}
	for _, server := range e.Servers {
		if err := server.ready(ctx); err != nil {
			return nil, errors.Join(err, e.Kill())
		}
	}
	return e, nil
}

// URL is all the servers and a path in the form that Mesos and we take: zk://host:port,host:port/path.
func (e *Ensemble) URL(path string) string {
	addresses := make([]string, len(e.Servers))
	for i, server := range e.Servers {
		addresses[i] = server.Address()
	}
	return "zk://" + strings.Join(addresses, ",") + path
}

// Kill ends all servers with SIGKILL.
func (e *Ensemble) Kill() error {
	var problems []error
	for _, server := range e.Servers {
		problems = append(problems, server.Kill())
	}
	return errors.Join(problems...)
}
