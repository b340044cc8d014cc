package master

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mastercalls "github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/mesos/link"
	"k8s-framework/internal/local/mesos/wire"
)

// 18 of the recordings.
func TestBasicAuthentication(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	require.NoError(t, os.WriteFile(path, []byte(`{"credentials":[{"principal":"alice","secret":"wonder"},{"principal":"bob","secret":"builder"}]}`), 0o600))
	addr, _ := start(t, "--authenticate_http_frameworks", "--http_framework_authenticators=basic", "--credentials="+path)
	post := func(user, secret, body string) (int, string) {
		r, err := http.NewRequest(http.MethodPost, "http://"+addr+"/api/v1/scheduler", strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", wire.TypeJSON)
		if user != "" {
			r.SetBasicAuth(user, secret)
		}
		return send(t, r)
	}
	status, text := post("", "", `{}`)
	require.Equal(t, 401, status)
	require.Equal(t, "401 Unauthorized.", text)
	status, _ = post("alice", "wrong", `{}`)
	require.Equal(t, 401, status)
	status, text = post("alice", "wonder", `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n","principal":"bob"}}}`)
	require.Equal(t, 400, status)
	require.Equal(t, "Failed to validate scheduler::Call: Authenticated principal 'alice' does not match principal 'bob' set in `FrameworkInfo`", text)
	status, _ = operator(t, addr, `{"type":"GET_HEALTH"}`)
	require.Equal(t, 200, status, "the operator API stays open with this flag alone")
}

// 14 of the recordings.
func TestMaintenance(t *testing.T) {
	addr, _ := start(t)
	a := register(t, addr, "agent1.example", small, 5051)
	s := subscribe(t, addr, "")
	s.next(scheduler.Event_OFFERS)
	start := time.Now().Add(time.Minute).UnixNano()
	machine := `{"hostname":"agent1.example","ip":"127.0.0.1"}`
	status, _ := operator(t, addr, fmt.Sprintf(`{"type":"UPDATE_MAINTENANCE_SCHEDULE","update_maintenance_schedule":{"schedule":{"windows":[
		{"machine_ids":[%s],"unavailability":{"start":{"nanoseconds":%d}}}]}}}`, machine, start))
	require.Equal(t, 200, status)
	s.next(scheduler.Event_RESCIND)
	require.Equal(t, start, s.next(scheduler.Event_OFFERS).Offers.Offers[0].Unavailability.Start.Nanoseconds)
	inverse := s.next(scheduler.Event_INVERSE_OFFERS).InverseOffers.InverseOffers[0]
	s.accepted(&scheduler.Call{Type: scheduler.Call_ACCEPT_INVERSE_OFFERS, AcceptInverseOffers: &scheduler.Call_AcceptInverseOffers{
		InverseOfferIDs: []mesos.OfferID{inverse.OfferID},
	}})
	_, answer := operator(t, addr, `{"type":"GET_MAINTENANCE_STATUS"}`)
	require.Contains(t, fmt.Sprint(answer), "status:ACCEPT")

	status, answer = operator(t, addr, `{"type":"START_MAINTENANCE","start_maintenance":{"machines":[{"hostname":"other.example","ip":"127.0.0.1"}]}}`)
	require.Equal(t, 400, status)
	require.Equal(t, `Machine '{"hostname":"other.example","ip":"127.0.0.1"}' is not part of a maintenance schedule`, answer["text"])
	status, _ = operator(t, addr, `{"type":"START_MAINTENANCE","start_maintenance":{"machines":[`+machine+`]}}`)
	require.Equal(t, 200, status)
	require.Equal(t, "Operator initiated 'Machine DOWN'", receive[*link.Shutdown](a).Reason)
	require.Equal(t, a.id, s.next(scheduler.Event_FAILURE).Failure.AgentID.Value)

	a.dial(addr)
	require.NoError(t, a.conn.Send(&link.Reregister{Register: link.Register{Agent: a.info, IP: "127.0.0.1"}}))
	require.Equal(t, "Machine is `DOWN`", receive[*link.Shutdown](a).Reason)
	status, _ = operator(t, addr, `{"type":"STOP_MAINTENANCE","stop_maintenance":{"machines":[`+machine+`]}}`)
	require.Equal(t, 200, status)
	a.dial(addr)
	require.NoError(t, a.conn.Send(&link.Reregister{Register: link.Register{Agent: a.info, IP: "127.0.0.1"}}))
	require.Equal(t, a.id, receive[*link.Reregistered](a).AgentID.Value)
}

// 09 of the recordings: what an operator reserves, the scheduler's own RESERVE, and what the agent is told.
func TestReservations(t *testing.T) {
	addr, _ := start(t)
	a := register(t, addr, "agent1.example", "cpus:4;mem:4096", 5051)
	s := subscribe(t, addr, "")
	s.next(scheduler.Event_OFFERS)
	reserve := func(call string, cpus float64) (int, string) {
		status, answer := operator(t, addr, fmt.Sprintf(`{"type":"%s","%s":{"agent_id":{"value":"%s"},"resources":[{"name":"cpus","type":"SCALAR",
			"scalar":{"value":%v},"reservations":[{"type":"DYNAMIC","role":"workers"}]}]}}`, strings.ToUpper(call), call, a.id, cpus))
		return status, fmt.Sprint(answer["text"])
	}
	status, _ := reserve("reserve_resources", 1)
	require.Equal(t, 202, status)
	s.next(scheduler.Event_RESCIND)
	require.Equal(t, "cpus:3; mem:4096; cpus(reservations: [(DYNAMIC,workers)]):1", fromProto(receive[*link.ApplyOperation](a).Total).String())
	offer := s.next(scheduler.Event_OFFERS).Offers.Offers[0]
	require.Equal(t, "cpus(allocated: workers)(reservations: [(DYNAMIC,workers)]):1; cpus(allocated: workers):3; mem(allocated: workers):4096",
		fromProto(offer.Resources).String())

	s.accepted(launchCall(offer.ID, 3600, taskInfo(a.id, "t1")))
	receive[*link.RunTasks](a)
	status, text := reserve("reserve_resources", 100)
	require.Equal(t, 409, status)
	require.Equal(t, "cpus:2.4; mem:4000; cpus(reservations: [(DYNAMIC,workers)]):1 does not contain cpus:100", text)
	status, _ = reserve("unreserve_resources", 1)
	require.Equal(t, 202, status)
	require.Equal(t, "cpus:4; mem:4096", fromProto(receive[*link.ApplyOperation](a).Total).String())
}

// The operator API answers in protobuf, too.
func TestOperatorAnswersInProtobuf(t *testing.T) {
	addr, _ := start(t)
	a := register(t, addr, "agent1.example", small, 5051)
	r, err := http.NewRequest(http.MethodPost, "http://"+addr+"/api/v1/anything", strings.NewReader(`{"type":"GET_AGENTS"}`))
	require.NoError(t, err)
	r.Header.Set("Content-Type", wire.TypeJSON)
	r.Header.Set("Accept", wire.TypeProtobuf)
	status, body := send(t, r)
	require.Equal(t, 200, status)
	var response mastercalls.Response
	require.NoError(t, response.Unmarshal([]byte(body)))
	require.Equal(t, a.id, response.GetAgents.Agents[0].AgentInfo.ID.Value)
}

func TestOfferConstraints(t *testing.T) {
	r, err := http.NewRequest(http.MethodPost, "/", nil)
	require.NoError(t, err)
	r.Header.Set("Content-Type", wire.TypeJSON)
	info := agentInfo(t, "agent1.example", small, 1)
	for predicate, want := range map[string]bool{
		`"selector":{"pseudoattribute_type":"HOSTNAME"},"predicate":{"text_equals":{"value":"agent1.example"}}`:     true,
		`"selector":{"pseudoattribute_type":"HOSTNAME"},"predicate":{"text_equals":{"value":"agent2.example"}}`:     false,
		`"selector":{"pseudoattribute_type":"HOSTNAME"},"predicate":{"text_not_equals":{"value":"agent2.example"}}`: true,
		`"selector":{"pseudoattribute_type":"HOSTNAME"},"predicate":{"text_matches":{"regex":"agent[0-9].*"}}`:      true,
		`"selector":{"attribute_name":"rack"},"predicate":{"exists":{}}`:                                            false,
		`"selector":{"attribute_name":"rack"},"predicate":{"not_exists":{}}`:                                        true,
	} {
		body := `{"subscribe":{"offer_constraints":{"role_constraints":{"workers":{"groups":[{"attribute_constraints":[{` + predicate + `}]}]}}}}}`
		constraints, refusal := readConstraints(r, []byte(body), "subscribe")
		require.Nil(t, refusal)
		require.Equal(t, want, constraints.allow("workers", &info), predicate)
		require.True(t, constraints.allow("other", &info), "another role is not limited")
	}
	_, refusal := readConstraints(r, []byte(`{"subscribe":{"offer_constraints":{"role_constraints":{"r":{"groups":[{"attribute_constraints":[
		{"predicate":{"text_matches":{"regex":"("}}}]}]}}}}}`), "subscribe")
	require.NotNil(t, refusal)
}
