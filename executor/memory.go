package executor

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// giveBackMemory lets go of what only the start needed: heap, and the pages of the program's own file, most of which are
// tables that packages read once to initialise themselves. An executor then waits for months, in memory that is taken from
// what the kubelet and the pods could have; what it needs again of its file, the kernel maps again. procSelf is /proc/self.
func giveBackMemory(procSelf string) error {
	debug.FreeOSMemory()
	program, err := os.Readlink(filepath.Join(procSelf, "exe"))
	if err != nil {
		return fmt.Errorf("give back memory: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(procSelf, "maps"))
	if err != nil {
		return fmt.Errorf("give back memory: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		// Such as 00400000-011d0000 r-xp 00000000 fe:00 10019057 /path. What is writable has changed since it was read.
		fields := strings.Fields(line)
		if len(fields) < 6 || strings.Join(fields[5:], " ") != program || (fields[1] != "r-xp" && fields[1] != "r--p") {
			continue
		}
		first, last, _ := strings.Cut(fields[0], "-")
		from, err := strconv.ParseUint(first, 16, 64)
		if err != nil {
			return fmt.Errorf("give back memory: %q: %w", line, err)
		}
		to, err := strconv.ParseUint(last, 16, 64)
		if err != nil {
			return fmt.Errorf("give back memory: %q: %w", line, err)
		}
		// The wrapper of x/sys wants a slice, which nothing in Go's memory is here.
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, uintptr(from), uintptr(to-from), unix.MADV_DONTNEED); errno != 0 {
			return fmt.Errorf("give back memory: %w", errno)
		}
	}
	return nil
}
