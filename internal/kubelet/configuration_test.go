package kubelet

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/kubelet/config/v1beta1"
	kubejson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// The transcripts in testdata/configuration are rewritten with -rewrite.
//
//	configuration [cpu=MILLI] [memory=BYTES] [disk=BYTES] [huge=BYTES] [gpu=MILLI] [host-gpu=MILLI] [root=/path] [unified]
//	{fields of a Spec to change}
func TestConfiguration(t *testing.T) {
	datadriven.Walk(t, "testdata/configuration", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			slice := Slice{MilliCPU: 1000, MemoryBytes: 1 << 30}
			host := Host{MilliCPU: 2000, MemoryBytes: 24684084 * 1024, DiskBytes: 100 << 30}
			place := Placement{Root: "/mesos/0a1b", Unified: d.HasArg("unified")}
			d.MaybeScanArgs(t, "cpu", &slice.MilliCPU)
			d.MaybeScanArgs(t, "memory", &slice.MemoryBytes)
			d.MaybeScanArgs(t, "disk", &slice.DiskBytes)
			d.MaybeScanArgs(t, "huge", &host.HugePagesBytes)
			d.MaybeScanArgs(t, "gpu", &slice.MilliGPU)
			d.MaybeScanArgs(t, "host-gpu", &host.MilliGPU)
			d.MaybeScanArgs(t, "root", &place.Root)

			spec := exampleSpec()
			spec.Extra = nil
			if d.Input != "" {
				require.NoError(t, decodeStrict([]byte(d.Input), &spec))
			}
			text, err := Configuration(spec, slice, host, place)
			if err != nil {
				return fmt.Sprintf("error: %v\n", err)
			}
			requireStrict(t, text)
			return fmt.Sprintf("%s%s\n", text, strings.Join(Arguments(spec, "/sandbox/kubelet.yaml"), "\n"))
		})
	})
}

// requireStrict reads the text as a kubelet does first: an unknown, misspelt or doubled field fails.
func requireStrict(t *testing.T, text []byte) {
	t.Helper()
	asJSON, err := yaml.YAMLToJSONStrict(text)
	require.NoError(t, err)
	unknown, err := kubejson.UnmarshalStrict(asJSON, &v1beta1.KubeletConfiguration{})
	require.NoError(t, err)
	require.Empty(t, unknown)
}

func TestEveryOwnedFieldIsRefusedByName(t *testing.T) {
	values := map[string]string{
		"cgroupsPerQOS": "true", "enforceNodeAllocatable": `["pods"]`, "failCgroupV1": "true", "healthzPort": "1", "kubeReserved": "{}",
		"mergeDefaultEvictionSettings": "true", "registerNode": "true", "registerWithTaints": "[]", "runOnce": "true", "systemReserved": "{}",
	}
	for _, field := range ownedFields() {
		value, ok := values[field.name]
		if !ok {
			value = `"x"`
		}
		_, err := decodeExtra(json.RawMessage(fmt.Sprintf(`{%q: %s}`, field.name, value)))
		require.Error(t, err, field.name)
		assert.Equal(t, fmt.Sprintf("kubelet spec: kubeletConfiguration.%s may not be set: %s", field.name, field.why), err.Error())
	}
}

func TestExtraRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`7`:                  "no JSON object",
		`{"maxPods":"many"}`: "kubeletConfiguration.maxPods is many, want a whole number",
		`{"maxpods":5}`:      "kubeletConfiguration.maxpods: there is no such field",
		`{"authentication":{"x509":{"clientCA":"/x"}}}`: "kubeletConfiguration.authentication.x509.clientCA: there is no such field",
		`{"clusterDNS":"10.0.0.1"}`:                     "kubeletConfiguration.clusterDNS is 10.0.0.1, want a list of texts",
		`{"evictionSoft":{"x":1}}`:                      "want an object of texts",
		`{"kind":"Kubelet"}`:                            `kind is "Kubelet", want KubeletConfiguration`,
		`{"apiVersion":"v1"}`:                           `apiVersion is "v1", want kubelet.config.k8s.io/v1beta1`,
		`{"evictionHard":{"memory.available":"100Mi"}}`: "evictionHard[memory.available] may not be set",
	} {
		_, err := decodeExtra(json.RawMessage(text))
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), want, text)
	}
}
