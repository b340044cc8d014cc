package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"

	"k8s-framework/internal/local/mesos/agent/container"
	"k8s-framework/internal/local/mesos/flags"
)

// RecoveryError says why an agent cannot go on with what is in its work directory.
type RecoveryError struct {
	Err    error
	Latest string // the link whose removal makes a new agent of it
}

func (e *RecoveryError) Unwrap() error { return e.Err }

// Error is what the real agent says at such an end.
func (e *RecoveryError) Error() string {
	return "EXIT with status 1: Failed to perform recovery: " + e.Err.Error() + "\n" +
		"If recovery failed due to a change in configuration and you want to\n" +
		"keep the current agent id, you might want to change the\n" +
		"`--reconfiguration_policy` flag to a more permissive value.\n" +
		"\n" +
		"To restart this agent with a new agent id instead, do as follows:\n" +
		"rm -f " + e.Latest + "\n" +
		"This ensures that the agent does not recover old live executors.\n" +
		"\n" +
		"Finally, restart the agent."
}

// recover reads what an earlier agent has left in the work directory, takes its containers back and waits for its
// executors; then the agent looks for a master.
func (a *Agent) recover(ctx context.Context) {
	a.enter(recovering)
	known, err := a.readBack()
	if err != nil {
		a.fail(&RecoveryError{Err: err, Latest: a.paths.latest()})
		return
	}
	begin := time.Now()
	go func() { // ends when the containers have been looked for
		containers, err := a.opts.Containers.Recover(known, func(id string, event container.Event) {
			a.post(func() {
				if e := a.byContainer(id); e != nil {
					a.containerEvent(e, event)
				}
			})
		})
		a.after(recoverTakes-time.Since(begin), func() { a.recoverExecutors(ctx, containers, err) })
	}()
}

func (a *Agent) byContainer(id string) *execution {
	for _, f := range a.frameworks {
		for _, e := range f.executors {
			if e.containerID == id {
				return e
			}
		}
	}
	return nil
}

// recoverExecutors gives executors their time to subscribe again. The agent stays away from the master for all of it.
func (a *Agent) recoverExecutors(ctx context.Context, containers map[string]Container, err error) {
	if err != nil {
		a.fail(&RecoveryError{Err: err, Latest: a.paths.latest()})
		return
	}
	for _, f := range a.frameworks {
		for _, e := range f.executors {
			e.container = containers[e.containerID]
		}
	}
	a.answering.Store(int32(disconnected)) // from now on executors may subscribe; the phase stays
	switch {
	case a.opts.Cleanup:
		a.cleanup()
		return
	case len(a.frameworks) == 0:
		a.recovered(ctx)
		return
	}
	a.after(a.opts.ReregistrationTimeout, func() {
		a.reregistrationTimeout()
		a.recovered(ctx)
	})
}

// cleanup ends old executors instead of taking them back; the agent ends with the last of them.
func (a *Agent) cleanup() {
	a.enter(terminating)
	a.over = len(a.frameworks) == 0
	for _, f := range a.frameworks {
		for _, e := range f.executors {
			a.shutdownExecution(e)
		}
	}
}

// reregistrationTimeout ends executors that did not subscribe again, and goes on with a drain.
func (a *Agent) reregistrationTimeout() {
	for _, f := range a.frameworks {
		for _, e := range f.executors {
			if e.phase != registering {
				continue
			}
			a.log.Infof("killing un-reregistered executor %s", e.id())
			e.phase = ending
			e.pending = &termination{
				state: f.lost(mesos.TASK_GONE), reason: mesos.REASON_EXECUTOR_REREGISTRATION_TIMEOUT,
				message: "Executor did not reregister within " + flags.FormatDuration(a.opts.ReregistrationTimeout),
			}
			e.container.Destroy()
		}
	}
	if a.drain != nil {
		a.log.Info("replaying in-process agent draining")
		a.startDrain(*a.drain)
	}
}

// recovered begins the agent's normal life.
func (a *Agent) recovered(ctx context.Context) {
	if a.phase != recovering {
		return // told to shut down meanwhile
	}
	if err := checkpointText(a.paths.bootID(), []byte(a.opts.BootID)); err != nil {
		a.fail(err)
		return
	}
	a.log.Info("finished recovery")
	a.enter(disconnected)
	a.master.start(ctx, a)
}

// readBack restores the state and returns the containers that should be there.
func (a *Agent) readBack() ([]container.Known, error) {
	if err := a.readResources(); err != nil {
		return nil, err
	}
	latest, err := os.Readlink(a.paths.latest())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the latest agent id: %w", err)
	}
	id := filepath.Base(latest)
	var previous mesos.AgentInfo
	found, err := restore(a.paths.agentInfo(id), &previous)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, nil
	}
	info := a.info
	info.ID = &mesos.AgentID{Value: id}
	if err := compatible(a.opts.ReconfigurationPolicy, previous, info); err != nil {
		if !a.rebooted() {
			return nil, err
		}
		a.log.Warnf("falling back to recover as a new agent due to error: %v", err)
		return nil, os.Remove(a.paths.latest())
	}
	a.info = info
	var drain mesos.DrainConfig
	if found, err := restore(a.paths.drain(id), &drain); err != nil {
		return nil, err
	} else if found {
		a.drain = &drain
	}
	if _, err := restore(a.paths.operations(id), &a.operations); err != nil {
		return nil, err
	}
	var known []container.Known
	for _, name := range children(a.paths.agent(id, "frameworks")) {
		more, err := a.readFramework(id, name)
		if err != nil {
			return nil, err
		}
		known = append(known, more...)
	}
	return known, nil
}

func (a *Agent) rebooted() bool {
	last, err := os.ReadFile(a.paths.bootID())
	return err == nil && strings.TrimSpace(string(last)) != a.opts.BootID
}

// readResources adds the dynamic reservations to what the flags say.
func (a *Agent) readResources() error {
	var reserved mesos.Resources
	if found, err := restore(a.paths.resources(), &reserved); err != nil || !found {
		return err
	}
	total := append(mesos.Resources(nil), a.opts.Resources...)
	for _, r := range reserved {
		plain := mesos.Resources{r}
		for plain[0].IsDynamicallyReserved() {
			plain = plain.PopReservation()
		}
		if !resources.ContainsAll(total, plain) {
			return fmt.Errorf("Checkpointed resources %v are incompatible with agent resources %v: "+ // Mesos's words
				"%v does not contain %v", reserved, mesos.Resources(a.opts.Resources), total, plain)
		}
		total.Subtract(plain...)
		total.Add1(r)
	}
	a.total = total
	return nil
}

// readFramework restores one framework with its executors.
func (a *Agent) readFramework(agent, id string) ([]container.Known, error) {
	f := &framework{}
	found, err := restore(a.paths.frameworkInfo(agent, id), &f.info)
	if err != nil || !found {
		return nil, err
	}
	var known []container.Known
	for _, name := range children(a.paths.framework(agent, id, "executors")) {
		e, err := a.readExecutor(agent, f, name)
		if err != nil {
			return nil, err
		}
		if e == nil {
			continue
		}
		f.executors = append(f.executors, e)
		pid, err := os.ReadFile(a.paths.pid(agent, e))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read the forked pid of executor %s: %w", name, err)
		}
		n, _ := strconv.Atoi(strings.TrimSpace(string(pid))) // 0 is a container that was not started
		known = append(known, container.Known{ID: e.containerID, PID: n})
	}
	if len(f.executors) > 0 {
		a.frameworks = append(a.frameworks, f)
	}
	return known, nil
}

// readExecutor restores the latest run of an executor with its tasks; nil for one that had ended.
func (a *Agent) readExecutor(agent string, f *framework, id string) (*execution, error) {
	var saved savedExecutor
	found, err := restore(a.paths.executorInfo(agent, f.id(), id), &saved)
	if err != nil || !found {
		return nil, err
	}
	latest, err := os.Readlink(a.paths.executor(agent, f.id(), id, "runs", "latest"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the latest run of executor %s: %w", id, err)
	}
	e := &execution{
		info: saved.Info, framework: f, containerID: filepath.Base(latest), user: saved.User,
		checkpoint: true, generated: saved.Generated,
	}
	e.directory = filepath.Join(a.paths.runs(agent, f.id(), id), e.containerID)
	tasks := children(a.paths.run(agent, e, "tasks"))
	_, err = os.Stat(a.paths.sentinel(agent, e))
	over := err == nil
	for _, name := range tasks {
		if err := a.readTask(agent, e, name, over); err != nil {
			return nil, err
		}
	}
	if over {
		for _, t := range append(append(e.launched, e.terminated...), e.completed...) {
			f.completed = append(f.completed, t.Task)
		}
		return nil, nil
	}
	return e, nil
}

// readTask restores a task from its description and its updates.
func (a *Agent) readTask(agent string, e *execution, id string, over bool) error {
	var saved savedTask
	found, err := restore(a.paths.taskInfo(agent, e, id), &saved)
	if err != nil || !found {
		return err
	}
	t := &task{Task: saved.Task, limits: map[string]mesos.Value_Scalar{}}
	for name, text := range saved.Limits {
		limit, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("limit %s of task %s: %w", name, id, err)
		}
		t.limits[name] = mesos.Value_Scalar{Value: limit}
	}
	e.launched = append(e.launched, t)
	s := newStream(e.framework.id(), id, a.paths.taskUpdates(agent, e, id))
	updates, err := s.replay()
	if err != nil {
		return err
	}
	for _, u := range updates {
		if err := a.advance(e, u); err != nil {
			continue // an update after the terminal one
		}
		if terminal(u.GetState()) {
			if s.acked[string(u.UUID)] {
				e.terminated = without(e.terminated, id)
				e.completed = append(e.completed, t)
			}
			break
		}
	}
	if len(updates) > 0 && !s.over && !over {
		if len(s.pending) > 0 {
			t.StatusUpdateState, t.StatusUpdateUUID = s.pending[0].State, s.pending[0].UUID
		} else {
			last := updates[len(updates)-1]
			t.StatusUpdateState, t.StatusUpdateUUID = last.State, last.UUID
		}
		a.updates.streams = append(a.updates.streams, s)
	}
	return nil
}

// children are the names in a directory that are directories, in the order of their making as far as it is known.
func children(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	type child struct {
		name string
		time int64
	}
	var all []child
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && entry.IsDir() {
			all = append(all, child{entry.Name(), info.ModTime().UnixNano()})
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].time < all[j].time })
	names := make([]string, 0, len(all))
	for _, c := range all {
		names = append(names, c.name)
	}
	return names
}
