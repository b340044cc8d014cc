package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// lock is held by this process and by every kubelet that it starts: they inherit the open file, and the kernel gives the lock
// free when the last of them is gone. So it says more than a process id in a file could; the ids in it only name who it is.
type lock struct{ file *os.File }

// holder is what the file of a lock says of who has it: for people, and for an executor that finds it held.
type holder struct {
	Node     string `json:"node"`
	Executor member `json:"executor"`
	Kubelet  member `json:"kubelet,omitzero"`
}

// member is one process: its number may be another's later, with another start.
type member struct {
	PID     int    `json:"pid"`
	Started string `json:"started"` // in the kernel's ticks since the host was booted
}

func memberOf(pid int) member { return member{PID: pid, Started: statOf(pid, 22)} }

func (p member) alive() bool {
	return p.PID > 1 && p.Started != "" && statOf(p.PID, 22) == p.Started && statOf(p.PID, 3) != "Z"
}

func (h holder) String() string {
	text := fmt.Sprintf("node %s, executor process %d", h.Node, h.Executor.PID)
	if h.Kubelet.PID != 0 {
		text += fmt.Sprintf(", kubelet process %d", h.Kubelet.PID)
	}
	return text
}

// takeLock waits until the lock at path is free, and then writes who has it. waiting is told whom it waits for. A kubelet whose
// executor is dead has nobody who could end it; it is ended here.
func takeLock(ctx context.Context, path string, who holder, waiting func(string)) (*lock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	told, tries := "", 0
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
		why := fmt.Sprintf("%s is locked, a kubelet lives on this host: ", path)
		have, orphan := heldBy(path)
		why += have
		if orphan.PID != 0 {
			why += "; its executor is dead, so it is ended"
			endOrphan(orphan, tries)
			tries++
		}
		if why != told {
			told = why
			waiting(why)
		}
		if err = pause(ctx, lockEvery); err != nil {
			break
		}
	}
	l := &lock{file: file}
	if err == nil {
		err = l.write(who)
	}
	if err != nil {
		_ = file.Close() // gives up what was not taken
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return l, nil
}

const (
	lockEvery   = 100 * time.Millisecond
	orphanGrace = 100 // tries until a kubelet without an executor is killed
)

// heldBy says who holds the lock by the file's word, and the kubelet among them if its executor is dead.
func heldBy(path string) (who string, orphan member) {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error(), member{}
	}
	var have holder
	if json.Unmarshal(text, &have) != nil {
		return strings.TrimSpace(string(text)), member{}
	}
	if !have.Executor.alive() && have.Kubelet.alive() {
		orphan = have.Kubelet
	}
	return have.String(), orphan
}

func endOrphan(kubelet member, tries int) {
	switch {
	case tries == 0:
		_ = syscall.Kill(kubelet.PID, syscall.SIGTERM) // if it is gone meanwhile, so is the lock
	case tries >= orphanGrace:
		_ = syscall.Kill(kubelet.PID, syscall.SIGKILL)
	}
}

// write says who has the lock.
func (l *lock) write(who holder) error {
	text, err := json.Marshal(who)
	if err == nil {
		if err = l.file.Truncate(0); err == nil {
			_, err = l.file.WriteAt(append(text, '\n'), 0)
		}
	}
	return err
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
