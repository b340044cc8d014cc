package process

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// tailBytes is how far back lastLines reads: enough for a panic's stack, little enough to quote.
const tailBytes = 64 << 10

// logFile is the part of a file that one process wrote: from start to the end.
type logFile struct {
	path  string
	start int64
}

func openLog(path string) (logFile, *os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return logFile{}, nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return logFile{}, nil, err
	}
	start, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		f.Close()
		return logFile{}, nil, fmt.Errorf("seek to the end of %s: %w", path, err)
	}
	return logFile{path: path, start: start}, f, nil
}

func (l logFile) lastLines(n int) []string {
	f, err := os.Open(l.path)
	if err != nil {
		return nil
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil
	}
	from := max(l.start, size-tailBytes)
	text, err := io.ReadAll(io.NewSectionReader(f, from, size-from))
	if err != nil {
		return nil
	}
	if from > l.start { // the first line is cut: better none than half of one
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	text = bytes.TrimRight(text, "\n")
	if len(text) == 0 {
		return nil
	}
	lines := strings.Split(string(text), "\n")
	return lines[max(0, len(lines)-n):]
}

// quote is the end of an error message: the last lines, indented, below the name of the log.
func (l logFile) quote(n int) string {
	lines := l.lastLines(n)
	if len(lines) == 0 {
		return fmt.Sprintf("; it printed nothing (%s)", l.path)
	}
	return fmt.Sprintf("; last lines of %s:\n\t%s", l.path, strings.Join(lines, "\n\t"))
}
