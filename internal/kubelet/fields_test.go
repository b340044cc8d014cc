package kubelet

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubelet/config/v1beta1"
	kubeletapis "k8s.io/kubelet/pkg/apis"
)

// TestFieldsAreThoseOfTheAPI holds fields.txt against the Go type that kubelets read.
func TestFieldsAreThoseOfTheAPI(t *testing.T) {
	lines := []string{"apiVersion " + kindText, "kind " + kindText}
	walk(reflect.TypeFor[v1beta1.KubeletConfiguration](), "", func(name, kind string) { lines = append(lines, name+" "+kind) })
	sort.Strings(lines)
	text := strings.Join(lines, "\n") + "\n"
	if flag.Lookup("rewrite").Value.String() == "true" {
		require.NoError(t, os.WriteFile("fields.txt", []byte(text), 0o644))
		return
	}
	assert.Equal(t, text, fieldList, "run the test with -rewrite if the API has changed")
	assert.Greater(t, len(lines), 120)
}

func walk(structure reflect.Type, prefix string, found func(name, kind string)) {
	for i := range structure.NumField() {
		field := structure.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Type == reflect.TypeFor[metav1.TypeMeta]() {
			continue
		}
		if strings.Contains(options, "inline") {
			walk(field.Type, prefix, found)
			continue
		}
		if name == "" || name == "-" {
			continue
		}
		kind := kindOf(field.Type)
		found(prefix+name, kind)
		if kind == kindObject {
			inside := field.Type
			if inside.Kind() == reflect.Pointer {
				inside = inside.Elem()
			}
			walk(inside, prefix+name+".", found)
		}
	}
}

func kindOf(field reflect.Type) string {
	if field.Kind() == reflect.Pointer {
		return kindOf(field.Elem())
	}
	if field == reflect.TypeFor[metav1.Duration]() {
		return kindLength
	}
	switch field.Kind() {
	case reflect.String:
		return kindText
	case reflect.Bool:
		return kindTruth
	case reflect.Int32:
		return kindInt32
	case reflect.Int64:
		return kindInt64
	case reflect.Uint32:
		return kindAny
	case reflect.Float64:
		return kindNumber
	case reflect.Slice:
		if field.Elem().Kind() == reflect.String {
			return kindTexts
		}
		return kindAny
	case reflect.Map:
		if field.Elem().Kind() == reflect.String {
			return kindTextBy
		}
		return kindAny
	case reflect.Struct:
		if implementsJSON(field) {
			return kindAny
		}
		return kindObject
	default:
		panic(fmt.Sprintf("no kind for %v", field))
	}
}

func implementsJSON(field reflect.Type) bool {
	_, own := reflect.PointerTo(field).MethodByName("UnmarshalJSON")
	return own
}

// FuzzWhatIsAcceptedIsRead: an extra that is accepted gives a file that a kubelet reads, strictly.
func FuzzWhatIsAcceptedIsRead(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"maxPods":50}`, `{"maxPods":1.5}`, `{"maxPods":99999999999}`, `{"nodeStatusUpdateFrequency":"4s"}`, `{"syncFrequency":"4"}`,
		`{"clusterDNS":["10.96.0.10"]}`, `{"authentication":{"x509":{"clientCAFile":"/x"}}}`, `{"memoryThrottlingFactor":0.9}`,
		`{"evictionHard":{"imagefs.available":"5%"}}`, `{"oomScoreAdj":null}`, `{"shutdownGracePeriod":"1h"}`, `{"crashLoopBackOff":{}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, extra string) {
		spec := exampleSpec()
		spec.Extra = []byte(extra)
		text, err := Configuration(spec, Slice{MilliCPU: 1, MemoryBytes: 1}, Host{MilliCPU: 2, MemoryBytes: 2}, Placement{Root: "/x"})
		if err != nil || strings.Contains(extra, ":") && anyField(extra) {
			return // refused, or with fields whose inside is the kubelet's to check
		}
		requireStrict(t, text)
	})
}

func anyField(extra string) bool {
	for line := range strings.Lines(fieldList) {
		name, kind, _ := strings.Cut(strings.TrimSpace(line), " ")
		if kind == kindAny && strings.Contains(extra, name[strings.LastIndexByte(name, '.')+1:]) {
			return true
		}
	}
	return false
}

func FuzzDecodeSpec(f *testing.F) {
	text, err := exampleSpec().Encode()
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, err := DecodeSpec(data)
		if err != nil {
			return
		}
		again, err := spec.Encode()
		require.NoError(t, err)
		back, err := DecodeSpec(again)
		require.NoError(t, err)
		third, err := back.Encode()
		require.NoError(t, err)
		require.Equal(t, string(again), string(third))
	})
}

func TestLabelsAreThoseOfTheKubelet(t *testing.T) {
	want := kubeletapis.KubeletLabels()
	slices.Sort(want)
	assert.Equal(t, want, kubeletLabels())
	for _, key := range []string{
		"x", "example.com/x", "kubernetes.io/x", "a.kubernetes.io/x", "node.kubernetes.io/x", "a.node.kubernetes.io/x",
		"kubelet.kubernetes.io/x", "k8s.io/x", "a.k8s.io/x", "kubernetes.io/os", "mykubernetes.io/x",
	} {
		space, _, _ := strings.Cut(key, "/")
		reserved := strings.HasSuffix("."+space, ".kubernetes.io") || strings.HasSuffix("."+space, ".k8s.io")
		assert.Equal(t, !reserved || kubeletapis.IsKubeletLabel(key), mayLabel(key), key)
	}
}
