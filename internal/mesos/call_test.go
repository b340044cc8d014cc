package mesos

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	v1sched "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/scheduler"
)

// renders is a Renderer that always gives the same.
type renders struct {
	executor Executor
	err      error
}

func (r renders) Executor(scheduler.Launch) (Executor, error) { return r.executor, r.err }

func (r renders) Drained(told scheduler.TellDrained) []byte { return []byte("drained " + told.Node) }

func (renders) Token(sent scheduler.SendToken) []byte { return []byte("token " + string(sent.Token)) }

func (renders) Reported(message []byte) (scheduler.Event, error) {
	return scheduler.ExecutorDraining{Why: string(message)}, nil
}

// jsonOf is a call in Mesos's JSON, after a journey through protobuf.
func jsonOf(t *testing.T, call *v1sched.Call) string {
	t.Helper()
	encoded, err := call.Marshal()
	require.NoError(t, err)
	var decoded v1sched.Call
	require.NoError(t, decoded.Unmarshal(encoded))
	text, err := json.Marshal(&decoded)
	require.NoError(t, err)
	var loose any
	require.NoError(t, json.Unmarshal(text, &loose))
	text, err = json.Marshal(withoutNulls(loose))
	require.NoError(t, err)
	return string(text)
}

// withoutNulls takes away what Go's encoder writes for lists that are not there.
func withoutNulls(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, each := range value {
			if each == nil {
				delete(value, name)
				continue
			}
			value[name] = withoutNulls(each)
		}
	case []any:
		for i := range value {
			value[i] = withoutNulls(value[i])
		}
	}
	return value
}

func TestCallsBecomeMesosCalls(t *testing.T) {
	framework := Framework{User: "root", Name: "test", Roles: []string{"old"}, Principal: "p", FailoverTimeout: time.Hour}
	for name, test := range map[string]struct {
		call scheduler.Call
		want string
	}{
		"decline": {
			scheduler.Decline{Offers: []scheduler.OfferID{"o1", "o2"}, Refuse: time.Hour},
			`{"type":"DECLINE","framework_id":{"value":"f"},
			  "decline":{"offer_ids":[{"value":"o1"},{"value":"o2"}],"filters":{"refuse_seconds":3600}}}`,
		},
		"decline for no time": {
			scheduler.Decline{Offers: []scheduler.OfferID{"o1"}},
			`{"type":"DECLINE","framework_id":{"value":"f"},"decline":{"offer_ids":[{"value":"o1"}],"filters":{"refuse_seconds":0}}}`,
		},
		"accept without a launch": {
			scheduler.Accept{Agent: "a", Offers: []scheduler.OfferID{"o1"}, Refuse: 1500 * time.Millisecond},
			`{"type":"ACCEPT","framework_id":{"value":"f"},
			  "accept":{"offer_ids":[{"value":"o1"}],"filters":{"refuse_seconds":1.5}}}`,
		},
		"acknowledge": {
			scheduler.Acknowledge{Task: "w-1.1", Agent: "a", Update: "0123456789abcdef"},
			`{"type":"ACKNOWLEDGE","framework_id":{"value":"f"},
			  "acknowledge":{"agent_id":{"value":"a"},"task_id":{"value":"w-1.1"},"uuid":"MDEyMzQ1Njc4OWFiY2RlZg=="}}`,
		},
		"kill with grace": {
			scheduler.Kill{Task: "w-1.1", Agent: "a", Grace: 7 * time.Second},
			`{"type":"KILL","framework_id":{"value":"f"},"kill":{"task_id":{"value":"w-1.1"},"agent_id":{"value":"a"},
			  "kill_policy":{"grace_period":{"nanoseconds":7000000000}}}}`,
		},
		"kill without": {
			scheduler.Kill{Task: "w-1.1"},
			`{"type":"KILL","framework_id":{"value":"f"},"kill":{"task_id":{"value":"w-1.1"}}}`,
		},
		"tell drained": {
			scheduler.TellDrained{Node: "w-1", Agent: "a", Executor: "w-1"},
			`{"type":"MESSAGE","framework_id":{"value":"f"},
			  "message":{"agent_id":{"value":"a"},"executor_id":{"value":"w-1"},"data":"ZHJhaW5lZCB3LTE="}}`,
		},
		"send token": {
			scheduler.SendToken{Node: "w-1", Agent: "a", Executor: "w-1", Token: "t"},
			`{"type":"MESSAGE","framework_id":{"value":"f"},
			  "message":{"agent_id":{"value":"a"},"executor_id":{"value":"w-1"},"data":"dG9rZW4gdA=="}}`,
		},
		"reconcile some": {
			scheduler.Reconcile{Tasks: []scheduler.TaskAt{{Task: "w-1.1", Agent: "a"}, {Task: "w-2.1"}}},
			`{"type":"RECONCILE","framework_id":{"value":"f"},"reconcile":{"tasks":[
			  {"task_id":{"value":"w-1.1"},"agent_id":{"value":"a"}},{"task_id":{"value":"w-2.1"}}]}}`,
		},
		"reconcile all": {
			scheduler.Reconcile{},
			`{"type":"RECONCILE","framework_id":{"value":"f"},"reconcile":{}}`,
		},
		"revive": {
			scheduler.Revive{Roles: []scheduler.Role{"r", "s"}},
			`{"type":"REVIVE","framework_id":{"value":"f"},"revive":{"roles":["r","s"]}}`,
		},
		"suppress": {
			scheduler.Suppress{Roles: []scheduler.Role{"r"}},
			`{"type":"SUPPRESS","framework_id":{"value":"f"},"suppress":{"roles":["r"]}}`,
		},
		"reserve and give back": {
			scheduler.Accept{
				Agent: "a", Offers: []scheduler.OfferID{"o1"}, Refuse: time.Second,
				Reserve: []scheduler.Resource{
					{Name: "cpus", Amount: 500, Role: "r", Reservations: []scheduler.Reservation{
						{Role: "r"}, {Role: "r", Dynamic: true, Principal: "p", Labels: []scheduler.Label{{Key: "node", Value: "w-1"}}},
					}},
					{Name: "ports", Ranges: scheduler.Ranges{{Begin: 31000, End: 31001}, {Begin: 31005, End: 31005}}, Role: "r", Reservations: []scheduler.Reservation{
						{Role: "r", Dynamic: true},
					}},
				},
				Unreserve: []scheduler.Resource{{Name: "mem", Amount: 64000, Role: "r", Reservations: []scheduler.Reservation{{Role: "r", Dynamic: true}}}},
			},
			`{"type":"ACCEPT","framework_id":{"value":"f"},"accept":{"offer_ids":[{"value":"o1"}],"operations":[
			  {"type":"UNRESERVE","unreserve":{"resources":[
			    {"name":"mem","type":"SCALAR","scalar":{"value":64},"allocation_info":{"role":"r"},"reservations":[{"type":"DYNAMIC","role":"r"}]}]}},
			  {"type":"RESERVE","reserve":{"resources":[
			    {"name":"cpus","type":"SCALAR","scalar":{"value":0.5},"allocation_info":{"role":"r"},"reservations":[{"type":"STATIC","role":"r"},
			      {"type":"DYNAMIC","role":"r","principal":"p","labels":{"labels":[{"key":"node","value":"w-1"}]}}]},
			    {"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31000,"end":31001},{"begin":31005,"end":31005}]},
			      "allocation_info":{"role":"r"},"reservations":[{"type":"DYNAMIC","role":"r"}]}]}}],
			  "filters":{"refuse_seconds":1}}}`,
		},
		"accept inverse": {
			scheduler.AcceptInverse{Offers: []scheduler.OfferID{"i1", "i2"}, Refuse: time.Minute},
			`{"type":"ACCEPT_INVERSE_OFFERS","framework_id":{"value":"f"},
			  "accept_inverse_offers":{"inverse_offer_ids":[{"value":"i1"},{"value":"i2"}],"filters":{"refuse_seconds":60}}}`,
		},
		"decline inverse": {
			scheduler.DeclineInverse{Offers: []scheduler.OfferID{"i1"}},
			`{"type":"DECLINE_INVERSE_OFFERS","framework_id":{"value":"f"},
			  "decline_inverse_offers":{"inverse_offer_ids":[{"value":"i1"}],"filters":{"refuse_seconds":0}}}`,
		},
		"update framework": {
			scheduler.UpdateFramework{Roles: []scheduler.Role{"r", "s"}, GPUs: true},
			`{"type":"UPDATE_FRAMEWORK","framework_id":{"value":"f"},"update_framework":{"framework_info":{
			  "user":"root","name":"test","id":{"value":"f"},"failover_timeout":3600,"checkpoint":true,"roles":["r","s"],"principal":"p",
			  "capabilities":[{"type":"PARTITION_AWARE"},{"type":"TASK_KILLING_STATE"},{"type":"MULTI_ROLE"},
			    {"type":"RESERVATION_REFINEMENT"},{"type":"REGION_AWARE"},{"type":"GPU_RESOURCES"}]}}}`,
		},
		"tear down":    {scheduler.TearDown{Why: "asked"}, `{"type":"TEARDOWN","framework_id":{"value":"f"}}`},
		"suppress all": {scheduler.Suppress{}, `{"type":"SUPPRESS","framework_id":{"value":"f"},"suppress":{}}`},
	} {
		t.Run(name, func(t *testing.T) {
			message, err := speaker{id: "f", framework: framework, renderer: renders{}}.encode(test.call)
			require.NoError(t, err)
			assert.JSONEq(t, test.want, jsonOf(t, message))
			assert.Contains(t, describe(test.call), message.Type.String())
		})
	}
}

// launch takes from an offer with a refined reservation, a dynamic one and unreserved resources.
func launch() scheduler.Launch {
	scalar := func(name string, amount scheduler.Amount, reservations ...scheduler.Reservation) scheduler.Resource {
		return scheduler.Resource{Name: name, Amount: amount, Role: "workers", Reservations: reservations}
	}
	node := scheduler.Reservation{
		Role: "workers", Dynamic: true, Principal: "alice", Labels: []scheduler.Label{{Key: "node", Value: "n1"}},
	}
	static := scheduler.Reservation{Role: "workers"}
	return scheduler.Launch{
		Node: scheduler.Node{Name: "workers-17", Pool: "workers", Executor: scheduler.Executor{
			Resources: []scheduler.Resource{scalar("cpus", 100), scalar("mem", 32000)},
		}},
		Task: "workers-17.1",
		TaskResources: []scheduler.Resource{
			scalar("cpus", 500), scalar("mem", 64000, static), scalar("mem", 1000, static, node),
		},
	}
}

func TestALaunchCarriesWhatWasOfferedAndWhatWasRendered(t *testing.T) {
	accept := scheduler.Accept{
		Agent: "agent-1", Offers: []scheduler.OfferID{"o1"}, Launches: []scheduler.Launch{launch()}, Refuse: time.Second,
	}
	rendered := Executor{
		Name: "kubelet of workers-17", Command: "./k8s-executor", Arguments: []string{"k8s-executor", "--verbose"}, User: "root",
		Environment: map[string]string{"Z": "1", "A": "2", "M": ""},
		URIs:        []URI{{Value: "http://here/k8s-executor", Executable: true, Cache: true, OutputFile: "k8s-executor"}},
		Data:        []byte("task data"), ShutdownGrace: 30 * time.Second, KillGrace: 20 * time.Second,
	}
	message, err := speaker{id: "framework-1", renderer: renders{executor: rendered}}.encode(accept)
	require.NoError(t, err)
	assert.JSONEq(t, `{"type":"ACCEPT","framework_id":{"value":"framework-1"},"accept":{"offer_ids":[{"value":"o1"}],
	  "operations":[{"type":"LAUNCH","launch":{"task_infos":[{
	    "name":"workers-17.1","task_id":{"value":"workers-17.1"},"agent_id":{"value":"agent-1"},
	    "resources":[
	      {"name":"cpus","type":"SCALAR","scalar":{"value":0.5},"allocation_info":{"role":"workers"}},
	      {"name":"mem","type":"SCALAR","scalar":{"value":64},"allocation_info":{"role":"workers"},
	        "reservations":[{"type":"STATIC","role":"workers"}]},
	      {"name":"mem","type":"SCALAR","scalar":{"value":1},"allocation_info":{"role":"workers"},
	        "reservations":[{"type":"STATIC","role":"workers"},{"type":"DYNAMIC","role":"workers","principal":"alice",
	          "labels":{"labels":[{"key":"node","value":"n1"}]}}]}],
	    "executor":{"type":"CUSTOM","executor_id":{"value":"workers-17"},"framework_id":{"value":"framework-1"},
	      "name":"kubelet of workers-17",
	      "resources":[
	        {"name":"cpus","type":"SCALAR","scalar":{"value":0.1},"allocation_info":{"role":"workers"}},
	        {"name":"mem","type":"SCALAR","scalar":{"value":32},"allocation_info":{"role":"workers"}}],
	      "command":{"shell":false,"value":"./k8s-executor","arguments":["k8s-executor","--verbose"],"user":"root",
	        "uris":[{"value":"http://here/k8s-executor","executable":true,"extract":false,"cache":true,"output_file":"k8s-executor"}],
	        "environment":{"variables":[{"name":"A","type":"VALUE","value":"2"},{"name":"M","type":"VALUE","value":""},
	          {"name":"Z","type":"VALUE","value":"1"}]}},
	      "data":"dGFzayBkYXRh","shutdown_grace_period":{"nanoseconds":30000000000}},
	    "labels":{"labels":[{"key":"node","value":"workers-17"},{"key":"pool","value":"workers"}]},
	    "kill_policy":{"grace_period":{"nanoseconds":20000000000}}}]}}],
	  "filters":{"refuse_seconds":1}}}`, jsonOf(t, message))
}

// Mesos refuses a task whose executor differs in a byte from the one that runs.
func TestTheSameExecutorIsEncodedTheSameEveryTime(t *testing.T) {
	environment := map[string]string{}
	for _, name := range []string{"A", "B", "C", "D", "E", "F", "G", "H"} {
		environment[name] = name
	}
	renderer := renders{executor: Executor{Command: "./x", Environment: environment}}
	var first []byte
	for i := range 50 {
		next := launch()
		next.Task = next.Node.Name.Task(i + 1)
		info, err := taskInfo(next, "framework-1", renderer)
		require.NoError(t, err)
		encoded, err := info.Executor.Marshal()
		require.NoError(t, err)
		if first == nil {
			first = encoded
		}
		require.Equal(t, first, encoded)
	}
}

func TestSeveralLaunchesOfOneAgentAreOneOperation(t *testing.T) {
	one, two := launch(), launch()
	two.Task = "workers-17.2"
	message, err := speaker{id: "f", renderer: renders{}}.encode(scheduler.Accept{Agent: "a", Launches: []scheduler.Launch{one, two}})
	require.NoError(t, err)
	require.Len(t, message.Accept.Operations, 1)
	tasks := message.Accept.Operations[0].Launch.TaskInfos
	require.Len(t, tasks, 2)
	assert.Equal(t, "workers-17.2", tasks[1].TaskID.Value)
	assert.Equal(t, "a", tasks[1].AgentID.Value)
	assert.Equal(t, "workers-17", tasks[1].Executor.GetName(), "without a name of its own it is called by its id")
}

func TestWhatCannotBeLaunchedIsNamed(t *testing.T) {
	special := launch()
	special.TaskResources[0].Special = "revocable"
	overhead := launch()
	overhead.Node.Executor.Resources[1].Special = "a persistent volume p1"
	for name, test := range map[string]struct {
		launch   scheduler.Launch
		renderer renders
		want     string
	}{
		"revocable task":  {special, renders{}, "launch task workers-17.1: task: resource cpus is revocable"},
		"executor volume": {overhead, renders{}, "launch task workers-17.1: executor: resource mem is a persistent volume p1"},
		"not renderable":  {launch(), renders{err: errors.New("no spec")}, "launch task workers-17.1: render executor: no spec"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := speaker{id: "f", renderer: test.renderer}.encode(scheduler.Accept{Launches: []scheduler.Launch{test.launch}})
			require.ErrorContains(t, err, test.want)
		})
	}
}

// Mesos does the operations in their order: a launch may use what the same ACCEPT reserves.
func TestOperationsAreInTheOrderInWhichMesosMustDoThem(t *testing.T) {
	reserved := []scheduler.Resource{{Name: "cpus", Amount: 1, Reservations: []scheduler.Reservation{{Role: "r", Dynamic: true}}}}
	message, err := speaker{id: "f", renderer: renders{}}.encode(scheduler.Accept{
		Agent: "a", Launches: []scheduler.Launch{launch()}, Reserve: reserved, Unreserve: reserved,
	})
	require.NoError(t, err)
	var kinds []string
	for _, operation := range message.Accept.Operations {
		kinds = append(kinds, operation.Type.String())
	}
	assert.Equal(t, []string{"UNRESERVE", "RESERVE", "LAUNCH"}, kinds)
}

// Mesos says nothing of a RESERVE that it cannot do, so what never can be done is not sent.
func TestOnlyDynamicReservationsAreMadeAndGivenBack(t *testing.T) {
	for name, resource := range map[string]scheduler.Resource{
		"none":    {Name: "cpus", Amount: 1},
		"static":  {Name: "cpus", Amount: 1, Reservations: []scheduler.Reservation{{Role: "r", Dynamic: true}, {Role: "r/s"}}},
		"special": {Name: "cpus", Amount: 1, Special: "revocable", Reservations: []scheduler.Reservation{{Role: "r", Dynamic: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			one := []scheduler.Resource{resource}
			_, err := speaker{id: "f"}.encode(scheduler.Accept{Reserve: one})
			require.ErrorContains(t, err, "reserve: resource cpus ")
			_, err = speaker{id: "f"}.encode(scheduler.Accept{Unreserve: one})
			require.ErrorContains(t, err, "unreserve: resource cpus ")
		})
	}
}

// What an offer says of a resource comes back in a launch as it was, which is what Mesos compares.
func TestResourcesSurviveTheJourney(t *testing.T) {
	frame := frameOf(t, `{"type":"OFFERS","offers":{"offers":[{"id":{"value":"O"},"framework_id":{"value":"F"},
	  "agent_id":{"value":"A"},"hostname":"h","allocation_info":{"role":"a/b"},"resources":[
	  {"name":"cpus","type":"SCALAR","scalar":{"value":1.5},"allocation_info":{"role":"a/b"}},
	  {"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31000,"end":31999},{"begin":32005,"end":32005}]},
	    "allocation_info":{"role":"a/b"}},
	  {"name":"ports","type":"RANGES","ranges":{"range":[{"begin":1,"end":1}]},
	    "allocation_info":{"role":"a/b"},"reservations":[{"type":"DYNAMIC","role":"a/b","labels":{"labels":[{"key":"k","value":"v"}]}}]},
	  {"name":"mem","type":"SCALAR","scalar":{"value":64},"allocation_info":{"role":"a/b"},"reservations":[
	    {"type":"STATIC","role":"a"},{"type":"DYNAMIC","role":"a/b","principal":"p","labels":{"labels":[{"key":"k","value":""}]}}]}]}]}}`)
	offers, err := decodeOffers(frame)
	require.NoError(t, err)
	back, err := toResources(offers[0].Resources)
	require.NoError(t, err)
	var said v1sched.Event
	require.NoError(t, said.Unmarshal(frame))
	for i := range back {
		require.NoError(t, said.Offers.Offers[0].Resources[i].VerboseEqual(&back[i]))
	}
}
