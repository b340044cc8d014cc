package master

import (
	"fmt"
	"io"
	"os"
	"time"
)

// logger writes one line for each event as glog does: severity, month and day, time, pid, place, text.
type logger struct {
	w     io.Writer
	place string
}

func (l logger) line(severity byte, format string, args ...any) {
	if l.w == nil {
		return
	}
	now := time.Now()
	fmt.Fprintf(l.w, "%c%s %d %s] %s\n", severity, now.Format("0102 15:04:05.000000"), os.Getpid(), l.place, fmt.Sprintf(format, args...)) // stderr
}

func (l logger) info(format string, args ...any)  { l.line('I', format, args...) }
func (l logger) warn(format string, args ...any)  { l.line('W', format, args...) }
func (l logger) error(format string, args ...any) { l.line('E', format, args...) }
