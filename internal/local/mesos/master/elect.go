package master

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"k8s-framework/internal/local/mesos/flags"
	"k8s-framework/internal/local/mesos/wire"
)

// elect makes this master the leader: at once without ZooKeeper, else when its znode has the smallest number. It returns
// when ctx is done (nil) or when the leadership, or the candidacy, cannot be kept.
func (m *Master) elect(ctx context.Context) error {
	if m.flags.ZK == "" {
		storage := storage(memory{})
		if m.flags.Registry == "replicated_log" {
			storage = file(filepath.Join(m.flags.WorkDir, "registry.json.gz"))
		}
		if err := m.lead(storage); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}
	address := m.flags.ZK
	if path, ok := strings.CutPrefix(address, "file://"); ok {
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("--zk: %w", err)
		}
		address = strings.TrimSpace(string(content))
	}
	target, err := flags.ParseZK(address)
	if err != nil {
		return err
	}
	e := &election{m: m, target: target}
	return e.run(ctx)
}

// lead takes the leadership: it recovers the registry and starts to allocate.
func (m *Master) lead(s storage) error {
	info := m.info
	m.leadership.Store(&leadership{leading: true, leader: &info})
	m.log.info("Elected as the leading master!")
	registry, size, err := m.newRegistrar(s)
	if err != nil {
		return err
	}
	m.do(func() {
		m.registry = registry
		m.elected = time.Now()
		for id := range registry.ledger.Admitted {
			m.recovered[id] = true
		}
		m.machines.recover(&registry.ledger)
		m.log.info("Recovered %d agents from the registry (%dB); allowing %s for agents to reregister",
			len(m.recovered), size, flags.FormatDuration(m.flags.AgentReregisterTimeout))
		if len(m.recovered) > 0 {
			m.after(m.flags.AgentReregisterTimeout, m.giveUpRecovered)
		}
		m.allocationCycle()
		m.leadership.Store(&leadership{leading: true, recovered: true, leader: &info})
	})
	return nil
}

// giveUpRecovered makes agents unreachable that have not come back after a failover.
func (m *Master) giveUpRecovered() {
	for id := range m.recovered {
		m.log.warn("Agent %s did not reregister within %s after master failover; marking it unreachable", id, flags.FormatDuration(m.flags.AgentReregisterTimeout))
		delete(m.recovered, id)
		m.registry.markUnreachable(id, time.Now().UnixNano(), func() { m.agentFailure(id) })
	}
}

// follow says who leads; nil for nobody.
func (m *Master) follow(leader *mesos.MasterInfo) {
	if m.leadership.Load().leading {
		return
	}
	m.leadership.Store(&leadership{leader: leader})
	if leader != nil {
		m.log.info("The newly elected leader is %s with id %s", leader.GetPID(), leader.GetID())
	}
}

// election is the candidacy of one master.
type election struct {
	m      *Master
	target *flags.ZK
	conn   *zk.Conn
	own    string // the name of our znode
}

// quiet drops what the ZooKeeper client says.
type quiet struct{}

func (quiet) Printf(string, ...any) {}

// run contends until ctx is done. A standby that loses its session contends again; a leader ends.
func (e *election) run(ctx context.Context) error {
	for {
		err := e.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if e.m.leadership.Load().leading {
			if err != nil {
				e.m.log.error("%v", err)
			}
			return ErrLostLeadership
		}
		e.m.log.warn("Lost candidacy as a follower; contending again: %v", err)
		e.m.follow(nil)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

var errSession = errors.New("the ZooKeeper session is over")

// session contends with one ZooKeeper session, until it is over.
func (e *election) session(ctx context.Context) error {
	ctx, over := context.WithCancelCause(ctx)
	defer over(nil)
	watch := &sessionWatch{timeout: e.m.flags.ZKSessionTimeout, over: func() { over(errSession) }}
	conn, _, err := zk.Connect(e.target.Servers, e.m.flags.ZKSessionTimeout, zk.WithLogger(quiet{}), zk.WithEventCallback(watch.event))
	if err != nil {
		return fmt.Errorf("ZooKeeper %s: %w", e.target, err)
	}
	e.conn = conn
	defer conn.Close()
	if e.target.Auth != "" {
		if err := conn.AddAuth("digest", []byte(e.target.Auth)); err != nil {
			return fmt.Errorf("ZooKeeper %s: authenticate: %w", e.target, err)
		}
	}
	if err := e.retry(ctx, e.contend); err != nil {
		return err
	}
	for {
		changed, err := e.look(ctx)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}

// sessionWatch tells when a session is over: when ZooKeeper says so, and when no server has been heard of for as long as the
// session lasts, for then another master may lead.
type sessionWatch struct {
	timeout time.Duration
	over    func()

	mu     sync.Mutex // the client calls from its own goroutine, the timer from another
	silent *time.Timer
}

func (w *sessionWatch) event(ev zk.Event) {
	if ev.Type != zk.EventSession {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch ev.State {
	case zk.StateExpired, zk.StateAuthFailed:
		w.over()
	case zk.StateDisconnected:
		if w.silent == nil {
			w.silent = time.AfterFunc(w.timeout, w.over)
		}
	case zk.StateHasSession:
		if w.silent != nil {
			w.silent.Stop()
			w.silent = nil
		}
	}
}

// retry repeats what fails for want of a connection, as long as the session may still be there.
func (e *election) retry(ctx context.Context, f func() error) error {
	for {
		err := f()
		if err == nil || errors.Is(err, zk.ErrSessionExpired) || errors.Is(err, zk.ErrNoAuth) || errors.Is(err, zk.ErrClosing) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (e *election) acl() []zk.ACL {
	if e.target.Auth != "" { // everyone may read, as with the real one
		return append(zk.AuthACL(zk.PermAll), zk.WorldACL(zk.PermRead)...)
	}
	return zk.WorldACL(zk.PermAll)
}

// contend makes our znode, and the one of the registry with our mark below it.
func (e *election) contend() error {
	logPath := e.target.Path + "/log_replicas"
	path := ""
	for part := range strings.SplitSeq(strings.Trim(logPath, "/"), "/") {
		path += "/" + part
		if _, err := e.conn.Create(path, nil, 0, e.acl()); err != nil && !errors.Is(err, zk.ErrNodeExists) {
			return fmt.Errorf("ZooKeeper %s: create %s: %w", e.target, path, err)
		}
	}
	if e.m.flags.Registry == "replicated_log" {
		if _, err := e.conn.Create(logPath+"/", nil, zk.FlagEphemeral|zk.FlagSequence, e.acl()); err != nil {
			return fmt.Errorf("ZooKeeper %s: create below %s: %w", e.target, logPath, err)
		}
	}
	name, err := e.conn.Create(e.target.Path+"/json.info_", wire.MarshalJSON(&e.m.info), zk.FlagEphemeral|zk.FlagSequence, e.acl())
	if err != nil {
		return fmt.Errorf("ZooKeeper %s: create json.info_: %w", e.target, err)
	}
	e.own = name[strings.LastIndexByte(name, '/')+1:]
	return nil
}

// look finds out who leads, and returns what tells that this may have changed.
func (e *election) look(ctx context.Context) (<-chan zk.Event, error) {
	var names []string
	var changed <-chan zk.Event
	err := e.retry(ctx, func() (err error) {
		names, _, changed, err = e.conn.ChildrenW(e.target.Path)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ZooKeeper %s: %w", e.target, err)
	}
	leader, ours := "", false
	for _, name := range names {
		if !strings.HasPrefix(name, "json.info_") {
			continue
		}
		ours = ours || name == e.own
		if leader == "" || name < leader {
			leader = name
		}
	}
	switch leading := e.m.leadership.Load().leading; {
	case !ours, leading && leader != e.own:
		return nil, fmt.Errorf("ZooKeeper %s: our znode %s is gone or no longer the first", e.target, e.own)
	case leading:
		return changed, nil
	case leader == e.own:
		return changed, e.lead(ctx)
	}
	return changed, e.retry(ctx, func() error { return e.read(leader) })
}

// catchUp is how long a leader takes to read its registry: a real one first brings its replicated log up to date, and
// answers 503 meanwhile. Clients have to cope with that, so ours is not quicker than they may expect.
const catchUp = 500 * time.Millisecond

func (e *election) lead(ctx context.Context) error {
	if e.m.flags.Registry == "replicated_log" {
		info := e.m.info
		e.m.leadership.Store(&leadership{leading: true, leader: &info})
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(catchUp):
		}
	}
	return e.m.lead(e.storage())
}

// read follows the leader whose znode is given. A znode that is gone by now is no error: the watch tells.
func (e *election) read(name string) error {
	data, _, err := e.conn.Get(e.target.Path + "/" + name)
	if errors.Is(err, zk.ErrNoNode) {
		return nil
	}
	if err != nil {
		return err
	}
	var info mesos.MasterInfo
	if err := wire.UnmarshalJSON(data, &info); err != nil {
		e.m.log.error("%s/%s: %v", e.target.Path, name, err)
		return nil
	}
	e.m.follow(&info)
	return nil
}

// storage is the registry's.
func (e *election) storage() storage {
	if e.m.flags.Registry == "in_memory" {
		return memory{}
	}
	return &znode{conn: e.conn, path: e.target.Path + "/log_replicas"}
}

// znode is the storage of --registry=replicated_log with ZooKeeper: the data of a znode, written only over the version
// that was read or written last, so that a deposed leader cannot write.
type znode struct {
	conn    *zk.Conn
	path    string
	version int32
}

func (z *znode) load() ([]byte, error) {
	data, stat, err := z.conn.Get(z.path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", z.path, err)
	}
	z.version = stat.Version
	return data, nil
}

func (z *znode) store(b []byte) error {
	for {
		stat, err := z.conn.Set(z.path, b, z.version)
		switch {
		case err == nil:
			z.version = stat.Version
			return nil
		case errors.Is(err, zk.ErrConnectionClosed) || errors.Is(err, zk.ErrNoServer):
			// It may have been written: look before writing again.
			if data, stat, err := z.conn.Get(z.path); err == nil && string(data) == string(b) {
				z.version = stat.Version
				return nil
			}
			time.Sleep(100 * time.Millisecond)
		default:
			return fmt.Errorf("%s: %w", z.path, err)
		}
	}
}
