package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// lock is held by this process and by every kubelet that it starts: they inherit the open file, and the kernel gives the lock
// free when the last of them is gone. So it says more than a process id in a file could.
type lock struct{ file *os.File }

// takeLock waits until the lock at path is free, and then writes who has it, for people. waiting is told once whom it waits
// for.
func takeLock(ctx context.Context, path, who string, waiting func(string)) (*lock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	for told := false; ; told = true {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
		if !told {
			holder, _ := os.ReadFile(path) // only for the message
			waiting(fmt.Sprintf("%s is locked, a kubelet lives on this host: %s", path, strings.TrimSpace(string(holder))))
		}
		if err = pause(ctx, 100*time.Millisecond); err != nil {
			break
		}
	}
	if err == nil {
		if err = file.Truncate(0); err == nil {
			_, err = file.WriteAt([]byte(who+"\n"), 0)
		}
	}
	if err != nil {
		_ = file.Close() // gives up what was not taken
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &lock{file: file}, nil
}

// release gives up our share; a kubelet that lives still has its own.
func (l *lock) release() {
	if l != nil {
		_ = l.file.Close()
	}
}

// pause waits, or returns ctx's error.
func pause(ctx context.Context, length time.Duration) error {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
