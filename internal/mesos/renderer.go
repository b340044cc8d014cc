package mesos

import (
	"time"

	"k8s-framework/scheduler"
)

// Renderer knows what an executor of ours looks like; this package knows only how Mesos wants to be told.
type Renderer interface {
	// Executor is what to launch. For all tasks of one executor it must be the same, to the byte: Mesos compares.
	Executor(launch scheduler.Launch) (Executor, error)
	// Drained is the message by which an executor learns that its node is drained.
	Drained(told scheduler.TellDrained) []byte
	// Token is the message that carries a node's bootstrap token.
	Token(sent scheduler.SendToken) []byte
	// Reported is what an executor's message means. An error says that it cannot be read; it is then ignored.
	Reported(message []byte) (scheduler.Event, error)
}

// Executor is what Mesos needs to know of an executor, besides its resources and its name.
type Executor struct {
	// Name is for people; if empty, the executor's id is shown.
	Name string
	// Command is the program, or, with Shell, a command line for /bin/sh.
	Command string
	// Arguments are the program's, including its own name as the first; none with Shell.
	Arguments []string
	Shell     bool
	// User is who runs it on the agent; the framework's user if empty.
	User        string
	Environment map[string]string
	URIs        []URI
	// Data goes to the executor as it is.
	Data []byte
	// ShutdownGrace is the time from SHUTDOWN to SIGKILL; 0: the agent's default, which is five seconds.
	ShutdownGrace time.Duration
	// KillGrace is the kill policy of the launched task: how long a KILL without an own grace period may take; 0: none.
	KillGrace time.Duration
}

// URI is a file that the agent fetches into the sandbox before the executor starts. Mesos checks no checksum.
type URI struct {
	Value      string
	Executable bool
	// Extract unpacks archives.
	Extract bool
	// Cache keeps the file in the agent's cache for later executors.
	Cache bool
	// OutputFile is its name in the sandbox; the last part of Value if empty.
	OutputFile string
}
