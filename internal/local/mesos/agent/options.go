package agent

import (
	"net"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/sirupsen/logrus"

	"k8s-framework/internal/local/mesos/agent/container"
)

// Version is the version of Mesos that the stand-in calls itself.
const (
	Version = "1.12.0"
	gitSHA  = "c1b42f79d157aa900be5cbb0c1023f1479962aa7"
)

// What a real agent has no flags for.
const (
	executorHeartbeat        = 30 * time.Minute
	updateRetryMin           = 10 * time.Second
	updateRetryMax           = 10 * time.Minute
	registerRetryMax         = time.Minute
	defaultMasterPingTimeout = 75 * time.Second
	commandExecutorCPUs      = 0.1
	commandExecutorMem       = 32
	maxReapInterval          = time.Second
	maxCompletedFrameworks   = 50
	maxCompletedTasks        = 200
)

// Options is what an agent is told at its start: the flags of the real one, parsed.
type Options struct {
	// Detector says who leads.
	Detector Detector
	// Listener is the agent's HTTP port; Run closes it.
	Listener net.Listener
	// IP is the address that the agent tells others; IPGiven says that it was a flag (then executors get LIBPROCESS_IP).
	IP      string
	IPGiven bool
	// AdvertisePort is the port that the agent tells others; 0 is the listener's.
	AdvertisePort int
	Hostname      string

	// BootID changes when the host boots.
	BootID     string
	WorkDir    string
	RuntimeDir string
	// Resources are parsed, and complete: see DetectResources.
	Resources  []mesos.Resource
	Attributes []mesos.Attribute
	Domain     *mesos.DomainInfo

	// Isolation is looked at for TaskInfo.limits only; the Containerizer knows it too.
	Isolation string
	EnableCFS bool
	// Program is this program, for the executor of tasks that have a command: see package command.
	Program string

	ExecutorEnvironment   map[string]string
	RegistrationTimeout   time.Duration // executor_registration_timeout
	ReregistrationTimeout time.Duration // executor_reregistration_timeout
	ShutdownGrace         time.Duration // executor_shutdown_grace_period
	RecoveryTimeout       time.Duration // recovery_timeout, which only executors look at
	RegistrationBackoff   time.Duration // registration_backoff_factor
	ReconfigurationPolicy string        // equal, additive, any
	SwitchUser            bool
	// Cleanup is --recover=cleanup: end old executors, then the agent.
	Cleanup             bool
	HTTPCommandExecutor bool

	// Flags are what GET_FLAGS answers.
	Flags map[string]string

	Containers Containerizer
	Log        *logrus.Entry
}

// Containerizer runs containers; *container.Processes does it with processes. Events of a container are reported by calls of
// the function that was given, one after another, never from within the call that was given it.
type Containerizer interface {
	// Launch starts a container and returns at once.
	Launch(spec container.Spec, notify func(container.Event)) Container
	// Recover takes containers of an agent's earlier life back and begins to destroy all others.
	Recover(known []container.Known, notify func(id string, e container.Event)) (map[string]Container, error)
}

// Container is one container.
type Container interface {
	PID() int // of its first process; 0 while there is none
	Resize(container.Limits) error
	Destroy()
}

// RealContainers makes a Containerizer of real processes.
func RealContainers(p *container.Processes) Containerizer { return processes{p} }

type processes struct{ p *container.Processes }

func (c processes) Launch(spec container.Spec, notify func(container.Event)) Container {
	return c.p.Launch(spec, notify)
}

func (c processes) Recover(known []container.Known, notify func(string, container.Event)) (map[string]Container, error) {
	back, err := c.p.Recover(known, notify)
	containers := make(map[string]Container, len(back))
	for id, b := range back {
		containers[id] = b
	}
	return containers, err
}
