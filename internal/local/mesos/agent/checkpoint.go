package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// checkpoint writes a file so that it is there as a whole or not at all. It need not survive the machine, only the agent.
func checkpoint(path string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return checkpointText(path, body)
}

func checkpointText(path string, body []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("checkpoint %s: %w", path, err)
	}
	next := path + ".next"
	if err := os.WriteFile(next, body, 0o600); err != nil {
		return fmt.Errorf("checkpoint %s: %w", path, err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return nil
}

// restore reads what checkpoint wrote; found is false when there is no such file.
func restore(path string, v any) (found bool, err error) {
	body, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read checkpoint: %w", err)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return false, fmt.Errorf("read checkpoint %s: %w", path, err)
	}
	return true, nil
}

// symlink makes a symbolic link point to something else, as a whole or not at all.
func symlink(target, name string) error {
	next := name + ".next"
	_ = os.Remove(next) // of an agent that died just here
	if err := os.Symlink(target, next); err != nil {
		return fmt.Errorf("link: %w", err)
	}
	if err := os.Rename(next, name); err != nil {
		return fmt.Errorf("link: %w", err)
	}
	return nil
}

// savedTask is task.info: the task as it was launched.
type savedTask struct {
	Task mesos.Task
	// Limits are numbers as text, for infinite ones.
	Limits map[string]string `json:",omitempty"`
}

// savedExecutor is executor.info.
type savedExecutor struct {
	Info      mesos.ExecutorInfo
	User      string `json:",omitempty"`
	Generated bool   `json:",omitempty"`
}

// saveAgent writes the agent's id and info down, for the time after its restart.
func (a *Agent) saveAgent() error {
	id := a.info.GetID().Value
	if err := checkpoint(a.paths.agentInfo(id), &a.info); err != nil {
		return err
	}
	return symlink(id, a.paths.latest())
}

// saveExecutor writes a new executor down and makes its directories below meta/.
func (a *Agent) saveExecutor(e *execution) error {
	agent := a.info.GetID().Value
	if err := checkpoint(a.paths.frameworkInfo(agent, e.framework.id()), &e.framework.info); err != nil {
		return err
	}
	saved := savedExecutor{Info: e.info, User: e.user, Generated: e.generated}
	if err := checkpoint(a.paths.executorInfo(agent, e.framework.id(), e.id()), &saved); err != nil {
		return err
	}
	run := a.paths.run(agent, e)
	if err := os.MkdirAll(run, 0o755); err != nil {
		return fmt.Errorf("checkpoint executor %s: %w", e.id(), err)
	}
	return symlink(e.containerID, filepath.Join(filepath.Dir(run), "latest"))
}

// saveTask writes a task down before the executor hears of it.
func (a *Agent) saveTask(e *execution, t *mesos.TaskInfo) error {
	if !e.checkpoint {
		return nil
	}
	saved := savedTask{Task: a.staging(e, t).Task, Limits: map[string]string{}}
	for name, limit := range t.Limits {
		saved.Limits[name] = strconv.FormatFloat(limit.Value, 'g', -1, 64)
	}
	return checkpoint(a.paths.taskInfo(a.info.GetID().Value, e, t.TaskID.Value), &saved)
}

// staging makes a Task of a TaskInfo.
func (a *Agent) staging(e *execution, t *mesos.TaskInfo) *task {
	made := &task{limits: t.Limits, Task: mesos.Task{
		Name: t.Name, TaskID: t.TaskID, FrameworkID: *e.framework.info.ID, AgentID: t.AgentID, State: mesos.TASK_STAGING.Enum(),
		Resources: t.Resources, Labels: t.Labels, Discovery: t.Discovery, Container: t.Container, HealthCheck: t.HealthCheck,
		KillPolicy: t.KillPolicy,
	}}
	if !e.generated {
		id := e.info.ExecutorID
		made.ExecutorID = &id
	}
	switch {
	case t.Command != nil && t.Command.User != nil:
		made.User = t.Command.User
	case t.Executor != nil && t.Executor.Command != nil:
		made.User = t.Executor.Command.User
	}
	return made
}
