package examples

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"k8s-framework/framework"
	"k8s-framework/scheduler"
)

func TestPoolsFileIsOne(t *testing.T) {
	pools, err := framework.ReadPools("pools.yaml")
	require.NoError(t, err)
	require.Len(t, pools, 2)
	require.Equal(t, scheduler.Resources{CPUs: 8000, Mem: 32_768_000}, pools[0].Resources)
}

// The rights are those that the tests of package kube get by with against a real API server.
func TestRightsAreThoseThatTheTestsRunWith(t *testing.T) {
	role, binding, found := bytes.Cut(read(t, "rbac.yaml"), []byte("\n---\n"))
	require.True(t, found)
	var ours, tested rbacv1.ClusterRole
	require.NoError(t, yaml.UnmarshalStrict(role, &ours))
	require.NoError(t, yaml.UnmarshalStrict(read(t, filepath.Join("..", "internal", "kube", "testdata", "clusterrole.yaml")), &tested))
	require.NotEmpty(t, ours.Rules)
	require.Equal(t, tested.Rules, ours.Rules)

	var bound rbacv1.ClusterRoleBinding
	require.NoError(t, yaml.UnmarshalStrict(binding, &bound))
	require.Equal(t, ours.Name, bound.RoleRef.Name)
	require.Len(t, bound.Subjects, 1)
}

func TestKubeconfigNamesTheIdentityOfTheRights(t *testing.T) {
	config, err := clientcmd.Load(read(t, "kubeconfig.yaml"))
	require.NoError(t, err)
	current := config.Contexts[config.CurrentContext]
	require.NotNil(t, current)
	require.Contains(t, config.Clusters, current.Cluster)
	require.Contains(t, config.AuthInfos, current.AuthInfo)
	require.Equal(t, "k8s-framework", current.AuthInfo)
}

func TestMarathonAppsAreJSON(t *testing.T) {
	for _, name := range []string{"marathon-app.json", "marathon-kubelet.json"} {
		var app struct {
			ID          string
			Constraints [][]string
		}
		require.NoError(t, json.Unmarshal(read(t, name), &app), name)
		require.NotEmpty(t, app.ID, name)
		require.Contains(t, app.Constraints, []string{"hostname", "UNIQUE"}, name)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return text
}
