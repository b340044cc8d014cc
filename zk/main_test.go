package zk

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/zookeeper"
)

// server is the ZooKeeper that the tests share; each keeps to a path of its own.
var server = &shared{}

// shared is a server that the first who asks for it starts: a benchmark that needs none runs without one.
type shared struct {
	ctx     context.Context // the server's life
	dir     string
	once    sync.Once
	started *zookeeper.Server
}

// Address is where clients find the server, host:port.
func (s *shared) Address() string {
	s.once.Do(func() {
		var err error
		// The benchmarks save ten thousand nodes again and again, and the server remembers what it was last told.
		if s.started, err = zookeeper.Start(s.ctx, zookeeper.Options{Dir: s.dir, Heap: 1024}); err != nil {
			panic(err)
		}
	})
	return s.started.Address()
}

func (s *shared) kill() {
	if s.started != nil {
		_ = s.started.Kill()
	}
}

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "zk-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		defer cancel()
		server.ctx, server.dir = ctx, dir
		defer server.kill()
		return m.Run()
	}())
}

// Session timeouts: ordinary is long enough to live through a busy machine, short is for tests that wait for its end.
const (
	ordinary = 20 * time.Second
	short    = 1500 * time.Millisecond
)

// home is a path of the test's own.
func home(tb testing.TB) string {
	return "/" + strings.NewReplacer("/", "-", "#", "-").Replace(tb.Name()) + "-" + newToken()[:8] + "/home"
}

// at is a URL for one server, without credentials.
func at(address, znode string) URL { return URL{Servers: []string{address}, Path: znode} }

func open(tb testing.TB, o Options) *Client {
	tb.Helper()
	if o.SessionTimeout == 0 {
		o.SessionTimeout = ordinary
	}
	if o.Trouble == nil {
		o.Trouble = func(err error) { tb.Logf("trouble: %v", err) }
	}
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	defer cancel()
	c, err := Open(ctx, o)
	require.NoError(tb, err)
	tb.Cleanup(c.Close)
	return c
}

// elect opens a client and campaigns with it, on a path that nobody else has.
func elect(tb testing.TB, o Options) (*Client, *Leadership) {
	tb.Helper()
	c := open(tb, o)
	l, err := c.Campaign(patience(tb), "leader:1")
	require.NoError(tb, err)
	return c, l
}

// patience is a context for what must happen soon, even on a busy machine.
func patience(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	tb.Cleanup(cancel)
	return ctx
}

// other is a plain connection of somebody else.
func other(tb testing.TB) *zk.Conn {
	tb.Helper()
	conn, _, err := zk.Connect([]string{server.Address()}, ordinary, zk.WithLogger(logger{func(error) {}}))
	require.NoError(tb, err)
	tb.Cleanup(conn.Close)
	return conn
}

// create makes a znode, and those above it, as somebody else.
func create(tb testing.TB, conn *zk.Conn, znode, data string) {
	tb.Helper()
	for i, r := range znode {
		if r == '/' && i > 0 {
			_, err := conn.Create(znode[:i], nil, 0, zk.WorldACL(zk.PermAll))
			if err != zk.ErrNodeExists {
				require.NoError(tb, err)
			}
		}
	}
	_, err := conn.Create(znode, []byte(data), 0, zk.WorldACL(zk.PermAll))
	require.NoError(tb, err, path.Base(znode))
}

// within waits for a channel to be closed.
func within(tb testing.TB, what string, channel <-chan struct{}) {
	tb.Helper()
	select {
	case <-channel:
	case <-patience(tb).Done():
		tb.Fatalf("%s does not come", what)
	}
}

// eventually polls.
func eventually(tb testing.TB, what string, check func() bool) {
	tb.Helper()
	require.Eventually(tb, check, 20*time.Second, 5*time.Millisecond, what)
}
