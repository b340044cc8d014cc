package examples

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"k8s-framework/framework"
)

func TestPoolsFileIsOne(t *testing.T) {
	pools, err := framework.ReadPools("pools.yaml")
	require.NoError(t, err)
	require.Len(t, pools, 2)
}

func TestManifestsAreWellFormed(t *testing.T) {
	for _, name := range []string{"rbac.yaml", "marathon-app.json"} {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		var into any
		if name == "marathon-app.json" {
			require.NoError(t, json.Unmarshal(text, &into), name)
		} else {
			require.NoError(t, yaml.UnmarshalStrict(text, &into), name)
		}
		require.NotEmpty(t, into)
	}
}
