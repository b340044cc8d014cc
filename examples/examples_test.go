package examples

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
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

// Every field that a pools file can have stands in the table of operations.md.
func TestEveryFieldOfAPoolIsDocumented(t *testing.T) {
	_, table, found := strings.Cut(string(read(t, filepath.Join("..", "docs", "operations.md"))), "\n## Pools\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n### ")
	fields := fieldsOf(reflect.TypeFor[scheduler.Pool](), "")
	require.Greater(t, len(fields), 40)
	for _, field := range fields {
		if field != "overhead.gpus" { // it is refused
			require.True(t, strings.Contains(table, "`"+field+"`"), "docs/operations.md, \"Pools\", does not explain %s", field)
		}
	}
}

// fieldsOf lists the names of a pools file's fields, those of objects behind a dot.
func fieldsOf(object reflect.Type, prefix string) []string {
	var names []string
	for i := range object.NumField() {
		field := object.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Type.Kind() == reflect.Struct {
			names = append(names, fieldsOf(field.Type, prefix+name+".")...)
			continue
		}
		names = append(names, prefix+name)
	}
	return names
}

// Each binding names a role of the file, or a role of Kubernetes itself, and the identity of kubeconfig.yaml or the holders of our
// tokens. That the rights are enough and each is needed is shown by the tests of package kube against a real API server.
func TestRightsAreBoundToOurIdentity(t *testing.T) {
	roles, bindings := map[string]bool{"system:node-bootstrapper": true}, 0
	for _, document := range bytes.Split(read(t, "rbac.yaml"), []byte("\n---\n")) {
		var object struct {
			rbacv1.ClusterRole
			RoleRef  rbacv1.RoleRef   `json:"roleRef"`
			Subjects []rbacv1.Subject `json:"subjects"`
		}
		require.NoError(t, yaml.UnmarshalStrict(document, &object))
		if len(object.Subjects) == 0 {
			require.NotEmpty(t, object.Rules)
			roles[object.Name] = true
			continue
		}
		bindings++
		require.True(t, roles[object.RoleRef.Name], object.Name)
		require.Len(t, object.Subjects, 1)
		require.Contains(t, []string{"k8s-framework", scheduler.BootstrapGroup}, object.Subjects[0].Name)
	}
	require.Equal(t, 5, bindings)
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
