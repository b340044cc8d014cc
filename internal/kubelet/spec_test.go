package kubelet

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func exampleSpec() Spec {
	spec := Defaults()
	spec.Node = "workers-17"
	spec.Host = "agent1.example"
	spec.ProviderID = "mesos://5d1b9a52-0000/workers-17"
	spec.Labels = map[string]string{"pool": "workers", "node.kubernetes.io/instance-type": "mesos"}
	spec.Taints = []string{"dedicated=batch:NoSchedule", "fresh:NoExecute"}
	spec.Kubelet = "/usr/bin/kubelet"
	spec.Kubeconfig = "/etc/kubernetes/kubelet.conf"
	spec.Extra = json.RawMessage(`{"maxPods":50}`)
	return spec
}

func TestSpecSurvivesTheWire(t *testing.T) {
	spec := exampleSpec()
	bare, err := spec.Encode()
	require.NoError(t, err)
	assert.NotContains(t, string(bare), "fenceAfter", "what is not used does not change the ExecutorInfo of nodes that run")
	spec.FenceAfter = Duration(5 * time.Minute)
	text, err := spec.Encode()
	require.NoError(t, err)
	again, err := spec.Encode()
	require.NoError(t, err)
	assert.Equal(t, string(text), string(again))

	read, err := DecodeSpec(text)
	require.NoError(t, err)
	assert.Equal(t, spec, read)
}

func TestAbsentFieldsHaveTheirDefaults(t *testing.T) {
	read, err := DecodeSpec([]byte(`{"version":1,"node":"w-1","host":"h","providerID":"mesos://f/w-1","kubelet":"/k",
		"bootstrapKubeconfig":"/b","drain":{"deadline":"90s"}}`))
	require.NoError(t, err)
	assert.Equal(t, Duration(90*time.Second), read.Drain.Deadline)
	assert.Equal(t, Force, read.Drain.Then)
	assert.Equal(t, 10248, read.HealthzPort)
	assert.Equal(t, "/var/lib/kubelet/kubeconfig", read.KubeconfigPath())
}

func TestDecodeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		``:                                     "not a JSON object with a version",
		`[]`:                                   "not a JSON object with a version",
		`{}`:                                   "version is missing, want 1",
		`{"version":2,"new":true}`:             "version is 2, this program reads 1 only",
		`{"version":1,"hots":"h"}`:             `unknown field "hots"`,
		`{"version":1} {}`:                     "after top-level value",
		`{"version":1,"drain":{"deadline":5}}`: `5 is not a duration: want text such as "10m"`,
	} {
		_, err := DecodeSpec([]byte(text))
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want, text)
	}
	_, err := DecodeMessage([]byte(`{"version":1,"drained":true,"hurry":true}`))
	assert.ErrorContains(t, err, `unknown field "hurry"`)
}

func TestMessagesSurviveTheWire(t *testing.T) {
	text, err := Message{Drained: true}.Encode()
	require.NoError(t, err)
	assert.JSONEq(t, `{"version":1,"drained":true}`, string(text))
	message, err := DecodeMessage(text)
	require.NoError(t, err)
	assert.Equal(t, Message{Version: 1, Drained: true}, message)

	report := Report{Version: 1, Node: "workers-17", Draining: true, PodsLeft: 2, Blocked: []string{"pod a/b: budget c"}, Waiting: "1 pod"}
	text, err = report.Encode()
	require.NoError(t, err)
	read, err := DecodeReport(text)
	require.NoError(t, err)
	assert.Equal(t, report, read)
}

func TestValidateNamesEveryProblem(t *testing.T) {
	bad := Spec{
		Version: 3, Node: "Workers_1", Host: "Agent1.Example", ProviderID: "mesos://x/y/z",
		Labels: map[string]string{"kubernetes.io/role": "x", "a": "no spaces", "!": "", "node-role.kubernetes.io/worker": ""},
		Taints: []string{"a=b", "=b:NoSchedule"}, Kubelet: "kubelet", RootDir: "/", NodeIP: "1.2.3",
		RuntimeEndpoint: "/run/containerd.sock", HealthzPort: 70000, LogBytes: 1,
		Extra: json.RawMessage(`{"cgroupRoot":"/"}`),
		Drain: Drain{Deadline: -1, Then: "maybe"}, Restart: Restart{Initial: 2, Max: 1}, FenceAfter: -1,
	}
	err := bad.Validate()
	require.Error(t, err)
	for _, want := range []string{
		`version is "3", want 1`, `node is "Workers_1"`, `host is "Agent1.Example", want the host's name in lower case`,
		`providerID is "mesos://x/y/z", want mesos://<framework id>/Workers_1`, `labels is "kubernetes.io/role"`,
		`labels is "node-role.kubernetes.io/worker"`, `labels[a] is "no spaces"`, `labels is "!"`, `taints[0] is "a=b"`, `taints[1]`,
		`kubelet: "kubelet" is no program, want an absolute path`, `rootDir is "/"`, `nodeIP is "1.2.3"`, `kubeconfig is ""`,
		`runtimeEndpoint is "/run/containerd.sock"`, `healthzPort is "70000"`, `logBytes is "1"`,
		`kubeletConfiguration.cgroupRoot may not be set: pods live below the Mesos container's cgroup`,
		`drain.deadline is "-1ns"`, `drain.then is "maybe", want force or wait`, `restart.max is "1ns"`, `restart.failures is "0"`,
		`restart.window`, `restart.startTimeout`, `restart.hangTimeout`, `fenceAfter is "-1ns", want 0 or more`,
	} {
		assert.ErrorContains(t, err, want)
	}
	assert.NoError(t, exampleSpec().Validate())
}

func TestRestartWaitDoublesUpToItsMaximum(t *testing.T) {
	restart := Restart{Initial: Duration(time.Second), Max: Duration(5 * time.Second)}
	var waits []time.Duration
	for failures := 1; failures <= 5; failures++ {
		waits = append(waits, restart.Wait(failures))
	}
	assert.Equal(t, []time.Duration{1e9, 2e9, 4e9, 5e9, 5e9}, waits)
}
