package executor

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/kubelet"
)

// against is a Spec whose kubeconfig names a server that gives this answer.
func against(t *testing.T, status int, body string) kubelet.Spec {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	spec := exampleSpec()
	spec.Kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c","cluster":{"server":%q}}],
		"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],"users":[{"name":"u","user":{}}]}`, server.URL)
	require.NoError(t, os.WriteFile(spec.Kubeconfig, []byte(text), 0o600))
	return spec
}

func TestWhatTheAPIServerSaysOfTheNode(t *testing.T) {
	node := func(condition string) string {
		return `{"spec":{"providerID":"mesos://f-1/workers-1"},"status":{"conditions":[{"type":"MemoryPressure","status":"False"},` + condition + `]}}`
	}
	for _, test := range []struct {
		name   string
		status int
		body   string
		want   NodeView
	}{
		{"ready", 200, node(`{"type":"Ready","status":"True"}`), NodeView{State: NodeReady}},
		{
			"not ready", 200, node(`{"type":"Ready","status":"False","reason":"KubeletNotReady","message":"no network"}`),
			NodeView{State: NodeNotReady, Why: "KubeletNotReady: no network"},
		},
		{
			"not heard of", 200, node(`{"type":"Ready","status":"Unknown","reason":"NodeStatusUnknown","message":"Kubelet stopped posting node status."}`),
			NodeView{State: NodeMissing, Why: "NodeStatusUnknown: Kubelet stopped posting node status."},
		},
		{"no condition", 200, node(`{"type":"DiskPressure","status":"False"}`), NodeView{State: NodeMissing, Why: "the Node has no condition Ready"}},
		{"another launch's", 200, `{"spec":{"providerID":"mesos://f-1/workers-0"}}`, NodeView{
			State: NodeMissing, Why: `the Node host1 is another one: its providerID is "mesos://f-1/workers-0"`,
		}},
		{"none", 404, `{"kind":"Status","status":"Failure","reason":"NotFound","code":404}`, NodeView{State: NodeMissing, Why: "there is no Node host1"}},
		{"refused", 401, `{"kind":"Status","status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}`, NodeView{
			State: NodeMissing, Why: "the API server refuses the kubelet's credentials: Unauthorized",
		}},
	} {
		view, err := kubeNode{}.Node(t.Context(), against(t, test.status, test.body))
		require.NoError(t, err, test.name)
		assert.Equal(t, test.want, view, test.name)
	}
	_, err := kubeNode{}.Node(t.Context(), against(t, 502, "bad gateway"))
	require.Error(t, err, "what is no API server's answer is none")
	spec := exampleSpec()
	spec.Kubeconfig = "/no/such/kubeconfig"
	_, err = kubeNode{}.Node(t.Context(), spec)
	require.ErrorContains(t, err, "the kubelet has not got its credentials yet")
}

func TestAnotherLaunchsNodeIsNotCordoned(t *testing.T) {
	_, err := kubeNode{}.Cordon(t.Context(), against(t, 200, `{"spec":{"providerID":"mesos://f-1/workers-2"}}`), true)
	require.ErrorContains(t, err, `is another one: its providerID is "mesos://f-1/workers-2"`)
	changed, err := kubeNode{}.Cordon(t.Context(), against(t, 200, `{"spec":{"providerID":"mesos://f-1/workers-1","unschedulable":true}}`), true)
	require.NoError(t, err)
	assert.False(t, changed, "somebody else's")
}
