package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Claim makes the cgroup path and holds it against Sweep until release is called or this process ends, however it ends:
// the claim is a lock on the cgroup's own folder, which the kernel gives up with the process.
func Claim(path string) (release func(), err error) {
	for {
		if err := Make(path); err != nil {
			return nil, err
		}
		held, err := lock(path, unix.LOCK_EX)
		if err != nil {
			return nil, err
		}
		// A Sweep that came between Make and the lock has removed the folder that we now hold.
		if held != nil && current(path, held) {
			return func() { _ = held.Close() }, nil
		}
		if held != nil {
			_ = held.Close()
		}
	}
}

// Sweep removes all cgroups directly below the root whose names begin with prefix and which nobody claims. What holds a
// process stays.
func Sweep(prefix string) error {
	names, err := Names(prefix)
	if err != nil {
		return err
	}
	for _, name := range names {
		held, err := lock("/"+name, unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			continue
		}
		if err != nil {
			return err
		}
		err = errors.Join(Thaw("/"+name), Remove("/"+name))
		if held != nil {
			_ = held.Close()
		}
		if err != nil && !errors.Is(err, unix.EBUSY) {
			return err
		}
	}
	return nil
}

// lock locks the folder that the cgroup has in the first hierarchy; it is nil when there is none.
func lock(path string, how int) (*os.File, error) {
	folder, err := first(path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("lock cgroup %s: %w", path, err)
	}
	if err := unix.Flock(int(f.Fd()), how); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock cgroup %s: %w", path, err)
	}
	return f, nil
}

func current(path string, held *os.File) bool {
	folder, err := first(path)
	if err != nil {
		return false
	}
	now, err := os.Stat(folder)
	if err != nil {
		return false
	}
	then, err := held.Stat()
	return err == nil && os.SameFile(now, then)
}

func first(path string) (string, error) {
	all, err := mounts()
	if err != nil {
		return "", err
	}
	return filepath.Join(all[0].path, path), nil
}
