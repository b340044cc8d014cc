// Command pack builds the programs of package images and writes their archives:
//
//	pack FOLDER
//
// It is run in the project's folder and calls the go command.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"k8s-framework/internal/local/kube/images"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: pack FOLDER")
		os.Exit(2)
	}
	if err := pack(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func pack(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, image := range []struct{ source, name, archive string }{
		{"pause", images.Pause, images.PauseArchive},
		{"web", images.Web, images.WebArchive},
	} {
		program, err := build("k8s-framework/internal/local/kube/images/" + image.source)
		if err != nil {
			return err
		}
		var archive bytes.Buffer
		if err := images.Write(&archive, image.name, program); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, image.archive), archive.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// build returns a static program: an image holds no C library.
func build(source string) ([]byte, error) {
	folder, err := os.MkdirTemp("", "pack-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	out := filepath.Join(folder, "program")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %w\n%s", source, err, text)
	}
	return os.ReadFile(out)
}
