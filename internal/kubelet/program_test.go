package kubelet

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestProgramsAreReadAsTheyAreWritten(t *testing.T) {
	sum := strings.Repeat("0a", 32)
	for text, want := range map[string]Program{
		"/usr/bin/kubelet":                         {Path: "/usr/bin/kubelet"},
		"https://host/kubelet#sha256=" + sum:       {URI: "https://host/kubelet", SHA256: sum},
		"http://host/a?b=c#sha256=" + sum:          {URI: "http://host/a?b=c", SHA256: sum},
		"file:///srv/kubelet#sha256=" + sum:        {URI: "file:///srv/kubelet", SHA256: sum},
		"hdfs://name:9000/kubelet#sha256=" + sum:   {URI: "hdfs://name:9000/kubelet", SHA256: sum},
		"https://host/a%23b/kubelet#sha256=" + sum: {URI: "https://host/a%23b/kubelet", SHA256: sum},
	} {
		program, err := ParseProgram(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, program)
		assert.Equal(t, text, program.String())
	}
	for _, text := range []string{
		"", "kubelet", "/", "/a/../b", "https://host/kubelet", "https://host/kubelet#sha256=" + sum[1:], "kubelet#sha256=" + sum,
		"https://host/kubelet#sha256=" + strings.ToUpper(sum), "https://host/kubelet#md5=" + sum,
	} {
		_, err := ParseProgram(text)
		assert.ErrorContains(t, err, "want an absolute path on the agents", text)
	}
}

func TestTheExecutorCannotFetchEverythingThatMesosCan(t *testing.T) {
	spec := exampleSpec()
	spec.Kubelet = "https://host/kubelet#sha256=" + strings.Repeat("0a", 32)
	require.NoError(t, spec.Validate())
	spec.Kubelet = "hdfs://host/kubelet#sha256=" + strings.Repeat("0a", 32)
	require.ErrorContains(t, spec.Validate(), "want http, https or file as its URI's scheme")
}
