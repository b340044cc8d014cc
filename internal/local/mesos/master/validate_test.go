package master

import (
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/mesos/flags"
)

// What a real master answered to launches (05, 06, 16 of the recordings).
func TestRefusedLaunches(t *testing.T) {
	f := newFramework(mesos.FrameworkInfo{Name: "f", ID: &mesos.FrameworkID{Value: "f"}}, 0)
	a := newAgent("a", &newRegister(t).Register)
	known := taskInfo("a", "known")
	prepare(&known, f, "workers")
	a.executors[executorKey{"f", "e1"}] = known.Executor
	f.tasks["twin"] = &task{}
	for name, c := range map[string]struct {
		change func(*mesos.TaskInfo)
		want   string
	}{
		"good":         {func(*mesos.TaskInfo) {}, ""},
		"twin":         {func(i *mesos.TaskInfo) { i.TaskID.Value = "twin" }, "Task has duplicate ID: twin"},
		"empty id":     {func(i *mesos.TaskInfo) { i.TaskID.Value = "" }, "ID must not be empty"},
		"slash":        {func(i *mesos.TaskInfo) { i.TaskID.Value = "a/b" }, "'a/b' contains invalid characters"},
		"dots":         {func(i *mesos.TaskInfo) { i.TaskID.Value = ".." }, "'..' is disallowed"},
		"space":        {func(i *mesos.TaskInfo) { i.TaskID.Value = "a b" }, ""},
		"other agent":  {func(i *mesos.TaskInfo) { i.AgentID.Value = "b" }, "Task uses invalid agent b while agent a is expected"},
		"no resources": {func(i *mesos.TaskInfo) { i.Resources = nil }, "Task uses no resources"},
		"neither":      {func(i *mesos.TaskInfo) { i.Executor = nil }, "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"},
		"both":         {func(i *mesos.TaskInfo) { i.Command = &mesos.CommandInfo{} }, "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"},
		"default":      {func(i *mesos.TaskInfo) { i.Executor.Type = mesos.ExecutorInfo_DEFAULT }, "'ExecutorInfo.type' must be 'CUSTOM'"},
		"executor id":  {func(i *mesos.TaskInfo) { i.Executor.ExecutorID.Value = "e/1" }, "'e/1' contains invalid characters"},
		"framework":    {func(i *mesos.TaskInfo) { i.Executor.FrameworkID = &mesos.FrameworkID{Value: "x"} }, "ExecutorInfo has an invalid FrameworkID (Actual: x vs Expected: f)"},
		"grace": {func(i *mesos.TaskInfo) {
			i.KillPolicy = &mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{Nanoseconds: -1}}
		}, "Task's 'kill_policy.grace_period' must be non-negative"},
		"too much": {
			func(i *mesos.TaskInfo) { i.Resources[0].Scalar = &mesos.Value_Scalar{Value: 4.5} },
			"Total resources cpus(allocated: workers):4.5; mem(allocated: workers):64 required by task and its executor is more than available cpus(allocated: workers):4; mem(allocated: workers):4096",
		},
		"low limit": {
			func(i *mesos.TaskInfo) { i.Limits = map[string]mesos.Value_Scalar{"cpus": {Value: 0.1}} },
			"The cpu limit must be greater than or equal to the cpu request",
		},
		"labels": {func(i *mesos.TaskInfo) { i.Executor.Labels = &mesos.Labels{Labels: []mesos.Label{{Key: "k"}}} }, ""},
	} {
		info := taskInfo("a", name)
		info.TaskID.Value = "new"
		c.change(&info)
		prepare(&info, f, "workers")
		need := fromProto(info.Resources)
		acc := &acceptance{framework: f, agent: a, role: "workers", left: parse(t, "cpus:4;mem:4096").allocated("workers")}
		require.Equal(t, c.want, (&Master{}).refuseLaunch(acc, &info, need), name)
	}

	info := taskInfo("a", "new")
	info.Executor.Name = new("another")
	prepare(&info, f, "workers")
	acc := &acceptance{framework: f, agent: a, role: "workers", left: parse(t, "cpus:4;mem:4096").allocated("workers")}
	text := (&Master{}).refuseLaunch(acc, &info, fromProto(info.Resources))
	require.Contains(t, text, "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID.\n"+
		"------------------------------------------------------------\nExisting ExecutorInfo:\nexecutor_id {\n  value: \"e1\"\n}\nresources {\n  name: \"cpus\"\n  type: SCALAR\n"+
		"  scalar {\n    value: 0.1\n  }\n  allocation_info {\n    role: \"workers\"\n  }\n}\n")
	require.Contains(t, text, "framework_id {\n  value: \"f\"\n}\nname: \"another\"\ntype: CUSTOM\n\n----")
}

func TestRefusedFrameworks(t *testing.T) {
	parsed, err := flags.ParseMaster([]string{"--registry=in_memory"}, nil)
	require.NoError(t, err)
	m := &Master{flags: parsed}
	multi := []mesos.FrameworkInfo_Capability{{Type: mesos.FrameworkInfo_Capability_MULTI_ROLE}}
	for want, info := range map[string]mesos.FrameworkInfo{
		"'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable":                 {Capabilities: multi, Role: new("a")},
		"'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable":            {Roles: []string{"a"}},
		"'FrameworkInfo.roles' contains duplicate items: { a }":                                         {Capabilities: multi, Roles: []string{"a", "a"}},
		"'FrameworkInfo.roles' contains invalid role: Role 'a/../b' cannot include '..' as a component": {Capabilities: multi, Roles: []string{"a/../b"}},
		"The framework failover_timeout (1e+20) is invalid":                                             {Capabilities: multi, FailoverTimeout: new(1e20)},
		"Suppressed roles { zzz } are not contained in the set of roles":                                {Capabilities: multi, Roles: []string{"a"}, Hostname: new("suppress")},
	} {
		var suppressed []string
		if info.Hostname != nil {
			suppressed = []string{"zzz"}
		}
		require.Equal(t, want, m.refuseInfo(&info, suppressed))
	}
	require.Empty(t, m.refuseInfo(&mesos.FrameworkInfo{Capabilities: multi, Roles: []string{"*"}, FailoverTimeout: new(-1.0)}, nil))
}
