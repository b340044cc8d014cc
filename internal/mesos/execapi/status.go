package execapi

import (
	"crypto/sha1"
	"encoding/binary"
	"time"
)

// State is a Mesos task state without its TASK_ prefix, of those that an executor may send (agents refuse STAGING from an
// executor).
type State string

// The states that an executor sends.
const (
	TaskStarting State = "STARTING"
	TaskRunning  State = "RUNNING"
	TaskKilling  State = "KILLING"
	TaskFinished State = "FINISHED"
	TaskFailed   State = "FAILED"
	TaskKilled   State = "KILLED"
)

// Terminal reports whether the task is over with this state.
func (s State) Terminal() bool { return s == TaskFinished || s == TaskFailed || s == TaskKilled }

// Health is what a status says of the kubelet's health.
type Health string

// The three things that a status can say of health.
const (
	HealthUnknown Health = ""
	Healthy       Health = "healthy"
	Unhealthy     Health = "unhealthy"
)

// Status is one status update. It is kept by the caller, unchanged, until the agent acknowledges its Update.
type Status struct {
	Task  string
	State State
	// Update names this very update; the agent sees by it that it was sent before. It must be set.
	Update UpdateID
	// At is when the state was reached. It must be set.
	At      time.Time
	Message string
	Healthy Health
	// Data goes to the framework as it is; may be empty.
	Data []byte
	// Reason is Mesos's REASON_…, only for executors that have one to give; usually empty.
	Reason string
}

// Pending is what the agent has not acknowledged. SUBSCRIBE carries it: a task that is still staged for the agent and is not
// named is dropped by it, though the executor may be running it.
type Pending struct {
	// Tasks of which no update has been acknowledged yet, as they were launched.
	Tasks []Task
	// Updates that have not been acknowledged, oldest first.
	Updates []Status
}

// UpdateID is the uuid of a status update: 16 raw bytes in the form of RFC 4122, which agents check.
type UpdateID string

// NewUpdateID is the id of an executor's update with the given number. It is made from its arguments alone, so that code
// without randomness can name its updates; it is unique as long as a container never uses a number twice. (RFC 4122, version
// 5: container, task and number are hashed.)
func NewUpdateID(container, task string, number uint64) UpdateID {
	hash := sha1.New()
	for _, part := range []string{container, task} {
		hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		hash.Write([]byte(part))
	}
	hash.Write(binary.BigEndian.AppendUint64(nil, number))
	id := hash.Sum(nil)[:16]
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	return UpdateID(id)
}
