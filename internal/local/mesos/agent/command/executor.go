package command

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	executorapi "github.com/mesos/mesos-go/api/v1/lib/executor"

	"k8s-framework/internal/local/mesos/flags"
)

// defaultKillGrace is how long a command may take to end after SIGTERM when nobody says otherwise.
const defaultKillGrace = 3 * time.Second

// Main is the main function of the command executor; it returns the exit code of the process.
func Main() int {
	e, err := fromEnvironment()
	if err == nil {
		err = e.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "command executor:", err)
		return 1
	}
	return 0
}

// runner is the executor. What is in it is touched by run only, but for the first four fields, which never change.
type runner struct {
	agent    client
	retry    time.Duration // between attempts to subscribe
	recovery time.Duration // how long to go on without the agent
	events   chan any      // *executorapi.Event, ended, lost, force, rejected

	task    *mesos.TaskInfo
	killing bool      // the framework knows TASK_KILLING
	stopped bool      // a KILL or SHUTDOWN has come
	started bool      // the agent has taken an update of the task
	cmd     *exec.Cmd // nil before and after the command
	done    bool      // the command has ended, or never will begin
	unacked []executorapi.Call_Update
	away    time.Time // since when the agent is
}

type (
	ended struct{ state *os.ProcessState } // the command
	lost  struct{ err error }              // the connection
	force struct{}                         // the grace period is over
)

func fromEnvironment() (*runner, error) {
	e := &runner{
		agent: client{
			url:         "http://" + os.Getenv("MESOS_AGENT_ENDPOINT") + "/api/v1/executor",
			frameworkID: mesos.FrameworkID{Value: os.Getenv("MESOS_FRAMEWORK_ID")},
			executorID:  mesos.ExecutorID{Value: os.Getenv("MESOS_EXECUTOR_ID")},
		},
		retry:  500 * time.Millisecond,
		events: make(chan any, 16),
	}
	if os.Getenv("MESOS_CHECKPOINT") == "1" {
		var err error
		if e.recovery, err = flags.ParseDuration(os.Getenv("MESOS_RECOVERY_TIMEOUT")); err != nil {
			return nil, fmt.Errorf("MESOS_RECOVERY_TIMEOUT: %w", err)
		}
	}
	return e, nil
}

// run is the executor's life.
func (e *runner) run() error {
	e.subscribe()
	for {
		switch event := (<-e.events).(type) {
		case *executorapi.Event:
			if err := e.handle(event); err != nil {
				e.signal(syscall.SIGKILL)
				return err
			}
		case ended:
			e.commandEnded(event.state)
		case force:
			e.signal(syscall.SIGKILL)
		case lost:
			if e.away.IsZero() {
				e.away = time.Now()
			}
			if time.Since(e.away) > e.recovery {
				e.signal(syscall.SIGKILL)
				return fmt.Errorf("the agent is away for longer than %s: %w", e.recovery, event.err)
			}
			time.AfterFunc(e.retry, func() { e.events <- again{} })
		case again:
			e.subscribe()
		}
		if e.done && len(e.unacked) == 0 {
			return nil
		}
	}
}

type again struct{} // it is time to subscribe

// subscribe opens a stream that carries what the agent may not know.
func (e *runner) subscribe() {
	call := &executorapi.Call_Subscribe{UnacknowledgedUpdates: append([]executorapi.Call_Update(nil), e.unacked...)}
	if e.task != nil && !e.started {
		call.UnacknowledgedTasks = []mesos.TaskInfo{*e.task}
	}
	go func() { // ends with the connection
		err := e.agent.stream(call, func(event *executorapi.Event) { e.events <- event })
		e.events <- lost{err}
	}()
}

func (e *runner) handle(event *executorapi.Event) error {
	switch event.Type {
	case executorapi.Event_SUBSCRIBED:
		e.away = time.Time{}
		for _, c := range event.Subscribed.FrameworkInfo.Capabilities {
			e.killing = e.killing || c.Type == mesos.FrameworkInfo_Capability_TASK_KILLING_STATE
		}
	case executorapi.Event_LAUNCH:
		if e.task != nil {
			return errors.New("a second task was launched")
		}
		e.task = &event.Launch.Task
		e.launch()
	case executorapi.Event_KILL:
		e.stop(event.Kill.KillPolicy)
	case executorapi.Event_SHUTDOWN:
		e.stop(nil)
		e.done = e.done || e.task == nil
	case executorapi.Event_ACKNOWLEDGED:
		e.started = true
		for i, u := range e.unacked {
			if bytes.Equal(u.Status.UUID, event.Acknowledged.UUID) {
				e.unacked = append(e.unacked[:i:i], e.unacked[i+1:]...)
				break
			}
		}
	case executorapi.Event_ERROR:
		return errors.New(event.Error.Message)
	}
	return nil
}
