package framework

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// good is a set of options without a fault.
func good(t *testing.T) Options {
	t.Helper()
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(kubeconfig, []byte(`apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: x, context: {cluster: c}}]
current-context: x
`), 0o600))
	o := DefaultOptions()
	o.Master, o.ZK, o.Kubeconfig, o.Log = "127.0.0.1:1", "zk://127.0.0.1:1/k8s", kubeconfig, quiet()
	o.Listen, o.Advertise = "127.0.0.1:0", "127.0.0.1:10260"
	return o
}

func TestGoodOptions(t *testing.T) { require.NoError(t, good(t).Validate()) }

func TestBadOptionsNameFlagValueAndWish(t *testing.T) {
	for says, spoil := range map[string]func(*Options){
		`--master is "master", want host:port`:                            func(o *Options) { o.Master = "master" },
		`--zk is "127.0.0.1:2181", want zk://`:                            func(o *Options) { o.ZK = "127.0.0.1:2181" },
		`--zk-max-request is 1, want 65536 to 1000000 bytes`:              func(o *Options) { o.ZKMaxRequest = 1 },
		`--max-request is 0, want 1024 bytes or more`:                     func(o *Options) { o.MaxRequest = 0 },
		`--zk-session-timeout is 1ns, want 1s or more`:                    func(o *Options) { o.ZKSessionTimeout = 1 },
		`--listen is "10260", want [host]:port`:                           func(o *Options) { o.Listen = "10260" },
		`--advertise is ":10260", want host:port`:                         func(o *Options) { o.Advertise = ":10260" },
		`--failover-timeout is 0s, want 1h or more`:                       func(o *Options) { o.FailoverTimeout = 0 },
		`--mesos-max-frame is 10, want 1048576 bytes or more`:             func(o *Options) { o.MesosMaxFrame = 10 },
		`--kubeconfig is "", want the path of a kubeconfig`:               func(o *Options) { o.Kubeconfig = "" },
		`--kubeconfig is "/none", want a readable file`:                   func(o *Options) { o.Kubeconfig = "/none" },
		`--mesos-credentials is "/none", want a readable file`:            func(o *Options) { o.CredentialsFile = "/none" },
		`--executor: "k8s-executor" is no program, want an absolute path`: func(o *Options) { o.Nodes.Executor = "k8s-executor" },
		`--kubelet: "https://h/k" is no program, want an absolute path`:   func(o *Options) { o.Nodes.Kubelet = "https://h/k" },
		`--kubelet is "serve:/none", want a readable file of this host`:   func(o *Options) { o.Nodes.Kubelet = "serve:/none" },
		`--node-join is "ticket", want kubeconfig or token`:               func(o *Options) { o.Nodes.Join = "ticket" },
		`--node-api-server is "10.0.0.1", want https://host:port`:         func(o *Options) { o.Nodes.APIServer = "10.0.0.1" },
		`--node-bootstrap-kubeconfig is "/b", want none with --node-join`: func(o *Options) {
			o.Nodes.Join, o.Nodes.BootstrapKubeconfig = JoinByToken, "/b"
		},
		`--node-kubeconfig and --node-bootstrap-kubeconfig are both ""`:     func(o *Options) { o.Nodes.Kubeconfig = "" },
		`--runtime-endpoint is "/run/x.sock", want unix:///path`:            func(o *Options) { o.Nodes.RuntimeEndpoint = "/run/x.sock" },
		`--kube-api-qps, --kube-api-burst is 0, 100, want both more than 0`: func(o *Options) { o.KubeQPS = 0 },
	} {
		o := good(t)
		spoil(&o)
		assert.ErrorContains(t, o.Validate(), says)
	}
}

func TestAllProblemsAreToldAtOnce(t *testing.T) {
	o := good(t)
	o.Master, o.ZK, o.Kubeconfig = "", "", ""
	err := o.Validate()
	for _, flag := range []string{"--master", "--zk", "--kubeconfig"} {
		require.ErrorContains(t, err, flag)
	}
}

func TestPasswordsAreNotShown(t *testing.T) {
	o := good(t)
	o.ZK = "http://user:secret@host:1/path"
	err := o.Validate()
	require.ErrorContains(t, err, "user")
	require.NotContains(t, err.Error(), "secret")
}
