package flags

import (
	"errors"
	"fmt"
	"time"
)

// Master is the flags of mesos-master. Durations are time.Duration, sizes are as Mesos writes them.
type Master struct {
	Common

	ZK               string
	ZKSessionTimeout time.Duration
	Quorum           int
	Registry         string // in_memory or replicated_log

	AgentPingTimeout       time.Duration
	MaxAgentPingTimeouts   int
	AgentReregisterTimeout time.Duration

	AllocationInterval      time.Duration
	OfferTimeout            time.Duration // 0: offers do not time out
	MinAllocatableResources string
	Roles                   string
	Whitelist               string

	AuthenticateHTTPFrameworks  bool
	HTTPFrameworkAuthenticators string

	MaxCompletedFrameworks        int
	MaxCompletedTasksPerFramework int

	Set *Set
}

// ParseMaster reads the command line of mesos-master (without the program's name) and the environment. The Set of the
// result is there also when there is an error, for its Usage.
func ParseMaster(args, environ []string) (*Master, error) {
	m := NewMaster("mesos-master")
	return m, m.Parse(args, environ)
}

// NewMaster declares the flags for a program that takes others beside them: they are added to the Set before Parse.
func NewMaster(program string) *Master {
	m := &Master{Set: NewSet(program)}
	s := m.Set
	m.declare(s, 5050)
	s.String(&m.WorkDir, "work_dir", "", "Where the registry is kept with --registry=replicated_log and without --zk.")
	s.String(&m.ZK, "zk", "", "Where to elect the leader: zk://[user:password@]host:port,…/path, or file:///path of a file with it.")
	s.Duration(&m.ZKSessionTimeout, "zk_session_timeout", "10secs", "ZooKeeper session timeout.")
	s.Int(&m.Quorum, "quorum", 0, "Size of the quorum of masters; needed with --zk. Taken without effect: see the package master.")
	s.String(&m.Registry, "registry", "replicated_log", "How the registry is kept: replicated_log or in_memory.")
	s.Duration(&m.AgentPingTimeout, "agent_ping_timeout", "15secs", "How long to wait for an agent's answer to a ping.")
	s.Alias("slave_ping_timeout", "agent_ping_timeout")
	s.Int(&m.MaxAgentPingTimeouts, "max_agent_ping_timeouts", 5, "After how many pings without an answer an agent is unreachable.")
	s.Alias("max_slave_ping_timeouts", "max_agent_ping_timeouts")
	s.Duration(&m.AgentReregisterTimeout, "agent_reregister_timeout", "10mins",
		"How long agents may take to register again after a master failover before they are unreachable; at least 10mins.")
	s.Alias("slave_reregister_timeout", "agent_reregister_timeout")
	s.Duration(&m.AllocationInterval, "allocation_interval", "1secs", "Time between two allocations.")
	s.Duration(&m.OfferTimeout, "offer_timeout", "", "How long before an offer is rescinded; never if not given.")
	s.String(&m.MinAllocatableResources, "min_allocatable_resources", "cpus:0.01|mem:32", "Offers hold at least one of these.")
	s.String(&m.Roles, "roles", "", "Comma-separated names of the roles that may be used; all if not given.")
	s.String(&m.Whitelist, "whitelist", "", "A file with the hostnames of the agents whose resources are offered; all if not given.")
	s.Bool(&m.AuthenticateHTTPFrameworks, "authenticate_http_frameworks", false, "Only authenticated frameworks may use the scheduler API.")
	s.String(&m.HTTPFrameworkAuthenticators, "http_framework_authenticators", "", "The authenticator of the scheduler API; only 'basic' is there.")
	s.Int(&m.MaxCompletedFrameworks, "max_completed_frameworks", 50, "How many completed frameworks are remembered.")
	s.Int(&m.MaxCompletedTasksPerFramework, "max_completed_tasks_per_framework", 1000, "How many completed tasks of a framework are remembered.")
	s.ignored("webui_dir", "root_submissions", "allocator", "user_sorter", "framework_sorter", "weights", "cluster", "acls",
		"authorizers", "authenticate_frameworks", "authenticate_agents", "authenticators", "recovery_agent_removal_limit",
		"registry_fetch_timeout", "registry_store_timeout", "registry_gc_interval", "registry_max_agent_age",
		"registry_max_agent_count", "registry_strict", "log_auto_initialize", "max_unreachable_tasks_per_framework",
		"publish_per_framework_metrics", "filter_gpu_resources", "require_agent_domain", "rate_limits", "agent_removal_rate_limit")
	return m
}

// Parse reads the command line (without the program's name) and the environment.
func (m *Master) Parse(args, environ []string) error {
	if err := m.Set.Parse(args, environ); err != nil {
		return err
	}
	return m.check()
}

func (m *Master) check() error {
	switch {
	case m.Registry != "in_memory" && m.Registry != "replicated_log":
		return fmt.Errorf("'%s' is not a supported option for registry persistence: --registry expects in_memory or replicated_log", m.Registry)
	case m.WorkDir == "" && m.Registry == "replicated_log":
		return errors.New("--work_dir needed for replicated log based registry")
	case m.ZK != "" && m.Registry == "replicated_log" && m.Quorum <= 0:
		return errors.New("Need to specify --quorum for replicated log based registry when using ZooKeeper")
	case m.AgentReregisterTimeout < 10*time.Minute:
		return fmt.Errorf("Invalid value '%s' for --agent_reregister_timeout: Must be at least 10mins", FormatDuration(m.AgentReregisterTimeout))
	case m.AgentPingTimeout < time.Second || m.AgentPingTimeout > 15*time.Minute:
		return fmt.Errorf("Invalid value '%s' for --agent_ping_timeout: Must be between 1secs and 15mins", FormatDuration(m.AgentPingTimeout))
	case m.MaxAgentPingTimeouts < 1:
		return fmt.Errorf("Invalid value '%d' for --max_agent_ping_timeouts: Must be at least 1", m.MaxAgentPingTimeouts)
	case m.AllocationInterval <= 0:
		return fmt.Errorf("Invalid value '%s' for --allocation_interval: Must be positive", FormatDuration(m.AllocationInterval))
	case m.AuthenticateHTTPFrameworks && m.HTTPFrameworkAuthenticators == "":
		return errors.New("Missing `--http_framework_authenticators` flag. This must be used in conjunction with `--authenticate_http_frameworks`")
	case m.HTTPFrameworkAuthenticators != "" && m.HTTPFrameworkAuthenticators != "basic":
		return fmt.Errorf("HTTP framework authenticator '%s' not found: only 'basic' is there", m.HTTPFrameworkAuthenticators)
	}
	return m.checkCommon()
}
