package zookeeper_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/process"
	"k8s-framework/internal/local/zookeeper"
)

type quiet struct{}

func (quiet) Printf(string, ...any) {}

func connect(t *testing.T, addresses ...string) *zk.Conn {
	t.Helper()
	conn, _, err := zk.Connect(addresses, 10*time.Second, zk.WithLogger(quiet{}))
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	return conn
}

func TestDataAndPortOutliveKillAndStop(t *testing.T) {
	t.Parallel()
	server, err := zookeeper.Start(t.Context(), zookeeper.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	address := server.Address()
	conn := connect(t, address)
	_, err = conn.Create("/kept", []byte("data"), 0, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)

	require.NoError(t, server.Kill())
	require.NoError(t, server.Restart(t.Context()))
	require.NoError(t, server.Stop(t.Context()))
	require.NoError(t, server.Restart(t.Context()))

	assert.Equal(t, address, server.Address())
	data, _, err := connect(t, address).Get("/kept")
	require.NoError(t, err)
	assert.Equal(t, "data", string(data))
	require.NoError(t, server.Stop(t.Context()))
}

func TestPausedServerIsSilent(t *testing.T) {
	t.Parallel()
	server, err := zookeeper.Start(t.Context(), zookeeper.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	require.NoError(t, server.Pause())
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = server.Mode(ctx)
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	assert.True(t, timeout.Timeout())

	require.NoError(t, server.Resume())
	mode, err := server.Mode(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "standalone", mode)
}

func TestFailedStartQuotesTheLog(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, portText, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	port, err := strconv.Atoi(portText)
	require.NoError(t, err)

	_, err = zookeeper.Start(t.Context(), zookeeper.Options{Dir: t.TempDir(), Port: port})
	assert.ErrorContains(t, err, "Address already in use")

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = zookeeper.Start(t.Context(), zookeeper.Options{Dir: file})
	assert.ErrorContains(t, err, "write its configuration")
	_, err = zookeeper.Start(t.Context(), zookeeper.Options{})
	assert.ErrorContains(t, err, "Dir is empty")
}

func TestEnsembleLosesAndRegainsItsQuorum(t *testing.T) {
	t.Parallel()
	ensemble, err := zookeeper.StartEnsemble(t.Context(), zookeeper.Options{Dir: t.TempDir()}, 3)
	require.NoError(t, err)
	defer func() { assert.NoError(t, ensemble.Kill()) }()
	_, servers, _ := strings.Cut(strings.TrimSuffix(ensemble.URL("/x"), "/x"), "//")
	assert.Len(t, strings.Split(servers, ","), 3)

	require.NoError(t, ensemble.Servers[0].Kill())
	require.NoError(t, ensemble.Servers[1].Kill())
	last := ensemble.Servers[2]
	serves := func(want bool) func(context.Context) error {
		return func(ctx context.Context) error {
			mode, err := last.Mode(ctx)
			if err != nil || (mode != "") != want {
				return errors.Join(err, errors.New("its mode is "+mode))
			}
			return nil
		}
	}
	require.NoError(t, process.WaitFor(t.Context(), "the quorum's loss", serves(false)))
	require.NoError(t, ensemble.Servers[0].Restart(t.Context()))
	require.NoError(t, process.WaitFor(t.Context(), "the quorum's return", serves(true)))
}
