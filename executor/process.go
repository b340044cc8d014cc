package executor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a program that dies with this one.
type process struct {
	pid  int
	done chan struct{}
	why  string // how it ended, once done is closed
}

// startProcess starts the program with nothing but what is given: arguments, environment, open files from 3 on. Its output,
// both kinds, goes to the writer.
//
// The kernel ends it when the thread that started it ends (PR_SET_PDEATHSIG), which Go would do at any time. So one goroutine,
// locked to its thread, starts it and waits for it; that thread lives as long as the program or this process.
func startProcess(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGKILL,
		Setpgid:   true, // a signal to our group is not for it
	}
	cmd.WaitDelay = 2 * time.Second // for output that a surviving child of it holds open
	p := &process{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err != nil {
			return
		}
		defer close(p.done)
		p.why = describeEnd(cmd.Wait(), cmd.ProcessState)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

func describeEnd(err error, state *os.ProcessState) string {
	if state == nil {
		return fmt.Sprint(err)
	}
	return state.String()
}

// stop asks the process to end, and ends it when the grace is over or ctx is done. It returns when the process is over.
func (p *process) stop(ctx context.Context, grace time.Duration) {
	_ = syscall.Kill(p.pid, syscall.SIGTERM) // if it is gone already, so much the better
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return
	case <-timer.C:
	case <-ctx.Done():
	}
	select {
	case <-p.done: // its number may belong to another process by now
	default:
		_ = syscall.Kill(p.pid, syscall.SIGKILL)
		<-p.done
	}
}
