package framework

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"k8s-framework/internal/kubelet"
	"k8s-framework/scheduler"
)

func aLaunch(t testing.TB, nodes NodeOptions) scheduler.Launch {
	t.Helper()
	setup, err := nodes.encode()
	require.NoError(t, err)
	pool := scheduler.DefaultPool()
	return scheduler.Launch{
		Node: scheduler.Node{
			Name: "workers-1", Pool: "workers", Host: "h1", Address: "10.0.0.1",
			Executor: scheduler.Executor{Taints: []string{"dedicated=batch:NoSchedule"}, Drain: pool.Drain, Health: pool.Health, Setup: setup},
		},
		Task: "workers-1.1", ProviderID: "mesos://fw-1/workers-1",
	}
}

func rendered(t *testing.T, r renderer) kubelet.Spec {
	t.Helper()
	executor, err := r.Executor(aLaunch(t, r.nodes))
	require.NoError(t, err)
	again, err := r.Executor(aLaunch(t, r.nodes))
	require.NoError(t, err)
	require.Equal(t, executor, again, "Mesos compares executors")
	spec, err := kubelet.DecodeSpec(executor.Data)
	require.NoError(t, err)
	return spec
}

func TestEveryNodeStartsWithTheStartingTaint(t *testing.T) {
	spec := rendered(t, renderer{nodes: DefaultOptions().Nodes})
	require.Equal(t, []string{"k8s-framework/starting:NoSchedule", "dedicated=batch:NoSchedule"}, spec.Taints)
	require.Equal(t, "/etc/kubernetes/kubelet.conf", spec.Kubeconfig)
	require.Nil(t, spec.Join)
	require.False(t, spec.ServingCertificate)
	require.Empty(t, spec.NodeIP, "the kubelet chooses, as it did")
	before := aLaunch(t, NodeOptions{})
	before.Node.Executor.Setup = nil
	require.Equal(t, []string{"dedicated=batch:NoSchedule"}, whole(before, DefaultOptions().Nodes).Taints, "an executor of before gets what it got")
	require.Equal(t, []string{scheduler.StartingTaint}, startingWith([]string{scheduler.StartingTaint}), "a taint twice is refused by the API server")
}

func TestANodeThatJoinsByTokenIsToldWhereAndAsWhom(t *testing.T) {
	o := DefaultOptions()
	o.Nodes.Join, o.Nodes.APIServer = JoinByToken, "https://10.0.0.9:6443"
	spec := rendered(t, renderer{nodes: o.Nodes})
	require.Equal(t, "https://10.0.0.9:6443", spec.Join.Server)
	require.Empty(t, spec.Kubeconfig)
	require.True(t, spec.ServingCertificate)
	require.Equal(t, "10.0.0.1", spec.NodeIP)
}

func TestTheClusterOfATokenIsThatOfTheKubeconfig(t *testing.T) {
	config := &rest.Config{Host: "https://10.0.0.9:6443", TLSClientConfig: rest.TLSClientConfig{CAData: []byte("ca")}}
	server, ca, err := clusterOf(config, "")
	require.NoError(t, err)
	require.Equal(t, "https://10.0.0.9:6443", server)
	require.Equal(t, "ca", ca)
	server, _, err = clusterOf(config, "https://api:443")
	require.NoError(t, err)
	require.Equal(t, "https://api:443", server)
	_, _, err = clusterOf(&rest.Config{Host: "http://127.0.0.1:8080"}, "")
	require.ErrorContains(t, err, `the API server is "http://127.0.0.1:8080", want https://host:port`)
	_, _, err = clusterOf(&rest.Config{Host: "https://a", TLSClientConfig: rest.TLSClientConfig{CAFile: "/none"}}, "")
	require.ErrorContains(t, err, "/none")
}

func TestAFetchedExecutorIsComparedBeforeItRuns(t *testing.T) {
	const script = "#!/bin/sh\necho I run\n"
	sum := sha256.Sum256([]byte(script))
	right, wrong := hex.EncodeToString(sum[:]), strings.Repeat("0a", 32)
	run := func(uri, want, found string) (text string, status int) {
		nodes := DefaultOptions().Nodes
		nodes.Executor = uri + "#sha256=" + want
		executor, err := renderer{}.Executor(aLaunch(t, nodes))
		require.NoError(t, err)
		require.True(t, executor.Shell)
		require.Empty(t, executor.Arguments)
		require.Len(t, executor.URIs, 1)
		require.Equal(t, uri, executor.URIs[0].Value)
		require.True(t, executor.URIs[0].Executable)
		require.False(t, executor.URIs[0].Cache, "what is wrong must not stay wrong for ever")
		sandbox := t.TempDir()
		if found != "" {
			require.NoError(t, os.WriteFile(filepath.Join(sandbox, executor.URIs[0].OutputFile), []byte(found), 0o755))
		}
		cmd := exec.Command("/bin/sh", "-c", executor.Command) // as Mesos runs it
		var out bytes.Buffer
		cmd.Dir, cmd.Stdout, cmd.Stderr = sandbox, &out, &out
		err = cmd.Run()
		var exit *exec.ExitError
		if err != nil {
			require.True(t, errors.As(err, &exit), "%v", err)
			status = exit.ExitCode()
		}
		entries, err := os.ReadDir(sandbox)
		require.NoError(t, err)
		require.LessOrEqual(t, len(entries), 1, "nothing of the URI is executed")
		return out.String(), status
	}
	text, status := run("http://h/artifacts/k8s-executor", right, script)
	require.Equal(t, "I run\n", text)
	require.Zero(t, status)
	text, status = run("http://h/artifacts/k8s-executor", wrong, script)
	require.Equal(t, "http://h/artifacts/k8s-executor: sha256 is "+right+", want "+wrong+": it is not executed\n", text)
	require.Equal(t, scheduler.WrongProgram, status)
	text, status = run("http://h/it's-$(touch${IFS}x)`touch${IFS}y`\"", wrong, script)
	require.Contains(t, text, "http://h/it's-$(touch${IFS}x)`touch${IFS}y`\": sha256 is "+right)
	require.Equal(t, scheduler.WrongProgram, status)
	_, status = run("http://h/k8s-executor", right, "")
	require.Equal(t, scheduler.WrongProgram, status, "no file, no sum")
}

func TestAnInstalledExecutorIsRunAsItIs(t *testing.T) {
	executor, err := renderer{}.Executor(aLaunch(t, DefaultOptions().Nodes))
	require.NoError(t, err)
	require.Equal(t, "/usr/local/bin/k8s-executor", executor.Command)
	require.Equal(t, []string{"/usr/local/bin/k8s-executor"}, executor.Arguments)
	require.False(t, executor.Shell)
	require.Empty(t, executor.URIs)
}

func TestTokensTravelInMessages(t *testing.T) {
	data := renderer{}.Token(scheduler.SendToken{Node: "workers-1", Token: "abcdef.0123456789abcdef", Life: 9 * time.Minute})
	message, err := kubelet.DecodeMessage(data)
	require.NoError(t, err)
	require.Equal(t, kubelet.Message{Version: 1, Token: "abcdef.0123456789abcdef", TokenLife: kubelet.Duration(9 * time.Minute)}, message)

	report, err := json.Marshal(kubelet.Report{Version: 1, Node: "workers-1", TokenWanted: true})
	require.NoError(t, err)
	event, err := renderer{}.Reported(report)
	require.NoError(t, err)
	require.Equal(t, scheduler.TokenWanted{Node: "workers-1"}, event)
	_, err = renderer{}.Reported([]byte(`{"version":1,"node":"workers-1"}`))
	require.ErrorContains(t, err, "says nothing that is known")
}

// A pool may have its own kubelet; what is wrong with it is told before anything is stored.
func TestAPoolsKubeletIsItsOwn(t *testing.T) {
	nodes := DefaultOptions().Nodes
	launch := aLaunch(t, nodes)
	require.Equal(t, nodes.Kubelet, whole(launch, nodes).Kubelet)
	launch.Node.Executor.KubeletProgram = "/opt/kubelet-1.34/kubelet"
	require.Equal(t, "/opt/kubelet-1.34/kubelet", whole(launch, nodes).Kubelet)

	pool := scheduler.DefaultPool()
	pool.Name, pool.Resources = "workers", scheduler.Resources{CPUs: 1000, Mem: 1_024_000}
	pool.KubeletProgram = "https://files.example/kubelet#sha256=" + strings.Repeat("0a", 32)
	require.NoError(t, launchable([]scheduler.Pool{pool}))
	for program, want := range map[string]string{"kubelet": "URI#sha256=HEX", "https://files.example/kubelet": "64 hexadecimal digits", "hdfs://n/kubelet#sha256=" + strings.Repeat("0a", 32): "http, https or file"} {
		pool.KubeletProgram = program
		err := launchable([]scheduler.Pool{pool})
		require.ErrorContains(t, err, `pool "workers"`)
		require.ErrorContains(t, err, want)
	}
}

// BenchmarkRender is what an executor is told when it is launched, and the message with its token.
func BenchmarkRender(b *testing.B) {
	o := DefaultOptions().Nodes
	o.Join, o.APIServer = JoinByToken, "https://10.0.0.9:6443"
	r, launch := renderer{nodes: o}, aLaunch(b, o)
	b.Run("executor", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Executor(launch); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("token", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Token(scheduler.SendToken{Node: "workers-1", Token: "abcdef.0123456789abcdef", Life: time.Hour})
		}
	})
}
