package images

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func files(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		out[h.Name] = data
	}
}

// TestEveryDigestLeadsToItsBlob walks from the index to the program as an importer does.
func TestEveryDigestLeadsToItsBlob(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, Write(&out, Web, []byte("the program")))
	all := files(t, out.Bytes())
	blob := func(d descriptor) []byte {
		data, ok := all["blobs/sha256/"+strings.TrimPrefix(d.Digest, "sha256:")]
		require.True(t, ok, "no blob %s", d.Digest)
		assert.Len(t, data, d.Size)
		assert.Equal(t, d.Digest, digest(data))
		return data
	}
	var index imageIndex
	require.NoError(t, json.Unmarshal(all["index.json"], &index))
	require.Len(t, index.Manifests, 1)
	assert.Equal(t, Web, index.Manifests[0].Annotations["io.containerd.image.name"])
	var manifest imageManifest
	require.NoError(t, json.Unmarshal(blob(index.Manifests[0]), &manifest))
	var config imageConfig
	require.NoError(t, json.Unmarshal(blob(manifest.Config), &config))
	require.Len(t, manifest.Layers, 1)
	assert.Equal(t, []string{manifest.Layers[0].Digest}, config.RootFS.DiffIDs)
	layer := files(t, blob(manifest.Layers[0]))
	assert.Equal(t, "the program", string(layer["program"]))
	assert.Contains(t, layer, "tmp/")
}

func TestSameProgramGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	var a, b bytes.Buffer
	require.NoError(t, Write(&a, Pause, []byte("x")))
	require.NoError(t, Write(&b, Pause, []byte("x")))
	assert.Equal(t, a.Bytes(), b.Bytes())
}
