package zk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recorded is what a real master (1.12-dev) writes.
func recorded(tb testing.TB, name string) string {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(tb, err)
	return string(text)
}

func detect(tb testing.TB, o Options) *Detector {
	tb.Helper()
	o.SessionTimeout = ordinary
	d := Detect(o, Master.ByName)
	tb.Cleanup(d.Close)
	return d
}

func TestDetectorFollowsTheLeader(t *testing.T) {
	t.Parallel()
	znode, conn := home(t), other(t)
	for _, name := range []string{"json.info_0000000001", "json.info_0000000002", "json.info_0000000003"} {
		create(t, conn, znode+"/"+name, recorded(t, name))
	}
	for _, foreign := range []string{"log_replicas", "info_0000000000", "json.info_", "json.info_x", "json.info_00000000000"} {
		create(t, conn, znode+"/"+foreign, "foreign")
	}
	d := detect(t, Options{URL: at(server.Address(), znode)})
	for _, each := range []struct{ leader, gone string }{
		{"master1.example:5050", "json.info_0000000001"},
		{"master2.example:5060", "json.info_0000000002"},
	} {
		address, changed, err := d.Leader(patience(t))
		require.NoError(t, err)
		assert.Equal(t, each.leader, address)
		require.NoError(t, conn.Delete(znode+"/"+each.gone, -1))
		within(t, "the news", changed)
	}
	address, _, err := d.Leader(patience(t))
	require.NoError(t, err)
	assert.Equal(t, "master3.example:5070", address)
}

func TestDetectorPassesOverTheEndOfOneThatDoesNotLead(t *testing.T) {
	t.Parallel()
	znode, conn := home(t), other(t)
	for _, name := range []string{"json.info_0000000001", "json.info_0000000002"} {
		create(t, conn, znode+"/"+name, recorded(t, name))
	}
	d := Detect(Options{URL: at(server.Address(), znode)}, Master.ByIP)
	defer d.Close()
	address, changed, err := d.Leader(patience(t))
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:5050", address)
	require.NoError(t, conn.Delete(znode+"/json.info_0000000002", -1))
	create(t, conn, znode+"/json.info_0000000003", recorded(t, "json.info_0000000003"))
	// A look that finds what was known tells nobody.
	master, err := decodeMaster([]byte(recorded(t, "json.info_0000000001")))
	require.NoError(t, err)
	d.set(master)
	select {
	case <-changed:
		t.Fatal("told of a change that is none")
	default:
	}
	require.NoError(t, conn.Delete(znode+"/json.info_0000000001", -1))
	within(t, "the news", changed)
	address, _, err = d.Leader(patience(t))
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:5070", address)
}

func TestDetectorWaitsForTheFirstMaster(t *testing.T) {
	t.Parallel()
	znode, conn := home(t), other(t)
	var troubles troubles
	d := detect(t, Options{URL: at(server.Address(), znode), Trouble: troubles.add})
	eventually(t, "the news that nobody leads", func() bool { return troubles.text() != "" })
	assert.Contains(t, troubles.text(), ErrNoLeader.Error())
	assert.Contains(t, troubles.text(), znode)

	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	_, _, err := d.Leader(ctx)
	assert.ErrorIs(t, err, why)

	create(t, conn, znode+"/json.info_0000000001", recorded(t, "json.info_0000000001"))
	address, _, err := d.Leader(patience(t))
	require.NoError(t, err)
	assert.Equal(t, "master1.example:5050", address)
}

func TestDetectorKeepsTheLeaderWhileNobodyOrNonsenseLeads(t *testing.T) {
	t.Parallel()
	znode, conn := home(t), other(t)
	create(t, conn, znode+"/json.info_0000000001", recorded(t, "json.info_0000000001"))
	var troubles troubles
	d := detect(t, Options{URL: at(server.Address(), znode), Trouble: troubles.add})
	_, changed, err := d.Leader(patience(t))
	require.NoError(t, err)

	require.NoError(t, conn.Delete(znode+"/json.info_0000000001", -1))
	eventually(t, "the news that nobody leads", func() bool { return troubles.text() != "" })
	create(t, conn, znode+"/json.info_0000000002", "nonsense")
	nonsense := "read " + znode + "/json.info_0000000002: want a MasterInfo"
	eventually(t, "the news of nonsense", func() bool { return assert.Contains(&testing.T{}, troubles.text(), nonsense) })
	address, _, err := d.Leader(patience(t))
	require.NoError(t, err)
	assert.Equal(t, "master1.example:5050", address)

	require.NoError(t, conn.Delete(znode+"/json.info_0000000002", -1))
	create(t, conn, znode+"/json.info_0000000003", recorded(t, "json.info_0000000003"))
	within(t, "the news", changed)
	address, _, err = d.Leader(patience(t))
	require.NoError(t, err)
	assert.Equal(t, "master3.example:5070", address)
}

func TestDetectorOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	for name, expire := range map[string]bool{"within the session": false, "beyond the session": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			znode, conn, p := home(t), other(t), newProxy(t, server.Address())
			for _, name := range []string{"json.info_0000000001", "json.info_0000000002"} {
				create(t, conn, znode+"/"+name, recorded(t, name))
			}
			var troubles troubles
			d := detect(t, Options{URL: at(p.address(), znode), Trouble: troubles.add})
			_, changed, err := d.Leader(patience(t))
			require.NoError(t, err)

			p.refuse(true)
			if expire {
				p.expire(t)
			}
			require.NoError(t, conn.Delete(znode+"/json.info_0000000001", -1))
			eventually(t, "the news of the outage", func() bool { return troubles.text() != "" })
			address, _, err := d.Leader(patience(t))
			require.NoError(t, err)
			assert.Equal(t, "master1.example:5050", address, "what is known stays known")

			p.refuse(false)
			within(t, "the news", changed)
			address, _, err = d.Leader(patience(t))
			require.NoError(t, err)
			assert.Equal(t, "master2.example:5060", address)
		})
	}
}

func TestDetectorThatMayNotRead(t *testing.T) {
	t.Parallel()
	znode, conn := home(t), other(t)
	create(t, conn, znode+"/json.info_0000000001", recorded(t, "json.info_0000000001"))
	_, err := conn.SetACL(znode, zk.DigestACL(zk.PermAll&^zk.PermAdmin, "mesos", "secret"), -1)
	require.NoError(t, err)
	var troubles troubles
	d := detect(t, Options{URL: at(server.Address(), znode), Trouble: troubles.add})
	eventually(t, "the news", func() bool { return strings.Contains(troubles.text(), "not authenticated") })

	allowed := at(server.Address(), znode)
	allowed.User, allowed.Password = "mesos", "secret"
	d.Close()
	address, _, err := detect(t, Options{URL: allowed}).Leader(patience(t))
	require.NoError(t, err)
	assert.Equal(t, "master1.example:5050", address)
}

func TestClosedDetectorSaysSo(t *testing.T) {
	t.Parallel()
	listener := silentServer(t, "127.0.0.1:0")
	d := detect(t, Options{URL: at(listener, "/mesos")})
	d.Close()
	_, _, err := d.Leader(t.Context())
	assert.ErrorContains(t, err, "the detector is closed")
}

func TestMasterInfo(t *testing.T) {
	t.Parallel()
	for name, each := range map[string]struct {
		json    string
		want    Master
		problem string
	}{
		"recorded":  {recorded(t, "json.info_0000000001"), Master{"UUID-1", "master1.example", "127.0.0.1", 5050, "1.12.0"}, ""},
		"IPv6":      {`{"id":"a","address":{"ip":"fd00::1","port":5050}}`, Master{"a", "fd00::1", "fd00::1", 5050, ""}, ""},
		"by pid":    {`{"id":"a","hostname":"m","port":5050,"pid":"master@10.0.0.1:5050"}`, Master{"a", "m", "10.0.0.1", 5050, ""}, ""},
		"no port":   {`{"id":"a","address":{"ip":"10.0.0.1"}}`, Master{}, `port is 0`},
		"no ip":     {`{"id":"a","address":{"hostname":"m","port":1}}`, Master{}, `address is ""`},
		"high port": {`{"id":"a","address":{"ip":"10.0.0.1","port":65536}}`, Master{}, `port is 65536`},
		"no id":     {`{"address":{"ip":"10.0.0.1","port":5050}}`, Master{}, "id is empty"},
		"array":     {`[]`, Master{}, "want a MasterInfo"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeMaster([]byte(each.json))
			assert.Equal(t, each.want, got)
			if each.problem == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, each.problem)
			}
		})
	}
	assert.Equal(t, "[fd00::1]:5050", Master{IP: "fd00::1", Port: 5050}.ByIP())
}
