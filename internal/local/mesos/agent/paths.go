package agent

import (
	"path/filepath"
)

// paths is the layout of a work directory, that of the real agent: sandboxes below slaves/, what must survive the agent below
// meta/. The contents of the files below meta/ are our own, but for boot_id and the links called latest.
type paths struct{ work string }

func (p paths) meta(more ...string) string {
	return filepath.Join(append([]string{p.work, "meta"}, more...)...)
}

func (p paths) bootID() string    { return p.meta("boot_id") }
func (p paths) latest() string    { return p.meta("slaves", "latest") }
func (p paths) resources() string { return p.meta("resources", "resources.info") }

func (p paths) agent(id string, more ...string) string {
	return p.meta(append([]string{"slaves", id}, more...)...)
}

func (p paths) agentInfo(id string) string { return p.agent(id, "slave.info") }
func (p paths) drain(id string) string     { return p.agent(id, "drain_config") }
func (p paths) operations(id string) string {
	return p.agent(id, "operations.info")
}

func (p paths) framework(agent, id string, more ...string) string {
	return p.agent(agent, append([]string{"frameworks", id}, more...)...)
}

func (p paths) frameworkInfo(agent, id string) string {
	return p.framework(agent, id, "framework.info")
}

func (p paths) executor(agent, framework, id string, more ...string) string {
	return p.framework(agent, framework, append([]string{"executors", id}, more...)...)
}

func (p paths) executorInfo(agent, framework, id string) string {
	return p.executor(agent, framework, id, "executor.info")
}

// run is the directory of one run below meta/.
func (p paths) run(agent string, e *execution, more ...string) string {
	return p.executor(agent, e.framework.id(), e.id(), append([]string{"runs", e.containerID}, more...)...)
}

func (p paths) pid(agent string, e *execution) string {
	return p.run(agent, e, "pids", "forked.pid")
}
func (p paths) marker(agent string, e *execution) string { return p.run(agent, e, "http.marker") }
func (p paths) sentinel(agent string, e *execution) string {
	return p.run(agent, e, "executor.sentinel")
}

func (p paths) taskInfo(agent string, e *execution, task string) string {
	return p.run(agent, e, "tasks", task, "task.info")
}

func (p paths) taskUpdates(agent string, e *execution, task string) string {
	return p.run(agent, e, "tasks", task, "task.updates")
}

// runs is where the sandboxes of an executor are.
func (p paths) runs(agent, framework, executor string) string {
	return filepath.Join(p.work, "slaves", agent, "frameworks", framework, "executors", executor, "runs")
}
