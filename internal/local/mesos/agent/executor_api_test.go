package agent

import (
	"testing"

	"github.com/google/uuid"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/stretchr/testify/require"
)

func TestValidate(t *testing.T) {
	update := func(change func(*mesos.TaskStatus)) *executor.Call {
		id := uuid.New()
		s := mesos.TaskStatus{State: mesos.TASK_RUNNING.Enum(), Source: mesos.SOURCE_EXECUTOR.Enum(), UUID: id[:]}
		change(&s)
		return &executor.Call{
			Type: executor.Call_UPDATE, FrameworkID: mesos.FrameworkID{Value: "f"}, ExecutorID: mesos.ExecutorID{Value: "e"},
			Update: &executor.Call_Update{Status: s},
		}
	}
	for why, call := range map[string]*executor.Call{
		"":                                    update(func(*mesos.TaskStatus) {}),
		"Expecting 'type' to be present":      {},
		"Expecting 'subscribe' to be present": {Type: executor.Call_SUBSCRIBE},
		"Expecting 'update' to be present":    {Type: executor.Call_UPDATE},
		"Expecting 'message' to be present":   {Type: executor.Call_MESSAGE},
		"Expecting 'uuid' to be present":      update(func(s *mesos.TaskStatus) { s.UUID = nil }),
		"Not a valid UUID":                    update(func(s *mesos.TaskStatus) { s.UUID = []byte("short") }),
		"Received Call from executor e of framework f with invalid source, expecting 'SOURCE_EXECUTOR'": update(
			func(s *mesos.TaskStatus) { s.Source = nil }),
		"Received TASK_STAGING from executor e of framework f which is not allowed": update(
			func(s *mesos.TaskStatus) { s.State = mesos.TASK_STAGING.Enum() }),
		"ExecutorID in Call: e does not match ExecutorID in TaskStatus: x": update(
			func(s *mesos.TaskStatus) { s.ExecutorID = &mesos.ExecutorID{Value: "x"} }),
	} {
		refusal := validate(call)
		if why == "" {
			require.Nil(t, refusal)
			continue
		}
		require.Equal(t, 400, refusal.Status)
		require.Equal(t, "Failed to validate Executor::Call: "+why, refusal.Text)
	}
}

func TestBoundedKill(t *testing.T) {
	seconds := func(s int64) *mesos.DurationInfo { return &mesos.DurationInfo{Nanoseconds: s * 1e9} }
	policy := func(s int64) *mesos.KillPolicy { return &mesos.KillPolicy{GracePeriod: seconds(s)} }
	require.Nil(t, boundedKill(nil, policy(20)))
	require.Nil(t, boundedKill(seconds(8), policy(2)))
	require.Equal(t, policy(8), boundedKill(seconds(8), policy(20)))
	require.Equal(t, policy(8), boundedKill(seconds(8), nil))
	require.Equal(t, policy(-1), boundedKill(seconds(-1), policy(2)))
}

func TestCompatible(t *testing.T) {
	attributes := func(pairs ...string) []mesos.Attribute {
		var all []mesos.Attribute
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, mesos.Attribute{Name: pairs[i], Type: mesos.TEXT, Text: &mesos.Value_Text{Value: pairs[i+1]}})
		}
		return all
	}
	port := int32(5051)
	info := func(cpus float64, a []mesos.Attribute) mesos.AgentInfo {
		return mesos.AgentInfo{Hostname: "h", Port: &port, Resources: resourcesOf(cpus, 64), Attributes: a}
	}
	before := info(2, attributes("rack", "r1"))
	for _, c := range []struct {
		now             mesos.AgentInfo
		equal, additive string
	}{
		{info(2, attributes("rack", "r1")), "", ""},
		{info(4, attributes("rack", "r1")), "Incompatible agent info detected.", ""},
		{info(2, attributes("zone", "z1", "rack", "r1")), "Incompatible agent info detected.", ""},
		{info(1, attributes("rack", "r1")), "Incompatible agent info detected.", "is not contained in"},
		{info(2, attributes("rack", "r9")), "Incompatible agent info detected.", "Value of text attribute 'rack' changed from r1 to r9"},
		{info(2, nil), "Incompatible agent info detected.", "Couldn't find attribute rack"},
	} {
		for policy, want := range map[string]string{"equal": c.equal, "additive": c.additive} {
			err := compatible(policy, before, c.now)
			if want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, want)
			}
		}
	}
}
