// Package command is the executor of tasks that have a command and no executor of their own. The agent makes it the
// executor of such a task; it is the agent's program again, under the name mesos-executor.
//
// It starts the one command that it is sent and says TASK_STARTING, TASK_RUNNING, then TASK_FINISHED or TASK_FAILED, and for a KILL
// or a SHUTDOWN TASK_KILLING (if the framework knows that state) and TASK_KILLED: SIGTERM to the command's process group, SIGKILL
// after the grace period (KillPolicy, 3 s by default). It subscribes again when the agent has been restarted, and ends itself
// when the agent does not come back within the recovery timeout. It has no health checks and no shells of its own.
package command
