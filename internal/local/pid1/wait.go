package pid1

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// signalled is added to a signal's number to make the exit status of what it ended, as shells do.
const signalled = 128

// Wait reaps children until child ends, and returns its exit status (128 + n when signal n ended it). The signals SIGINT,
// SIGTERM, SIGHUP and SIGQUIT are sent on to it.
//
// With child 0 there is nobody to send them to: Wait goes on until the first of these signals and returns 0.
func Wait(child int) (status int, err error) {
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, syscall.SIGCHLD, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(signals)
	for {
		// Before the first signal, too: the child may have ended before Notify.
		if status, over, err := reap(child); over || err != nil {
			return status, err
		}
		s := <-signals
		switch {
		case s == syscall.SIGCHLD:
		case child == 0:
			return 0, nil
		default:
			if err := syscall.Kill(child, s.(syscall.Signal)); err != nil && !errors.Is(err, syscall.ESRCH) {
				return 0, fmt.Errorf("send %v on to pid %d: %w", s, child, err)
			}
		}
	}
}

// reap takes the end of every child that has ended: one SIGCHLD may stand for several.
func reap(child int) (status int, over bool, err error) {
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.ECHILD) && child == 0, err == nil && pid == 0:
			return 0, false, nil
		case err != nil:
			return 0, false, fmt.Errorf("wait for children: %w", err)
		case pid == child && ws.Signaled():
			return signalled + int(ws.Signal()), true, nil
		case pid == child:
			return ws.ExitStatus(), true, nil
		}
	}
}
