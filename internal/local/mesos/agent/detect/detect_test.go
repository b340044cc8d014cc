package detect

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSmallest(t *testing.T) {
	require.Equal(t, "json.info_0000000002", smallest([]string{
		"log_replicas", "json.info_0000000010", "info_0000000001", "json.info_0000000002", "json.info_x",
	}))
	require.Empty(t, smallest([]string{"log_replicas"}))
}

func TestAddress(t *testing.T) {
	addr, err := address([]byte(`{"address":{"hostname":"master1.example","ip":"10.1.2.3","port":5050},"pid":"master@10.9.9.9:1"}`))
	require.NoError(t, err)
	require.Equal(t, "10.1.2.3:5050", addr)
	addr, err = address([]byte(`{"pid":"master@10.9.9.9:1"}`))
	require.NoError(t, err)
	require.Equal(t, "10.9.9.9:1", addr)
	_, err = address([]byte(`{}`))
	require.Error(t, err)
}

func TestNew(t *testing.T) {
	for flag, want := range map[string]Detector{
		"127.0.0.1:5050":                    fixed("127.0.0.1:5050"),
		"master@127.0.0.1:5050":             fixed("127.0.0.1:5050"),
		"zk://a:2181,b:2182/mesos":          &zooKeeper{servers: []string{"a:2181", "b:2182"}, path: "/mesos"},
		"zk://user:pass@a:2181/deep/mesos/": &zooKeeper{servers: []string{"a:2181"}, path: "/deep/mesos", auth: "user:pass"},
	} {
		got, err := New(flag)
		require.NoError(t, err, flag)
		require.Equal(t, want, got)
	}
	for _, flag := range []string{"", "localhost", "zk://a:2181", "zk:///mesos", "zk://a/mesos", "file:///no/such/file"} {
		_, err := New(flag)
		require.ErrorContains(t, err, "--master="+flag, "%s", flag)
	}
}
