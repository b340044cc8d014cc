package execapi

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// Environment is what an agent tells an executor through its environment (docs/executor-http-api.md of Mesos).
type Environment struct {
	Framework string // MESOS_FRAMEWORK_ID
	Executor  string // MESOS_EXECUTOR_ID
	// Endpoint is the agent's host:port (MESOS_AGENT_ENDPOINT).
	Endpoint string
	// Directory is the sandbox as the executor sees it (MESOS_SANDBOX, or MESOS_DIRECTORY where that is not set).
	Directory string
	// Checkpoint says that the framework checkpoints, so that executors outlive a restart of their agent (MESOS_CHECKPOINT).
	Checkpoint bool
	// RecoveryTimeout is how long a checkpointing executor waits for its agent before it ends itself (MESOS_RECOVERY_TIMEOUT);
	// 15 minutes where it is not set.
	RecoveryTimeout time.Duration
	// BackoffMax bounds the wait between two attempts to subscribe (MESOS_SUBSCRIPTION_BACKOFF_MAX); 2 seconds where it is not set.
	BackoffMax time.Duration
	// ShutdownGrace is the time from SHUTDOWN to SIGKILL (MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD); 5 seconds where it is not set.
	ShutdownGrace time.Duration
	// Token authenticates the executor (MESOS_EXECUTOR_AUTHENTICATION_TOKEN). It is a secret: never log it, keep it out of the
	// environment of child processes. Empty where executors do not authenticate.
	Token Secret
	// TLS says that the agent speaks https (LIBPROCESS_SSL_ENABLED).
	TLS bool
}

// Secret is a text that does not show itself when it is printed.
type Secret string

// String hides the secret.
func (s Secret) String() string { return "(secret)" }

// GoString hides the secret.
func (s Secret) GoString() string { return "(secret)" }

// Format hides the secret under every verb.
func (s Secret) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte("(secret)")) }

// FromEnvironment reads the environment through getenv (os.Getenv in production). The error names the variable that is missing
// or wrong, and what was expected.
func FromEnvironment(getenv func(string) string) (Environment, error) {
	read := reader{getenv: getenv}
	env := Environment{
		Framework:       read.text("MESOS_FRAMEWORK_ID", "the framework's id"),
		Executor:        read.text("MESOS_EXECUTOR_ID", "the executor's id"),
		Endpoint:        read.endpoint("MESOS_AGENT_ENDPOINT"),
		Directory:       read.directory(),
		Checkpoint:      read.flag("MESOS_CHECKPOINT"),
		RecoveryTimeout: read.duration("MESOS_RECOVERY_TIMEOUT", 15*time.Minute),
		BackoffMax:      read.duration("MESOS_SUBSCRIPTION_BACKOFF_MAX", 2*time.Second),
		ShutdownGrace:   read.duration("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", 5*time.Second),
		Token:           Secret(getenv("MESOS_EXECUTOR_AUTHENTICATION_TOKEN")),
		TLS:             read.flag("LIBPROCESS_SSL_ENABLED"),
	}
	if err := errors.Join(read.problems...); err != nil {
		return Environment{}, fmt.Errorf("environment is not that of a Mesos executor: %w", err)
	}
	return env, nil
}

// reader collects what is wrong with the environment, so that all of it is said at once.
type reader struct {
	getenv   func(string) string
	problems []error
}

func (r *reader) wrong(name, want string) {
	r.problems = append(r.problems, fmt.Errorf("%s is %q, want %s", name, r.getenv(name), want))
}

func (r *reader) text(name, want string) string {
	value := r.getenv(name)
	if value == "" {
		r.wrong(name, want)
	}
	return value
}

func (r *reader) endpoint(name string) string {
	value := r.getenv(name)
	if host, port, err := net.SplitHostPort(value); err != nil || host == "" || port == "" {
		r.wrong(name, "the agent's host:port")
	}
	return value
}

func (r *reader) directory() string {
	if value := r.getenv("MESOS_SANDBOX"); value != "" {
		return value
	}
	return r.text("MESOS_DIRECTORY", "the sandbox's path")
}

func (r *reader) flag(name string) bool {
	switch r.getenv(name) {
	case "1", "true":
		return true
	case "", "0", "false":
		return false
	default:
		r.wrong(name, "0, 1, true or false")
		return false
	}
}

func (r *reader) duration(name string, preset time.Duration) time.Duration {
	text := r.getenv(name)
	if text == "" {
		return preset
	}
	value, err := ParseDuration(text)
	if err != nil || value < 0 {
		r.wrong(name, "a duration such as 15mins or 2secs")
	}
	return value
}
