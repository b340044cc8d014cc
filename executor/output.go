package executor

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"sync"
)

const (
	tailLines = 20
	tailBytes = 200 // of one line
)

// output keeps what the kubelet writes: in a file of the sandbox, which is renamed to *.1 when it is full, so that there are
// never more than two of the limit's size; and the last lines in memory. It never fails: a full disk must not stop a kubelet.
type output struct {
	path  string
	limit int64

	mu      sync.Mutex // the copying goroutine writes while the machine's wants the last lines
	file    *os.File
	written int64
	partial []byte
	lines   []string
	// crashed: the last of lines are a Go program's words of its own crash, and the stack that follows is not kept.
	crashed bool
}

func newOutput(path string, limit int64) *output { return &output{path: path, limit: limit} }

// Write implements io.Writer.
func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.remember(text)
	if o.file == nil || o.written+int64(len(text)) > o.limit {
		if err := o.open(); err != nil {
			return len(text), nil // the next write tries again
		}
	}
	n, err := o.file.Write(text)
	o.written += int64(n)
	if err != nil {
		o.close()
	}
	return len(text), nil
}

// open makes room: the first time it goes on with the file that is there.
func (o *output) open() error {
	if o.file != nil {
		o.close()
		if err := os.Rename(o.path, o.path+".1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	file, err := os.OpenFile(o.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	o.file, o.written = file, 0
	if info, err := file.Stat(); err == nil {
		o.written = info.Size()
	}
	return nil
}

func (o *output) close() {
	if o.file != nil {
		_ = o.file.Close() // what was written is written; there is nothing to do about the rest
		o.file = nil
	}
}

// Close closes the file; a later Write opens it again.
func (o *output) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.close()
}

func (o *output) remember(text []byte) {
	o.partial = append(o.partial, text...)
	for {
		line, rest, found := bytes.Cut(o.partial, []byte("\n"))
		if !found {
			break
		}
		o.rememberLine(line)
		o.partial = rest
	}
	if over := len(o.lines) - tailLines; over > 0 {
		o.lines = slices.Delete(o.lines, 0, over)
	}
	if len(o.partial) > 1<<16 {
		o.partial = slices.Clone(o.partial[len(o.partial)-tailBytes:])
	}
}

// rememberLine keeps a line, unless it is of the stack of a crash: that would push out why it crashed. The next line of a log
// ends the stack, for then another kubelet runs.
func (o *output) rememberLine(line []byte) {
	switch {
	case bytes.HasPrefix(line, []byte("panic: ")), bytes.HasPrefix(line, []byte("fatal error: ")):
		o.crashed = false // of several panics each says something
	case bytes.HasPrefix(line, []byte("goroutine ")) && bytes.HasSuffix(line, []byte("]:")):
		o.crashed = true
	case logLine.Match(line):
		o.crashed = false
	}
	if !o.crashed {
		o.lines = append(o.lines, shorten(line))
	}
}

// logLine is how klog begins a line: severity and date.
var logLine = regexp.MustCompile(`^[IWEF][0-9]{4} `)

// Last are the last lines that were written, each shortened, oldest first.
func (o *output) Last() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := slices.Clone(o.lines)
	if len(o.partial) > 0 {
		lines = append(lines, shorten(o.partial))
	}
	return lines
}

func shorten(line []byte) string {
	if len(line) <= tailBytes {
		return string(bytes.ToValidUTF8(line, []byte("?")))
	}
	return fmt.Sprintf("%s…", bytes.ToValidUTF8(line[:tailBytes], nil))
}
