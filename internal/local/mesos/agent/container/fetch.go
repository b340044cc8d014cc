package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// fetcher brings CommandInfo.uris into one sandbox. It does what the real agent's fetcher program does, within the agent; its
// log goes to the sandbox's stderr.
type fetcher struct {
	sandbox string
	who     *identity
	user    string
	stall   time.Duration // a download that brings less than a byte a second for so long is given up
	cache   *cache
	log     io.Writer
}

// fetch brings everything, one after another; the first failure ends it.
func (f *fetcher) fetch(ctx context.Context, uris []mesos.CommandInfo_URI) error {
	for _, u := range uris {
		f.say("Fetching URI '%s'", u.Value)
		if err := f.one(ctx, u); err != nil {
			f.say("EXIT with status 1: Failed to fetch '%s': %v", u.Value, err)
			return errors.New("exited with status 1")
		}
		f.say("Fetched '%s'", u.Value)
	}
	return nil
}

func (f *fetcher) say(format string, args ...any) { fmt.Fprintf(f.log, format+"\n", args...) }

func (f *fetcher) one(ctx context.Context, u mesos.CommandInfo_URI) error {
	name := u.GetOutputFile()
	if u.OutputFile == nil {
		name = filepath.Base(strings.SplitN(u.Value, "?", 2)[0])
	}
	// Not cleaned: the real fetcher joins the two and lets the result lie outside of the sandbox.
	target := f.sandbox + "/" + name
	if dir := filepath.Dir(name); dir != "." {
		if err := os.MkdirAll(filepath.Join(f.sandbox, dir), 0o755); err != nil {
			return fmt.Errorf("Unable to create subdirectory %s in sandbox: %w", dir, err) // Mesos's words
		}
	}
	extract := (u.Extract == nil || *u.Extract) && !u.GetExecutable()
	if u.GetCache() {
		source, err := f.cached(ctx, u.Value)
		if err != nil {
			return err
		}
		f.say("Fetching URI '%s' from cache", u.Value)
		if extract {
			// From the cache an archive is extracted without being copied.
			if done, err := f.extract(ctx, source, filepath.Base(name)); err != nil || done {
				return err
			}
		}
		if err := copyFile(source, target); err != nil {
			return err
		}
		return f.finish(target, u)
	}
	f.say("Fetching '%s' directly into the sandbox directory", u.Value)
	if err := f.download(ctx, u.Value, target); err != nil {
		return err
	}
	if err := f.finish(target, u); err != nil {
		return err
	}
	if extract {
		_, err := f.extract(ctx, target, filepath.Base(target))
		return err
	}
	return nil
}

func (f *fetcher) finish(path string, u mesos.CommandInfo_URI) error {
	if u.GetExecutable() {
		if err := os.Chmod(path, 0o755); err != nil {
			return fmt.Errorf("Failed to chmod executable '%s': %w", path, err) // Mesos's words
		}
	}
	return f.who.own(path)
}

// cached returns the file of a URI in the cache, after having brought it there.
func (f *fetcher) cached(ctx context.Context, uri string) (string, error) {
	e := f.cache.entry(f.user, uri)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ready {
		return e.path, nil
	}
	if err := os.MkdirAll(f.cache.dir, 0o755); err != nil {
		return "", fmt.Errorf("Could not create the fetcher cache directory: %w", err) // Mesos's words
	}
	if strings.HasPrefix(uri, "http") {
		// The real agent asks for the size first, to make room for it.
		if err := f.head(ctx, uri); err != nil {
			return "", err
		}
	}
	if err := f.download(ctx, uri, e.path); err != nil {
		return "", err
	}
	e.ready = true
	return e.path, nil
}

func (f *fetcher) head(ctx context.Context, uri string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, uri, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func (f *fetcher) download(ctx context.Context, uri, target string) error {
	switch scheme, rest, ok := strings.Cut(uri, "://"); {
	case !ok:
		if !filepath.IsAbs(uri) {
			return fmt.Errorf("A relative path was passed for the resource but the Mesos framework home was not specified") // Mesos's words
		}
		return copyFile(uri, target)
	case scheme == "file":
		return copyFile(strings.TrimPrefix(rest, "localhost"), target)
	case scheme == "http" || scheme == "https":
		f.say("Downloading resource from '%s' to '%s'", uri, target)
		if err := f.get(ctx, uri, target); err != nil {
			return fmt.Errorf("Error downloading resource%w", err) // Mesos's words
		}
		return nil
	default:
		// Everything else is left to Hadoop, which the stand-in never has.
		return errors.New("Failed to create HDFS client: Hadoop client is not available, exit status: 32512") // as above
	}
}

var errStalled = errors.New("stalled")

// get downloads over HTTP. Its errors begin with what follows "Error downloading resource". The body of an answer that is no
// 200 is written too, as the real fetcher does.
func (f *fetcher) get(ctx context.Context, uri, target string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(f.stall, func() { cancel(errStalled) })
	defer stalled.Stop()
	out, err := os.OpenFile(target, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf(": %w", err)
	}
	defer out.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return fmt.Errorf(": %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reason(ctx, err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(&watched{out, stalled, f.stall}, resp.Body); err != nil {
		return reason(ctx, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf(", received HTTP return code %d", resp.StatusCode)
	}
	return nil
}

func reason(ctx context.Context, err error) error {
	var u *url.Error
	switch {
	case errors.Is(context.Cause(ctx), errStalled):
		return errors.New(": Timeout was reached")
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New(": Couldn't connect to server")
	case errors.As(err, &u):
		return fmt.Errorf(": %w", u.Err)
	}
	return fmt.Errorf(": %w", err)
}

// watched pushes the stall timer away with every piece.
type watched struct {
	w     io.Writer
	timer *time.Timer
	stall time.Duration
}

func (s *watched) Write(p []byte) (int, error) {
	s.timer.Reset(s.stall)
	return s.w.Write(p)
}

// extract unpacks an archive into the sandbox; done is false when the name is none of an archive.
func (f *fetcher) extract(ctx context.Context, file, name string) (done bool, err error) {
	var cmd *exec.Cmd
	switch {
	case hasSuffix(name, ".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz"):
		cmd = exec.CommandContext(ctx, "tar", "-x", "-f", file, "-C", f.sandbox)
	case hasSuffix(name, ".zip"):
		cmd = exec.CommandContext(ctx, "unzip", "-o", "-q", file, "-d", f.sandbox)
	case hasSuffix(name, ".gz"):
		out, err := os.OpenFile(filepath.Join(f.sandbox, strings.TrimSuffix(name, ".gz")), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
		if err != nil {
			return false, err
		}
		defer out.Close()
		cmd = exec.CommandContext(ctx, "gunzip", "-d", "-c", file)
		cmd.Stdout = out
	default:
		f.say("Copying instead of extracting resource from URI with 'extract' flag, because it does not seem to be an archive: %s", name)
		return false, nil
	}
	if cmd.Stdout == nil {
		cmd.Stdout = f.log
	}
	cmd.Stderr = f.log
	if f.who != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: f.who.uid, Gid: f.who.gids[0], Groups: f.who.gids}}
	}
	if err := cmd.Run(); err != nil {
		return false, fmt.Errorf("Failed to extract archive '%s' to '%s': %w", file, f.sandbox, err) // Mesos's words
	}
	f.say("Extracted '%s' into '%s'", file, f.sandbox)
	return true, nil
}

func hasSuffix(name string, suffixes ...string) bool {
	for _, s := range suffixes {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("Failed to copy '%s': %w", from, err) // Mesos's words
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, st.Mode().Perm())
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close() // the first error is the interesting one
		return err
	}
	return out.Close()
}
