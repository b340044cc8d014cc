package executor

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/kubelet"
	"k8s-framework/internal/mesos/execapi"
)

const token = "abcdef.0123456789abcdef"

func joinByToken(h *house) {
	h.spec.Kubeconfig = ""
	h.spec.Join = &kubelet.Join{Server: "https://10.0.0.1:6443"}
}

func (h *house) sendToken() {
	data, err := kubelet.Message{Token: token, TokenLife: kubelet.Duration(kubelet.Defaults().Drain.Deadline)}.Encode()
	require.NoError(h.t, err)
	h.agent.say(execapi.Messaged{Data: data})
}

// The kubelet starts when the token is there; the token goes when the kubelet has its certificate, and every credential goes with
// the node.
func TestAKubeletJoinsWithTheTokenOfItsNode(t *testing.T) {
	h := open(t, joinByToken)
	stale := filepath.Join(h.spec.JoinDir(), "pki", "kubelet-client-current.pem")
	require.NoError(t, os.MkdirAll(filepath.Dir(stale), 0o700))
	require.NoError(t, os.WriteFile(stale, []byte("of an earlier node"), 0o600))
	operators := filepath.Join(h.spec.RootDir, "pki", "kubelet-client-current.pem")
	require.NoError(t, os.MkdirAll(filepath.Dir(operators), 0o700))
	require.NoError(t, os.WriteFile(operators, []byte("the operator's"), 0o600))

	h.subscribe()
	h.launch("t1", 1000, 512)
	eventually(t, "a token is asked for", func() bool {
		h.agent.mu.Lock()
		defer h.agent.mu.Unlock()
		return strings.Contains(strings.Join(h.agent.messages, ""), `"tokenWanted":true`)
	})
	assert.Equal(t, "waiting: for a bootstrap token from the framework", h.agent.last().Message)
	assert.Zero(t, h.pid(), "no kubelet without a token")
	assert.NoFileExists(t, stale, "a certificate of an earlier node is not used again")
	h.sendToken()
	h.agent.await(t, "t1 RUNNING healthy")

	file := filepath.Join(h.spec.JoinDir(), "bootstrap.kubeconfig") // there is no file system in memory for this executor
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(text), token)
	for _, place := range []string{"root/environment", "sandbox/kubelet.yaml", "sandbox/kubelet.log"} {
		assert.NotContains(t, h.file(place), "0123456789abcdef")
	}
	arguments, err := os.ReadFile(filepath.Join("/proc", itoa(h.pid()), "cmdline"))
	require.NoError(t, err)
	assert.Contains(t, string(arguments), "--bootstrap-kubeconfig="+file)
	assert.NotContains(t, string(arguments), "0123456789abcdef")

	require.NoError(t, os.MkdirAll(h.spec.CertificateDir(), 0o700))
	require.NoError(t, os.WriteFile(h.spec.ClientCertificate(), []byte("the node's"), 0o600))
	eventually(t, "the token is gone", func() bool { _, err := os.Stat(file); return err != nil })
	h.drainer.done()
	h.agent.say(execapi.Killed{Task: "t1"})
	h.awaitEnd()
	assert.NoDirExists(t, h.spec.JoinDir())
	assert.FileExists(t, operators, "what an operator has put there is not ours")
}

func TestANodeThatNeverGetsATokenEndsInPeace(t *testing.T) {
	h := open(t, joinByToken)
	h.subscribe()
	h.launch("t1", 1000, 512)
	eventually(t, "it waits", func() bool { return strings.Contains(h.agent.last().Message, "bootstrap token") })
	h.agent.say(execapi.Killed{Task: "t1"})
	h.awaitEnd()
	assert.Equal(t, execapi.TaskKilled, h.agent.last().State)
	assert.Zero(t, h.pid())
	assert.Empty(t, h.drainer.asked())
	assert.NoDirExists(t, h.spec.JoinDir())
}
