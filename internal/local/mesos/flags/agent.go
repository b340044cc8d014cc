package flags

import (
	"errors"
	"fmt"
	"time"
)

// Agent is the flags of mesos-agent.
type Agent struct {
	Common

	Master              string // host:port, zk://host:port,…/path, or file:///path of a file with one of them
	RuntimeDir          string
	FetcherCacheDir     string
	FetcherCacheSize    string
	FetcherStallTimeout time.Duration
	LauncherDir         string

	Resources  string
	Attributes string

	Containerizers       string
	Launcher             string // posix or linux
	Isolation            string // comma-separated
	CgroupsRoot          string
	CgroupsHierarchy     string
	CgroupsEnableCFS     bool
	SystemdEnableSupport bool
	SwitchUser           bool

	ExecutorEnvironmentVariables  string // JSON
	ExecutorRegistrationTimeout   time.Duration
	ExecutorReregistrationTimeout time.Duration
	ExecutorReregistrationRetry   time.Duration // 0: no retry
	ExecutorShutdownGracePeriod   time.Duration
	HTTPHeartbeatInterval         time.Duration
	RegistrationBackoffFactor     time.Duration
	Recover                       string // reconnect or cleanup
	RecoveryTimeout               time.Duration
	ReconfigurationPolicy         string // equal or additive
	Strict                        bool
	GCDelay                       time.Duration
	BootIDFile                    string // of the stand-in only: see its help

	Set *Set
}

// ParseAgent reads the command line of mesos-agent (without the program's name) and the environment. The Set of the
// result is there also when there is an error, for its Usage.
func ParseAgent(args, environ []string) (*Agent, error) {
	a := &Agent{Set: NewSet("mesos-agent")}
	s := a.Set
	a.declare(s, 5051)
	s.String(&a.WorkDir, "work_dir", "", "Where the agent keeps its checkpoints and the executors' sandboxes.")
	s.String(&a.Master, "master", "", "The master: host:port, zk://[user:password@]host:port,…/path, or file:///path of a file with it.")
	s.String(&a.RuntimeDir, "runtime_dir", "/var/run/mesos", "Where runtime state is kept that need not survive a reboot.")
	s.String(&a.FetcherCacheDir, "fetcher_cache_dir", "/tmp/mesos/fetch", "Parent of the fetcher's cache.")
	s.String(&a.FetcherCacheSize, "fetcher_cache_size", "2GB", "Size of the fetcher's cache.")
	s.Duration(&a.FetcherStallTimeout, "fetcher_stall_timeout", "1mins", "How long a download may stand still.")
	s.String(&a.LauncherDir, "launcher_dir", "", "Where the helper binaries are; the agent's own folder if not given.")
	s.String(&a.Resources, "resources", "", "What the agent offers: 'name(role):value;…' or a JSON list. What is not given is taken from the host.")
	s.String(&a.Attributes, "attributes", "", "Attributes of the host: 'name:value;…'.")
	s.String(&a.Containerizers, "containerizers", "mesos", "Only 'mesos' is there.")
	s.String(&a.Launcher, "launcher", "", "posix or linux; linux for root if not given.")
	s.String(&a.Isolation, "isolation", "posix/cpu,posix/mem", "Comma-separated isolators.")
	s.String(&a.CgroupsRoot, "cgroups_root", "mesos", "The cgroup below which the containers' cgroups are made.")
	s.String(&a.CgroupsHierarchy, "cgroups_hierarchy", "/sys/fs/cgroup", "Where the cgroup hierarchies are mounted.")
	s.Bool(&a.CgroupsEnableCFS, "cgroups_enable_cfs", false, "Limit CPU time by CFS quota, too.")
	s.Bool(&a.SystemdEnableSupport, "systemd_enable_support", true, "Taken without effect.")
	s.Bool(&a.SwitchUser, "switch_user", true, "Run executors as the framework's or the command's user.")
	s.String(&a.ExecutorEnvironmentVariables, "executor_environment_variables", "", "A JSON object of variables for every executor.")
	s.Duration(&a.ExecutorRegistrationTimeout, "executor_registration_timeout", "1mins", "How long an executor may take to subscribe.")
	s.Duration(&a.ExecutorReregistrationTimeout, "executor_reregistration_timeout", "2secs",
		"How long executors may take to subscribe again after the agent's restart; at most 15secs.")
	s.Duration(&a.ExecutorReregistrationRetry, "executor_reregistration_retry_interval", "", "Taken without effect.")
	s.Duration(&a.ExecutorShutdownGracePeriod, "executor_shutdown_grace_period", "5secs", "How long an executor may take to shut down.")
	s.Duration(&a.HTTPHeartbeatInterval, "http_heartbeat_interval", "30mins", "Time between the operator stream's heartbeats.")
	s.Duration(&a.RegistrationBackoffFactor, "registration_backoff_factor", "1secs", "The first registration waits up to this long; retries double it, up to 1mins.")
	s.String(&a.Recover, "recover", "reconnect", "reconnect to old executors, or cleanup: kill them and exit.")
	s.Duration(&a.RecoveryTimeout, "recovery_timeout", "15mins", "How long executors wait for the agent.")
	s.String(&a.ReconfigurationPolicy, "reconfiguration_policy", "equal", "What may change at a restart: equal (nothing) or additive.")
	s.Bool(&a.Strict, "strict", true, "Errors in the checkpoints end the agent.")
	s.Duration(&a.GCDelay, "gc_delay", "1weeks", "How long an executor's sandbox is kept.")
	s.String(&a.BootIDFile, "boot_id_file", "/proc/sys/kernel/random/boot_id", "Where the host's boot id is read. No flag of a real agent.")
	s.ignored("gc_disk_headroom", "disk_watch_interval", "container_disk_watch_interval", "frameworks_home", "docker",
		"image_providers", "agent_subsystems", "oversubscribed_resources_interval", "qos_controller", "resource_estimator",
		"max_completed_executors_per_framework", "default_role", "credential", "authenticatee", "hadoop_home", "sandbox_directory",
		"perf_interval", "perf_duration", "perf_events", "authorizer", "acls", "revocable_cpu_low_priority",
		"cgroups_limit_swap", "cgroups_net_cls_primary_handle", "enforce_container_disk_quota", "zk_session_timeout")
	if err := s.Parse(args, environ); err != nil {
		return a, err
	}
	return a, a.check()
}

func (a *Agent) check() error {
	switch {
	case a.WorkDir == "":
		return errors.New("Flag 'work_dir' is required, but it was not provided")
	case a.Master == "":
		return errors.New("Missing required option --master")
	case a.Containerizers != "mesos":
		return fmt.Errorf("Could not create containerizer: Unknown or unsupported containerizer: %s", a.Containerizers)
	case a.Launcher != "" && a.Launcher != "posix" && a.Launcher != "linux":
		return fmt.Errorf("Could not create containerizer: Unknown or unsupported launcher: %s", a.Launcher)
	case a.Recover != "reconnect" && a.Recover != "cleanup":
		return fmt.Errorf("Unknown option for 'recover' flag %s. Please run the agent with '--help' to see the valid options", a.Recover)
	case a.ReconfigurationPolicy != "equal" && a.ReconfigurationPolicy != "additive":
		return fmt.Errorf("Unknown option for 'reconfiguration_policy' flag %s. Please run the agent with '--help' to see the valid options.", a.ReconfigurationPolicy)
	case a.ExecutorReregistrationTimeout > 15*time.Second:
		return fmt.Errorf("Expected `--executor_reregistration_timeout` to be not more than 15secs, got %s", FormatDuration(a.ExecutorReregistrationTimeout))
	}
	if _, err := ParseResources(a.Resources); err != nil {
		return fmt.Errorf("Failed to determine agent resources: %w", err)
	}
	return a.checkCommon()
}
