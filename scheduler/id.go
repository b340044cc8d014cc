package scheduler

import (
	"strconv"
	"strings"
)

// Identifiers are distinct types, so that the compiler tells a task from an executor.
type (
	// FrameworkID is the identity that the Mesos master gave us. It is saved before anything is launched and never changes.
	FrameworkID string
	// AgentID is a Mesos agent's identity; a host gets a new one when its agent's work directory is lost.
	AgentID string
	// OfferID names one offer; it is used in one call only.
	OfferID string
	// ExecutorID is the Mesos name of a node's executor. It equals the node's name.
	ExecutorID string
	// TaskID is the Mesos name of one of a node's tasks: the node's name, a dot, and the task's number on that node.
	TaskID string
	// UpdateID is the uuid of a status update, as its raw bytes. Empty: the update wants no acknowledgement.
	UpdateID string
	// Hostname is an agent's host name, and with it the name of the Kubernetes Node.
	Hostname string
	// Role is a Mesos role, possibly hierarchical.
	Role string
	// PoolName names a pool.
	PoolName string
	// NodeName names one node for ever: the pool's name, a dash, and a number that is used once.
	NodeName string
	// UID is the identity of one Kubernetes object.
	UID string
)

// nodeName is the name of the node with the given number.
func nodeName(pool PoolName, number int64) NodeName {
	return NodeName(string(pool) + "-" + strconv.FormatInt(number, 10))
}

// Number is the number in a node's name, unique over all pools; ok is false if this is not a name of ours.
func (n NodeName) Number() (number int64, ok bool) {
	at := strings.LastIndexByte(string(n), '-')
	if at <= 0 {
		return 0, false
	}
	digits := string(n[at+1:])
	number, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || number < 1 || strconv.FormatInt(number, 10) != digits {
		return 0, false
	}
	return number, true
}

// Executor is the node's executor.
func (n NodeName) Executor() ExecutorID { return ExecutorID(n) }

// Task is the node's task with the given number, counted from one.
func (n NodeName) Task(number int) TaskID { return TaskID(string(n) + "." + strconv.Itoa(number)) }

// Node is the node that the task belongs to; ok is false if this is not a task name of ours.
func (t TaskID) Node() (node NodeName, ok bool) {
	at := strings.LastIndexByte(string(t), '.')
	if at <= 0 {
		return "", false
	}
	if number, err := strconv.Atoi(string(t[at+1:])); err != nil || number < 1 {
		return "", false
	}
	node = NodeName(t[:at])
	_, ok = node.Number()
	return node, ok
}

// ProviderID is what the Kubernetes Node of this launch carries in spec.providerID: it is immutable, so that an object
// left by an earlier launch on the same host cannot be taken for this one.
func (n NodeName) ProviderID(framework FrameworkID) string {
	return "mesos://" + string(framework) + "/" + string(n)
}
