package executor

import (
	"fmt"
	"slices"
	"time"

	"k8s-framework/internal/kubelet"
	"k8s-framework/internal/mesos/execapi"
)

// Machine decides. It is a function of its state, the time and the event; it is used by one goroutine.
type Machine struct {
	settings Settings

	connected     bool
	everConnected bool
	awaySince     time.Time // since when it is not connected; zero before the first Step
	lost          string    // why the agent never comes back; empty: it may
	mourned       bool      // the end has been adapted to that

	spec      *kubelet.Spec
	specWrong string
	grace     time.Duration // from SHUTDOWN to SIGKILL
	tasks     []*task       // in the order of their launch
	mail      mailbox

	told bool // the framework said that the node is drained
	look look // whether it is

	preparation preparation
	host        kubelet.Host

	joining  joining
	worker   worker
	room     room
	server   server
	draining draining
	said     said
	end      *end
	stage    stage

	now  time.Time
	plan *Plan
}

// preparation is how far the host has become ours.
type preparation int

const (
	unprepared preparation = iota
	preparing
	prepared
	unusable
)

// stage is how far the end has come, once there is one. Each is entered once.
type stage struct {
	at      ending
	since   time.Time
	asked   bool   // what has to be done is under way
	why     string // of the last failure
	tries   int    // that failed
	retryAt time.Time
}

type ending int

const (
	serving ending = iota // the kubelet is wanted; also while the node is drained
	stoppingKubelet
	stoppingPods
	cleaningUp
	over
	exited
)

// draining is the drain of the node by this executor.
type draining struct {
	announced bool
	began     time.Time
	underWay  bool
	done      bool
	cancelled bool
	retryAt   time.Time
	failures  int

	podsLeft int
	blocked  []string
	away     string // that the API server does not answer; empty: it does
	why      string // what it waits for, with all of that
}

// look is the one look at a node that the framework says is drained.
type look struct {
	asked, done bool
	found       string // what is on it all the same
}

// NewMachine is a machine that has seen nothing yet.
func NewMachine(settings Settings) *Machine {
	return &Machine{settings: settings, grace: settings.ShutdownGrace}
}

// Step takes in what happened and says what to do about it. Time must not go backwards.
func (m *Machine) Step(now time.Time, event Event) Plan {
	plan := Plan{}
	m.now, m.plan = now, &plan
	if m.awaySince.IsZero() {
		m.awaySince = now
	}
	m.observe(event)
	for _, rule := range rules {
		rule(m)
	}
	m.plan = nil
	return plan
}

// Pending is what a SUBSCRIBE has to carry. Ask right before the call: the machine takes it that what is returned here has
// arrived when Subscribed comes.
func (m *Machine) Pending() execapi.Pending {
	var pending execapi.Pending
	for _, t := range m.tasks {
		if !t.acknowledged {
			pending.Tasks = append(pending.Tasks, t.Task)
		}
	}
	for _, u := range m.mail.updates {
		u.carried = true
		pending.Updates = append(pending.Updates, u.status)
	}
	return pending
}

func (m *Machine) do(action Action) { m.plan.Actions = append(m.plan.Actions, action) }

func (m *Machine) note(format string, values ...any) {
	m.plan.Notes = append(m.plan.Notes, fmt.Sprintf(format, values...))
}

// wake asks to be called at the given time at the latest.
func (m *Machine) wake(at time.Time) {
	if m.plan.Wake.IsZero() || at.Before(m.plan.Wake) {
		m.plan.Wake = at
	}
}

// past reports whether the time has come, and asks to be called then if it has not.
func (m *Machine) past(at time.Time) bool {
	if at.After(m.now) {
		m.wake(at)
		return false
	}
	return true
}

// live are the tasks that are not over.
func (m *Machine) live() []*task {
	return slices.DeleteFunc(slices.Clone(m.tasks), func(t *task) bool { return !t.live() })
}

// wanted are the tasks that the kubelet should count: also those that were killed, until there is room for the others alone; in
// the end all that are left, so that nothing shrinks under pods that are still being drained.
func (m *Machine) wanted() []*task {
	if m.end != nil {
		return m.live()
	}
	return slices.DeleteFunc(m.live(), func(t *task) bool { return t.released })
}

func (m *Machine) task(id string) *task {
	for _, t := range m.tasks {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// say posts a status update of a task that is live.
func (m *Machine) say(t *task, state execapi.State, health execapi.Health, message string) {
	t.state, t.healthy = state, health == execapi.Healthy
	m.mail.post(m.now, execapi.Status{Task: t.ID, State: state, Healthy: health, Message: message})
}
