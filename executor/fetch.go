package executor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s-framework/internal/kubelet"
)

// fetcher brings a program to the host and keeps it under its SHA-256. Nothing that it returns has another sum than was asked for.
// It is used by one process at a time: whoever holds the lock of the root directory.
type fetcher struct {
	dir   string        // of the programs that were fetched
	stall time.Duration // without a byte, after which a download is given up
	pause time.Duration // before the second try; it doubles
}

const (
	cacheFolder = "k8s-executor-cache" // below the kubelet's root directory
	// keptPrograms bounds the cache: the program of now, and those to go back to.
	keptPrograms = 3
	// programName is its name in a folder named by its sum: some kubelets are one program with others and go by their name.
	programName = "kubelet"
	fetchTries  = 3
	maxProgram  = 1 << 30 // bytes
)

// obtain is the path of the kubelet: on the host already, or fetched and compared.
func (h *host) obtain(ctx context.Context, waiting func(string)) (string, error) {
	program, err := kubelet.ParseProgram(h.spec.Kubelet)
	if err != nil {
		return "", err
	}
	f := fetcher{dir: filepath.Join(h.spec.RootDir, cacheFolder), stall: time.Minute, pause: time.Second}
	path, err := f.obtain(ctx, program, waiting)
	if err != nil {
		return "", fmt.Errorf("get the kubelet: %w", err)
	}
	return path, nil
}

// obtain is the path of the program. A network that does not answer is tried again; a wrong sum is not.
func (f fetcher) obtain(ctx context.Context, program kubelet.Program, waiting func(string)) (string, error) {
	if program.Path != "" {
		return program.Path, nil
	}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return "", err
	}
	folder := filepath.Join(f.dir, program.SHA256)
	path := filepath.Join(folder, programName)
	// A file that was damaged since is fetched again.
	if sum, err := sumOf(path); err != nil || sum != program.SHA256 {
		if err := f.fetch(ctx, program, path, waiting); err != nil {
			return "", err
		}
	}
	now := time.Now()
	if err := os.Chtimes(folder, now, now); err != nil {
		return "", err
	}
	return path, f.prune()
}

// fetch brings the program to the path, which appears only when its sum is right.
func (f fetcher) fetch(ctx context.Context, program kubelet.Program, path string, waiting func(string)) error {
	wait := f.pause
	for try := 1; ; try++ {
		waiting(fmt.Sprintf("for the kubelet, which is fetched from %s", program.URI))
		err := f.once(ctx, program, path)
		var wrong *wrongSum
		if err == nil || errors.As(err, &wrong) || try == fetchTries || ctx.Err() != nil {
			return err
		}
		waiting(fmt.Sprintf("to try again after %v: %v", wait, err))
		if err := pause(ctx, wait); err != nil {
			return err
		}
		wait *= 2
	}
}

// wrongSum says that what is at a URI is something else than was meant.
type wrongSum struct{ uri, found, want string }

func (e *wrongSum) Error() string {
	return fmt.Sprintf("%s: sha256 is %s, want %s: it is not executed", e.uri, e.found, e.want)
}

func (f fetcher) once(ctx context.Context, program kubelet.Program, path string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(f.stall, func() { cancel(fmt.Errorf("not a byte for %v", f.stall)) })
	defer stalled.Stop()
	source, err := openURI(ctx, program.URI)
	if err != nil {
		return f.reason(ctx, program.URI, err)
	}
	defer source.Close()
	part := filepath.Join(f.dir, "fetching")
	defer os.Remove(part) // unless it has become the program
	found, err := write(part, &lively{source, stalled, f.stall})
	if err != nil {
		return f.reason(ctx, program.URI, err)
	}
	if found != program.SHA256 {
		return &wrongSum{program.URI, found, program.SHA256}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.Rename(part, path)
}

// reason is why a download failed: what we did to it explains more than what became of it.
func (f fetcher) reason(ctx context.Context, uri string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return fmt.Errorf("%s: %w", uri, err)
}

// openURI begins to read what is at the URI: http, https or file.
func openURI(ctx context.Context, uri string) (io.ReadCloser, error) {
	if path, isFile := strings.CutPrefix(uri, "file://"); isFile {
		return os.Open(path)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		_ = answer.Body.Close()
		return nil, fmt.Errorf("the server answers %s", answer.Status)
	}
	return answer.Body, nil
}

// write copies the source to a new file that can be executed, and returns the SHA-256 of what was written.
func write(path string, source io.Reader) (sum string, err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o700)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	digest := sha256.New()
	n, err := io.Copy(io.MultiWriter(file, digest), io.LimitReader(source, maxProgram+1))
	if err != nil {
		return "", err
	}
	if n > maxProgram {
		return "", fmt.Errorf("it is larger than %d bytes", maxProgram)
	}
	// The sum must still be right when the power fails after the rename.
	return hex.EncodeToString(digest.Sum(nil)), file.Sync()
}

// lively is a source that pushes the end of patience away with every piece.
type lively struct {
	source io.Reader
	timer  *time.Timer
	stall  time.Duration
}

func (l *lively) Read(into []byte) (int, error) {
	n, err := l.source.Read(into)
	l.timer.Reset(l.stall)
	return n, err
}

func sumOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	digest := sha256.New()
	if _, err := io.Copy(digest, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// prune keeps the programs that were used last.
func (f fetcher) prune() error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	type program struct {
		name string
		used time.Time
	}
	var programs []program
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return err
		}
		programs = append(programs, program{entry.Name(), info.ModTime()})
	}
	slices.SortFunc(programs, func(a, b program) int { return b.used.Compare(a.used) })
	for _, old := range programs[min(keptPrograms, len(programs)):] {
		if err := os.RemoveAll(filepath.Join(f.dir, old.name)); err != nil {
			return err
		}
	}
	return nil
}
