package command

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/google/uuid"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	executorapi "github.com/mesos/mesos-go/api/v1/lib/executor"
	"golang.org/x/sys/unix"
)

// launch starts the command, in a session of its own.
func (e *runner) launch() {
	e.update(mesos.TASK_STARTING, "", nil)
	c := e.task.Command
	cmd := &exec.Cmd{Stdout: os.Stdout, Stderr: os.Stderr, SysProcAttr: &syscall.SysProcAttr{Setsid: true}}
	if c.Shell == nil || *c.Shell {
		cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", c.GetValue()}
	} else {
		cmd.Path, cmd.Args = c.GetValue(), c.Arguments
		if found, err := exec.LookPath(c.GetValue()); err == nil {
			cmd.Path = found
		}
	}
	cmd.Env = os.Environ()
	if err := cmd.Start(); err != nil {
		e.done = true
		e.update(mesos.TASK_FAILED, "Failed to launch command: "+err.Error(), mesos.REASON_COMMAND_EXECUTOR_FAILED.Enum())
		return
	}
	e.cmd = cmd
	fmt.Printf("Forked command at %d\n", cmd.Process.Pid)
	go func() { // ends with the command
		_ = cmd.Wait()
		e.events <- ended{cmd.ProcessState}
	}()
	e.update(mesos.TASK_RUNNING, "", nil)
}

// stop ends the command: SIGTERM, and SIGKILL after the grace period.
func (e *runner) stop(policy *mesos.KillPolicy) {
	if e.cmd == nil || e.stopped {
		return
	}
	e.stopped = true
	grace := defaultKillGrace
	if policy == nil && e.task != nil {
		policy = e.task.KillPolicy
	}
	if policy != nil && policy.GracePeriod != nil {
		grace = time.Duration(policy.GracePeriod.Nanoseconds)
	}
	if e.killing {
		e.update(mesos.TASK_KILLING, "", nil)
	}
	e.signal(syscall.SIGTERM)
	time.AfterFunc(grace, func() { e.events <- force{} })
}

// signal reaches the command and everything in its process group.
func (e *runner) signal(s syscall.Signal) {
	if e.cmd != nil {
		_ = syscall.Kill(-e.cmd.Process.Pid, s)
	}
}

// commandEnded makes the terminal update.
func (e *runner) commandEnded(state *os.ProcessState) {
	e.signal(syscall.SIGKILL) // what it has left behind
	e.cmd, e.done = nil, true
	ws := state.Sys().(syscall.WaitStatus)
	message := fmt.Sprintf("Command exited with status %d", ws.ExitStatus())
	if ws.Signaled() {
		message = "Command terminated with signal " + signalText(ws.Signal())
	}
	switch {
	case e.stopped:
		e.update(mesos.TASK_KILLED, message, nil)
	case ws.ExitStatus() == 0:
		e.update(mesos.TASK_FINISHED, message, nil)
	default:
		e.update(mesos.TASK_FAILED, message, mesos.REASON_COMMAND_EXECUTOR_FAILED.Enum())
	}
}

// signalText is strsignal's, for the signals that end commands.
func signalText(s syscall.Signal) string {
	switch s {
	case syscall.SIGTERM:
		return "Terminated"
	case syscall.SIGKILL:
		return "Killed"
	case syscall.SIGINT:
		return "Interrupt"
	case syscall.SIGHUP:
		return "Hangup"
	case syscall.SIGSEGV:
		return "Segmentation fault"
	case syscall.SIGABRT:
		return "Aborted"
	}
	return unix.SignalName(s)
}

// update tells the agent; it is sent again with the next SUBSCRIBE until the agent has it.
func (e *runner) update(state mesos.TaskState, message string, reason *mesos.TaskStatus_Reason) {
	id := uuid.New()
	t := float64(time.Now().UnixNano()) / 1e9
	who := e.agent.executorID
	u := executorapi.Call_Update{Status: mesos.TaskStatus{
		TaskID: e.task.TaskID, ExecutorID: &who, State: &state, Source: mesos.SOURCE_EXECUTOR.Enum(), Reason: reason,
		UUID: id[:], Timestamp: &t,
	}}
	if message != "" {
		u.Status.Message = &message
	}
	e.unacked = append(e.unacked, u)
	if err := e.agent.update(u); err != nil {
		fmt.Fprintln(os.Stderr, "command executor:", err)
	}
}
