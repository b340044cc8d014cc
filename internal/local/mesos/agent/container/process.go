package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Container is one container. Its methods may be called from any goroutine.
type Container struct {
	id     string
	p      *Processes
	notify func(Event)
	pid    atomic.Int64 // of the init process; 0 until there is one

	// closing is set before the cgroups begin to vanish.
	closing atomic.Bool

	once      sync.Once
	destroyed chan struct{} // closed by Destroy
}

// PID is the pid of the init process, 0 while there is none.
func (c *Container) PID() int { return int(c.pid.Load()) }

// Resize writes new limits into the container's cgroups. For a container that is ending it does nothing.
func (c *Container) Resize(l Limits) error {
	if err := c.p.cg.apply(c.id, l, c.p.cfg.EnableCFS, false); err != nil && !c.closing.Load() {
		return err
	}
	return nil
}

// Destroy kills what runs in the container, or ends its launch. Ended tells when that is done.
func (c *Container) Destroy() { c.once.Do(func() { close(c.destroyed) }) }

// launch is the life of a container that this agent starts.
func (c *Container) launch(spec Spec) {
	who, err := identify(spec.User)
	var cmd *exec.Cmd
	var pipe *os.File
	if err == nil {
		cmd, pipe, err = c.fork(spec, who)
	}
	if err != nil {
		c.notify(Failed{err})
		c.finish(nil, nil)
		return
	}
	oom, err := c.isolate(cmd.Process.Pid)
	if err == nil {
		err = c.start(spec, who, pipe)
	}
	_ = pipe.Close() // without a word in it the init process gives up
	if err != nil {
		c.notify(Failed{err})
	} else {
		c.notify(Launched{})
	}
	ended := make(chan struct{})
	go func() { // ends with the init process
		_ = cmd.Wait()
		close(ended)
	}()
	c.watch(ended, oom)
}

// fork makes the container's directories and cgroups and starts its init process, which waits for our word.
func (c *Container) fork(spec Spec, who *identity) (*exec.Cmd, *os.File, error) {
	runtime := c.p.runtime(c.id)
	if err := os.MkdirAll(runtime, 0o755); err != nil {
		return nil, nil, fmt.Errorf("create the runtime directory of the container: %w", err)
	}
	if err := c.p.cg.create(c.id); err != nil {
		return nil, nil, err
	}
	if err := c.p.cg.apply(c.id, spec.Limits, c.p.cfg.EnableCFS, true); err != nil {
		return nil, nil, err
	}
	stdout, err := sandboxFile(spec.Dir, "stdout", who)
	if err != nil {
		return nil, nil, err
	}
	defer stdout.Close()
	stderr, err := sandboxFile(spec.Dir, "stderr", who)
	if err != nil {
		return nil, nil, err
	}
	defer stderr.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	cmd := &exec.Cmd{
		Path: c.p.cfg.Program, Args: []string{InitName, "launch", "--runtime_directory=" + runtime},
		Env: []string{"GOMAXPROCS=1"}, Dir: "/", Stdout: stdout, Stderr: stderr,
		ExtraFiles:  []*os.File{r}, // launchFD
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if err := cmd.Start(); err != nil {
		w.Close()                                              // the first error is the interesting one
		return nil, nil, fmt.Errorf("Failed to fork: %w", err) // Mesos's words
	}
	c.pid.Store(int64(cmd.Process.Pid))
	if spec.PIDFile != "" {
		if err := writePID(spec.PIDFile, cmd.Process.Pid); err != nil {
			w.Close() // it makes the init process end
			_ = cmd.Wait()
			return nil, nil, err
		}
	}
	return cmd, w, nil
}

// isolate moves the init process into the container's cgroups.
func (c *Container) isolate(pid int) (*oomWatch, error) {
	if err := c.p.cg.enter(c.id, pid); err != nil {
		return nil, fmt.Errorf("Failed to isolate container: %w", err) // Mesos's words
	}
	if !c.p.cg.has("memory") {
		return nil, nil
	}
	return watchOOM(c.p.cg.path("memory", c.id))
}

// start fetches what the executor needs and gives the init process the word to go.
func (c *Container) start(spec Spec, who *identity, pipe *os.File) error {
	if len(spec.Command.URIs) > 0 {
		stderr, err := sandboxFile(spec.Dir, "stderr", who)
		if err != nil {
			return err
		}
		defer stderr.Close()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go func() { // ends with the fetching
			select {
			case <-c.destroyed:
				cancel()
			case <-c.p.stop:
				cancel()
			case <-ctx.Done():
			}
		}()
		f := &fetcher{
			sandbox: spec.Dir, who: who, user: spec.User, stall: c.p.cfg.FetcherStall, cache: c.p.cache, log: stderr,
		}
		if err := f.fetch(ctx, spec.Command.URIs); err != nil {
			return fmt.Errorf("Failed to fetch all URIs for container '%s': %w", c.id, err) // Mesos's words
		}
	}
	select {
	case <-c.destroyed:
		return errors.New("Container is being destroyed during launching") // Mesos's words
	default:
	}
	info, err := launchOf(spec, who)
	if err != nil {
		return err
	}
	return json.NewEncoder(pipe).Encode(info)
}

// adopt is the life of a container that an earlier agent has started.
func (c *Container) adopt() {
	pid := c.PID()
	ended := make(chan struct{})
	if !c.isInit(pid) {
		close(ended)
	} else {
		go func() { // ends with the init process, or with Processes
			for exists(pid) {
				select {
				case <-time.After(reapInterval):
				case <-c.p.stop:
					return
				}
			}
			close(ended)
		}()
	}
	var oom *oomWatch
	if c.p.cg.has("memory") {
		// Without its cgroup the container is ending anyway.
		oom, _ = watchOOM(c.p.cg.path("memory", c.id))
	}
	c.watch(ended, oom)
}

// isInit guards against a pid that somebody else has by now.
func (c *Container) isInit(pid int) bool {
	if pid <= 0 {
		return false
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return false
	}
	return len(b) == 0 || strings.Contains(string(b), c.id) // an empty one is that of a process that was not reaped
}

// watch waits for the end of the container's init process, ends it when it is told to or when it runs out of memory, and
// then clears up.
func (c *Container) watch(ended <-chan struct{}, oom *oomWatch) {
	var limitation *Limitation
	var fired <-chan struct{}
	if oom != nil {
		fired = oom.fired
	}
	select {
	case <-ended:
	case <-fired:
		limitation = oom.limitation()
		c.kill(ended)
	case <-c.destroyed:
		c.kill(ended)
	case <-c.p.stop:
		oom.close()
		return
	}
	if oom.close() && limitation == nil {
		limitation = oom.limitation()
	}
	select {
	case <-ended:
	case <-c.p.stop:
		return
	}
	c.finish(c.status(), limitation)
}

// kill ends the container's processes while the init process is still there.
func (c *Container) kill(ended <-chan struct{}) {
	c.closing.Store(true)
	if c.p.cg.used() {
		if err := c.p.cg.destroy(c.id, c.p.stop); err != nil {
			return
		}
		<-ended
		return
	}
	left := killTree(c.PID())
	for len(left) > 0 {
		if !exists(left[0]) {
			left = left[1:]
			continue
		}
		select {
		case <-time.After(reapInterval):
		case <-c.p.stop:
			return
		}
	}
}

// finish removes what is left and says how it ended.
func (c *Container) finish(status *int, limitation *Limitation) {
	c.closing.Store(true)
	if c.p.cg.used() {
		if err := c.p.cg.destroy(c.id, c.p.stop); err != nil {
			return // the agent ends too; the next one finds the rest
		}
	}
	// What cannot be removed is in nobody's way: ids are never used again.
	_ = os.RemoveAll(c.p.runtime(c.id))
	c.notify(Ended{Exit{Status: status, Limitation: limitation}})
}

// status is the raw wait status that the init process has written down. When it could not, somebody killed it.
func (c *Container) status() *int {
	status := int(syscall.SIGKILL)
	dir := c.p.runtime(c.id)
	if _, err := os.Stat(dir); err != nil {
		return nil
	}
	if b, err := os.ReadFile(filepath.Join(dir, statusFile)); err == nil {
		if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
			status = n
		}
	}
	return &status
}

func sandboxFile(dir, name string, who *identity) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	if err := who.own(f.Name()); err != nil {
		f.Close() // the first error is the interesting one
		return nil, err
	}
	return f, nil
}

func writePID(file string, pid int) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("checkpoint the forked pid: %w", err)
	}
	if err := os.WriteFile(file, []byte(strconv.Itoa(pid)), 0o644); err != nil {
		return fmt.Errorf("checkpoint the forked pid: %w", err)
	}
	return nil
}
