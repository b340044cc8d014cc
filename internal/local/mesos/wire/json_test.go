package wire

import (
	"math"
	"math/rand"
	"strings"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/require"
)

// What a real Mesos answered to bodies that it could not read (02a, 13a, 15 of the recordings).
func TestUnmarshalSaysWhatIsWrong(t *testing.T) {
	for body, want := range map[string]string{
		`hello`:          "Failed to parse body into JSON: syntax error at line 1 near: hello",
		``:               "Failed to parse body into JSON: syntax error at line 1 near: ",
		`{"type":"KILL"`: "Failed to parse body into JSON: syntax error at line 1 near: ",
		`[]`:             "Failed to convert JSON into Call protobuf: Expecting a JSON object",
		`{"type":"KILL","framework_id":{"value":"f"},"kill":{}}`:              "Failed to convert JSON into Call protobuf: Missing required fields: kill.task_id",
		`{"type":"KILL","framework_id":{"value":"f"},"kill":{"task_id":"t"}}`: "Failed to convert JSON into Call protobuf: Not expecting a JSON string for field 'task_id'",
		`{"type":"SUBSCRIBE","subscribe":{"framework_info":{"name":"x"}}}`:    "Failed to convert JSON into Call protobuf: Missing required fields: subscribe.framework_info.user",
		`{"type":"MESSAGE","message":{"agent_id":{"value":"a"},"executor_id":{"value":"e"},"data":"%%%"}}`: "Failed to convert JSON into Call protobuf: " +
			"Failed to base64 decode bytes field 'data': Invalid character '%'",
		`{"type":"MESSAGE","message":{"agent_id":{"value":"a"},"executor_id":{"value":"e"}}}`: "Failed to convert JSON into Call protobuf: Missing required fields: message.data",
		`{"type":"ACCEPT","accept":{"operations":[{"type":"LAUNCH","launch":{"task_infos":[{"name":"n","task_id":{"value":"t"}}]}}]}}`: "Failed to convert JSON into Call protobuf: " +
			"Missing required fields: accept.operations[0].launch.task_infos[0].agent_id",
	} {
		var call scheduler.Call
		require.EqualError(t, UnmarshalJSON([]byte(body), &call), want, "%s", body)
	}
	var call master.Call
	require.EqualError(t, UnmarshalJSON([]byte(`{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"a"},"max_grace_period":"8s"}}`), &call),
		"Failed to convert JSON into Call protobuf: Not expecting a JSON string for field 'max_grace_period'")
	require.NoError(t, UnmarshalJSON([]byte(`{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"a"},"max_grace_period":{"seconds":8}}}`), &call))
	require.EqualValues(t, 8, call.DrainAgent.MaxGracePeriod.Seconds)
}

func TestUnmarshalIgnoresWhatIsUnknown(t *testing.T) {
	var call scheduler.Call
	require.NoError(t, UnmarshalJSON([]byte(`{"type":"FOO","nonsense":1,"framework_id":{"value":"f"}}`), &call))
	require.Equal(t, scheduler.Call_UNKNOWN, call.Type)
	require.Equal(t, "f", call.FrameworkID.Value)
}

func TestMarshalFollowsMesos(t *testing.T) {
	role := "workers"
	resource := mesos.Resource{
		Name: "cpus", Type: mesos.SCALAR.Enum(), Scalar: &mesos.Value_Scalar{Value: 3.4},
		AllocationInfo: &mesos.Resource_AllocationInfo{Role: &role},
	}
	for want, v := range map[string]any{
		`{"name":"cpus","type":"SCALAR","scalar":{"value":3.4},"allocation_info":{"role":"workers"}}`: resource,
		`{"shell":true,"value":"sleep 1"}`:                                                             &mesos.CommandInfo{Value: new("sleep 1")},
		`{"user":"root","name":"n","failover_timeout":0.0,"checkpoint":false}`:                         mesos.FrameworkInfo{User: "root", Name: "n"},
		`{"task_id":{"value":"t"},"state":"TASK_RUNNING","healthy":false,"uuid":"AQI=","message":"ü"}`: mesos.TaskStatus{TaskID: mesos.TaskID{Value: "t"}, State: mesos.TASK_RUNNING.Enum(), Healthy: new(false), UUID: []byte{1, 2}, Message: new("ü")},
		`{"type":"HEARTBEAT"}`: scheduler.Event{Type: scheduler.Event_HEARTBEAT},
		`{"a":[],"b":{"begin":1,"end":2}}`: Object{
			"a": []any{}, "b": mesos.Value_Range{Begin: 1, End: 2},
		},
	} {
		require.JSONEq(t, want, string(MarshalJSON(v)))
	}
	require.Contains(t, string(MarshalJSON(Object{"x": 15.0, "y": 0.1})), `"x":15.0,"y":0.1`)

	unlimited := mesos.TaskInfo{Limits: map[string]mesos.Value_Scalar{"mem": {Value: math.Inf(1)}}}
	var back mesos.TaskInfo
	require.Error(t, UnmarshalJSON([]byte(`{"limits":{"mem":{"value":"Infinity"}}}`), &back), "the other fields are missing")
	require.Equal(t, unlimited.Limits, back.Limits)
	require.Contains(t, string(MarshalJSON(unlimited)), `"limits":{"mem":{"value":"Infinity"}}`)
}

func TestJSONRoundTrip(t *testing.T) {
	r := rand.New(rand.NewSource(7))
	for range 300 {
		offer := mesos.NewPopulatedOffer(r, false)
		var back mesos.Offer
		require.NoError(t, UnmarshalJSON(MarshalJSON(offer), &back))
		// What has a default comes back as set, so the second round is the one that must not change.
		again := MarshalJSON(&back)
		var twice mesos.Offer
		require.NoError(t, UnmarshalJSON(again, &twice))
		require.NoError(t, back.VerboseEqual(twice))
	}
}

func FuzzUnmarshalJSON(f *testing.F) {
	f.Add(`{"type":"ACCEPT","accept":{"offer_ids":[{"value":"o"}],"filters":{"refuse_seconds":1}}}`)
	f.Add(`{"type":7,"kill":[],"framework_id":[{"value":[1]}]}`)
	f.Add(strings.Repeat("[", 100))
	f.Fuzz(func(_ *testing.T, body string) {
		var call scheduler.Call
		if UnmarshalJSON([]byte(body), &call) == nil {
			MarshalJSON(&call)
		}
	})
}
