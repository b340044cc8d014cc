package images

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
)

// Write writes an OCI image archive (image-spec 1.0, image-layout) whose one layer holds the static program at /program,
// its entrypoint, and an empty /tmp that everybody may write to. name is what the image is called after the import.
func Write(w io.Writer, name string, program []byte) error {
	layer, err := archive([]entry{
		{name: "tmp/", mode: 0o1777},
		{name: "program", mode: 0o755, data: program},
	})
	if err != nil {
		return fmt.Errorf("image %s: layer: %w", name, err)
	}
	var blobs []entry
	// blob adds one blob and returns its descriptor.
	blob := func(mediaType string, data []byte) descriptor {
		d := descriptor{MediaType: mediaType, Digest: digest(data), Size: len(data)}
		blobs = append(blobs, entry{name: "blobs/sha256/" + hexDigest(data), mode: 0o644, data: data})
		return d
	}
	layerRef := blob("application/vnd.oci.image.layer.v1.tar", layer)
	config, err := json.Marshal(imageConfig{
		Architecture: runtime.GOARCH,
		OS:           "linux",
		Config:       runConfig{Entrypoint: []string{"/program"}, Env: []string{"PATH=/"}},
		RootFS:       rootFS{Type: "layers", DiffIDs: []string{layerRef.Digest}}, // not compressed: both digests are one
	})
	if err != nil {
		return fmt.Errorf("image %s: configuration: %w", name, err)
	}
	manifest, err := json.Marshal(imageManifest{
		SchemaVersion: 2,
		MediaType:     "application/vnd.oci.image.manifest.v1+json",
		Config:        blob("application/vnd.oci.image.config.v1+json", config),
		Layers:        []descriptor{layerRef},
	})
	if err != nil {
		return fmt.Errorf("image %s: manifest: %w", name, err)
	}
	ref := blob("application/vnd.oci.image.manifest.v1+json", manifest)
	ref.Platform = &platform{Architecture: runtime.GOARCH, OS: "linux"}
	ref.Annotations = map[string]string{
		"io.containerd.image.name":          name, // what ctr reads; the standard key below may hold a tag only
		"org.opencontainers.image.ref.name": name,
	}
	index, err := json.Marshal(imageIndex{SchemaVersion: 2, Manifests: []descriptor{ref}})
	if err != nil {
		return fmt.Errorf("image %s: index: %w", name, err)
	}
	out, err := archive(append([]entry{
		{name: "oci-layout", mode: 0o644, data: []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{name: "index.json", mode: 0o644, data: index},
	}, blobs...))
	if err != nil {
		return fmt.Errorf("image %s: archive: %w", name, err)
	}
	if _, err := w.Write(out); err != nil {
		return fmt.Errorf("image %s: write archive: %w", name, err)
	}
	return nil
}

// entry is a file of a tar archive, or a folder when its name ends with a slash.
type entry struct {
	name string
	mode int64
	data []byte
}

// archive leaves every time at zero, so that the same content gives the same bytes.
func archive(entries []entry) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		if err := w.WriteHeader(&tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.data))}); err != nil {
			return nil, fmt.Errorf("%s: %w", e.name, err)
		}
		if _, err := w.Write(e.data); err != nil {
			return nil, fmt.Errorf("%s: %w", e.name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func digest(data []byte) string { return "sha256:" + hexDigest(data) }

func hexDigest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
