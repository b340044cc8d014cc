package container

import (
	"fmt"
	"os"
	"path/filepath"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"golang.org/x/sys/unix"
)

// oomWatch tells when the kernel's OOM killer was at work in a memory cgroup.
type oomWatch struct {
	dir   string
	event int // eventfd, counted up by the kernel
	wake  int // eventfd, counted up by close
	fired chan struct{}
	ended chan struct{}
}

// watchOOM asks the kernel for the events of one memory cgroup.
func watchOOM(dir string) (*oomWatch, error) {
	control, err := os.Open(filepath.Join(dir, "memory.oom_control"))
	if err != nil {
		return nil, fmt.Errorf("listen for OOM events: %w", err)
	}
	defer control.Close()
	w := &oomWatch{dir: dir, fired: make(chan struct{}), ended: make(chan struct{})}
	if w.event, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, fmt.Errorf("listen for OOM events: eventfd: %w", err)
	}
	if w.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		unix.Close(w.event) // the first error is the interesting one
		return nil, fmt.Errorf("listen for OOM events: eventfd: %w", err)
	}
	order := fmt.Sprintf("%d %d", w.event, control.Fd())
	if err := os.WriteFile(filepath.Join(dir, "cgroup.event_control"), []byte(order), 0o200); err != nil {
		unix.Close(w.event) // as above
		unix.Close(w.wake)  // as above
		return nil, fmt.Errorf("listen for OOM events: %w", err)
	}
	go w.run() // ends with the first event, or with close
	return w, nil
}

func (w *oomWatch) run() {
	defer close(w.ended)
	fds := []unix.PollFd{{Fd: int32(w.event), Events: unix.POLLIN}, {Fd: int32(w.wake), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return
		}
		if fds[1].Revents != 0 {
			return
		}
		if fds[0].Revents != 0 && w.drain() {
			close(w.fired)
			return
		}
	}
}

// drain says whether an event has come. The end of the cgroup counts the eventfd up too, and is none.
func (w *oomWatch) drain() bool {
	var b [8]byte
	if n, err := unix.Read(w.event, b[:]); err != nil || n != len(b) {
		return false
	}
	_, err := os.Stat(w.dir)
	return err == nil
}

// close ends the watching and says whether there was an event, also one that nobody was told of yet.
func (w *oomWatch) close() bool {
	if w == nil {
		return false
	}
	_, _ = unix.Write(w.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	<-w.ended
	hit := w.drain()
	select {
	case <-w.fired:
		hit = true
	default:
	}
	unix.Close(w.event) // nothing can be done about it
	unix.Close(w.wake)  // as above
	return hit
}

// limitation describes what the cgroup looks like now; it has to be asked before the cgroup is removed.
func (w *oomWatch) limitation() *Limitation {
	l := &Limitation{Reason: mesos.REASON_CONTAINER_LIMITATION_MEMORY, Message: "Memory limit exceeded: "}
	if limit, err := read(filepath.Join(w.dir, "memory.limit_in_bytes")); err == nil {
		l.Message += "Requested: " + bytesText(limit) + " "
	}
	if used, err := read(filepath.Join(w.dir, "memory.max_usage_in_bytes")); err == nil {
		l.Message += "Maximum Used: " + bytesText(used) + "\n"
		l.MemBytes = uint64(used)
	}
	if stat, err := os.ReadFile(filepath.Join(w.dir, "memory.stat")); err == nil {
		l.Message += "\nMEMORY STATISTICS: \n" + string(stat) + "\n"
	}
	return l
}

// bytesText writes a size in the largest unit in which it is a whole number.
func bytesText(b int64) string {
	for i, unit := range []string{"TB", "GB", "MB", "KB"} {
		if size := int64(1) << (40 - 10*i); b != 0 && b%size == 0 {
			return fmt.Sprintf("%d%s", b/size, unit)
		}
	}
	return fmt.Sprintf("%dB", b)
}
