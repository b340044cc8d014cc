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

// That the rights are enough is what the tests of package kube show against a real API server, which has them from this file.
func TestRightsAreBound(t *testing.T) {
	documents := bytes.Split(read(t, "rbac.yaml"), []byte("\n---\n"))
	require.Len(t, documents, 4)
	var cluster rbacv1.ClusterRole
	var clusterBound rbacv1.ClusterRoleBinding
	var leases rbacv1.Role
	var leasesBound rbacv1.RoleBinding
	for i, into := range []any{&cluster, &clusterBound, &leases, &leasesBound} {
		require.NoError(t, yaml.UnmarshalStrict(documents[i], into))
	}
	require.NotEmpty(t, cluster.Rules)
	require.Equal(t, cluster.Name, clusterBound.RoleRef.Name)
	require.Len(t, leases.Rules, 1)
	require.Equal(t, leases.Name, leasesBound.RoleRef.Name)
	require.Equal(t, leases.Namespace, leasesBound.Namespace)
	require.Equal(t, clusterBound.Subjects, leasesBound.Subjects)
	require.Len(t, clusterBound.Subjects, 1)
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
