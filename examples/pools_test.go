package examples

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"k8s-framework/scheduler"
)

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
