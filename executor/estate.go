package executor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// estate is what an executor notes in the kubelet's root directory before its kubelet makes the first pod, and removes when
// nothing is left: whoever comes next knows by it what an executor that died left behind.
type estate struct {
	Version int    `json:"version"`
	Node    string `json:"node"`
	// Root is the cgroup root of the kubelet: what is below its kubepods was that kubelet's, and nothing else.
	Root string `json:"cgroupRoot"`
}

const estateVersion = 1

func estatePath(rootDir string) string { return filepath.Join(rootDir, "k8s-executor.json") }

// readEstate is what the last executor left; nil if it left nothing.
func readEstate(rootDir string) (*estate, error) {
	text, err := os.ReadFile(estatePath(rootDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what an earlier kubelet left: %w", err)
	}
	var left estate
	if err := json.Unmarshal(text, &left); err != nil || left.Version != estateVersion || left.Root == "" || left.Root == "/" {
		return nil, fmt.Errorf("%s is %q, want version %d and a cgroupRoot: stop the pods of the earlier kubelet by hand, "+
			"then remove the file", estatePath(rootDir), text, estateVersion)
	}
	return &left, nil
}

// write replaces the file as a whole: a crash leaves the old one or the new one.
func (e estate) write(rootDir string) error {
	e.Version = estateVersion
	text, err := json.Marshal(e)
	if err == nil {
		next := estatePath(rootDir) + ".new"
		if err = os.WriteFile(next, append(text, '\n'), 0o644); err == nil {
			err = os.Rename(next, estatePath(rootDir))
		}
	}
	if err != nil {
		return fmt.Errorf("note what this kubelet may leave: %w", err)
	}
	return nil
}

func removeEstate(rootDir string) error {
	if err := os.Remove(estatePath(rootDir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the note of what this kubelet left: %w", err)
	}
	return nil
}
