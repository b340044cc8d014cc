package zk

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// silentServer accepts connections, reads, and says nothing.
func silentServer(tb testing.TB, address string) string {
	tb.Helper()
	listener, err := net.Listen("tcp", address)
	require.NoError(tb, err)
	tb.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	return listener.Addr().String()
}

func portOf(tb testing.TB, address string) string {
	tb.Helper()
	_, port, err := net.SplitHostPort(address)
	require.NoError(tb, err)
	return port
}

func TestSilentServersAreLeftInTime(t *testing.T) {
	t.Parallel()
	u := at(server.Address(), home(t))
	for range 3 {
		u.Servers = append(u.Servers, silentServer(t, "127.0.0.1:0"))
	}
	var troubles troubles
	begun := time.Now()
	// go-zookeeper takes the servers in a random order. Its own patience with each would be 6.7 times the session timeout.
	c := open(t, Options{URL: u, SessionTimeout: 6 * time.Second, Trouble: troubles.add})
	assert.Less(t, time.Since(begun), 6*time.Second)
	_, err := c.Campaign(patience(t), "a:1")
	require.NoError(t, err)
	for line := range strings.Lines(troubles.text()) {
		assert.Contains(t, line, "did not answer the handshake within")
	}
}

func TestSilentServerBehindTheSameName(t *testing.T) {
	t.Parallel()
	port := portOf(t, server.Address())
	silentServer(t, net.JoinHostPort("127.0.0.2", port))
	var troubles troubles
	open(t, Options{
		URL:            at("zk.example:"+port, home(t)),
		SessionTimeout: 3 * time.Second,
		Trouble:        troubles.add,
		lookup: func(_ context.Context, host string) ([]string, error) {
			assert.Equal(t, "zk.example", host)
			return []string{"127.0.0.2", "127.0.0.1"}, nil
		},
	})
	assert.Contains(t, troubles.text(), "127.0.0.2:"+port+" did not answer the handshake within")
}

func TestNameThatMoves(t *testing.T) {
	t.Parallel()
	p := newProxy(t, server.Address())
	var moved atomic.Bool
	u := at("zk.example:"+portOf(t, p.address()), home(t))
	lookup := func(context.Context, string) ([]string, error) {
		if moved.Load() {
			return []string{"127.0.0.1"}, nil
		}
		return nil, errors.New("no such host")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := Open(ctx, Options{URL: u, SessionTimeout: ordinary, lookup: lookup})
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorContains(t, err, "no such host")
	assert.ErrorContains(t, err, u.String())

	var troubles troubles
	opened := make(chan struct{})
	go func() {
		defer close(opened)
		open(t, Options{URL: u, lookup: lookup, Trouble: troubles.add})
	}()
	eventually(t, "trouble", func() bool { return strings.Contains(troubles.text(), "no such host") })
	moved.Store(true)
	within(t, "the connection", opened)
}

func TestFailedWriteIsALostConnection(t *testing.T) {
	t.Parallel()
	plain, err := net.Dial("tcp", server.Address())
	require.NoError(t, err)
	c, err := newConn(plain, time.Now().Add(time.Minute), nil, nil)
	require.NoError(t, err)
	require.NoError(t, c.Close())
	_, err = c.Write([]byte("request"))
	assert.True(t, transient(err), "%v", err)
}

func TestServerThatIsNoZooKeeper(t *testing.T) {
	t.Parallel()
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	short := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	_, err := Open(short(), Options{URL: at(web.Listener.Addr().String(), "/x"), SessionTimeout: time.Second})
	assert.ErrorContains(t, err, "handshake")

	talker, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer talker.Close()
	go func() {
		for {
			conn, err := talker.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH_9.2\r\n") // read as a length: 1.4 GB
			conn.Close()
		}
	}()
	_, err = Open(short(), Options{URL: at(talker.Addr().String(), "/x")})
	assert.ErrorContains(t, err, "it is no ZooKeeper server")
}

func TestOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), Options{})
	assert.ErrorContains(t, err, "want one with servers and a path")
	_, err = Open(t.Context(), Options{URL: at("a:1", "/x"), SessionTimeout: 10 * time.Millisecond})
	assert.ErrorContains(t, err, "session timeout is 10ms, want")
}

func TestCloseOfAClientThatNeverConnects(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := Open(ctx, Options{URL: at("127.0.0.1:1", "/x")})
	assert.ErrorContains(t, err, "connection refused")
	assert.Less(t, time.Since(begun), 5*time.Second)
}

func TestCallsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	p := newProxy(t, server.Address())
	c, l := elect(t, Options{URL: at(p.address(), home(t))})
	p.silence(true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for name, call := range map[string]func() error{
		"Load":   func() error { _, err := load(ctx, l); return err },
		"Leader": func() error { _, err := c.Leader(ctx); return err },
		"Resign": func() error { return l.Resign(ctx) },
	} {
		assert.ErrorIs(t, call(), context.DeadlineExceeded, name)
	}
}

func TestCredentialsAndAccess(t *testing.T) {
	t.Parallel()
	mine := at(server.Address(), home(t))
	mine.User, mine.Password = "k8s", "secret:with@marks"
	l := loaded(t, Options{URL: mine})
	require.NoError(t, l.Save(t.Context(), someChanges()))

	for name, u := range map[string]URL{"wrong password": mine, "no credentials": at(server.Address(), mine.Path)} {
		if u.Password != "" {
			u.Password = "wrong"
		}
		thief := open(t, Options{URL: u})
		_, err := thief.Campaign(patience(t), "thief:1")
		assert.ErrorIs(t, err, zk.ErrNoAuth, name)
		assert.ErrorContains(t, err, mine.Path, name)
		assert.NotContains(t, err.Error(), "secret", name)
	}
	conn := other(t)
	_, _, err := conn.Get(mine.child(metaName))
	assert.ErrorIs(t, err, zk.ErrNoAuth)
	for _, znode := range []string{mine.Path, mine.child(epochName), l.candidate(), mine.child(nodesName, "workers-1")} {
		acl, _, err := conn.GetACL(znode)
		if err == nil { // whoever may not read may not always read the ACL
			assert.Equal(t, zk.DigestACL(zk.PermAll, mine.User, mine.Password), acl, znode)
		}
	}
	// After a new connection the credentials hold again: see the test below.
	assert.Len(t, reload(t, l).Nodes, 2)
}

func TestCredentialsHoldOverConnectionsAndSessions(t *testing.T) {
	t.Parallel()
	p := newProxy(t, server.Address())
	u := at(p.address(), home(t))
	u.User, u.Password = "k8s", "secret"
	c, l := elect(t, Options{URL: u})
	p.cut()
	_, err := load(patience(t), l)
	require.NoError(t, err)
	require.NoError(t, l.Save(patience(t), someChanges()))
	p.expireUntil(t, l.Lost())
	within(t, "the loss", l.Lost())
	again, err := c.Campaign(patience(t), "again:1")
	require.NoError(t, err)
	state, err := load(patience(t), again)
	require.NoError(t, err)
	assert.Len(t, state.Nodes, 2)
}

func TestWorldMayRead(t *testing.T) {
	t.Parallel()
	u := at(server.Address(), home(t))
	u.User, u.Password = "k8s", "secret"
	l := loaded(t, Options{URL: u, WorldRead: true})
	require.NoError(t, l.Save(t.Context(), someChanges()))
	conn := other(t)
	data, stat, err := conn.Get(u.child(metaName))
	require.NoError(t, err)
	assert.NotEmpty(t, data)
	_, err = conn.Set(u.child(metaName), []byte("mine"), stat.Version)
	assert.ErrorIs(t, err, zk.ErrNoAuth)
	acl, _, err := conn.GetACL(u.child(nodesName, "workers-1"))
	require.NoError(t, err)
	// ZooKeeper hides the digest from those who may not change it.
	assert.Len(t, acl, 2)
	assert.Contains(t, acl, zk.WorldACL(zk.PermRead)[0])
}
