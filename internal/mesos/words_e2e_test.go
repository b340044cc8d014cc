//go:build e2e

package mesos_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/mesos"
	"k8s-framework/scheduler"
)

// theNext makes until take the next event of a type.
func theNext[E scheduler.Event](E) bool { return true }

// operator calls the master's operator API.
func (w *world) operator(t *testing.T, call string) string {
	t.Helper()
	response, err := http.Post("http://"+w.address+"/api/v1", "application/json", strings.NewReader(call))
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s: %s", call, text)
	return string(text)
}

// offered is the next offer of the agent. Whoever takes it answers it.
func (c *conversation) offered() scheduler.Offer {
	c.t.Helper()
	return until(c, func(e scheduler.Offered) bool { return len(e.Offers) == 1 }).Offers[0]
}

// do makes a call that the master takes.
func (c *conversation) do(call scheduler.Call) {
	c.t.Helper()
	require.NoError(c.t, c.call(call))
}

// reservedFor is a resource as it is reserved dynamically for a node.
func reservedFor(node string, resource scheduler.Resource) scheduler.Resource {
	resource.Role = "workers"
	resource.Reservations = []scheduler.Reservation{
		{Role: "workers", Dynamic: true, Labels: []scheduler.Label{{Key: "node", Value: node}}},
	}
	return resource
}

// contents is what an offer holds, with the node that it is reserved for: "cpus 0.5 n1".
func contents(offer scheduler.Offer) map[string]bool {
	held := map[string]bool{}
	for _, resource := range offer.Resources {
		text := resource.Name + " " + resource.Amount.String()
		if resource.Name == "ports" {
			text = "ports " + resource.Ranges.String()
		}
		for _, reservation := range resource.Reservations {
			text += " " + reservation.Labels[0].Value
		}
		held[text] = true
	}
	return held
}

func holding(node string) map[string]bool {
	return map[string]bool{
		"cpus 0.5 " + node: true, "mem 64 " + node: true, "ports 31000-31001,31500 " + node: true,
		"cpus 3.5": true, "mem 4032": true, "disk 1000": true, "ports 31002-31499,31501-31999": true,
	}
}

func TestReservationsAndASecondTaskAgainstMesos(t *testing.T) {
	w := newWorld(t)
	c := talk(t, mesos.Options{Leader: leading(t, w.address), Renderer: launcher{}}, "")
	until(c, theNext[scheduler.Subscribed])
	offer := c.offered()
	assert.Equal(t, map[string]bool{"cpus 4": true, "mem 4096": true, "disk 1000": true, "ports 31000-31999": true}, contents(offer))

	cpus := reservedFor("n1", scheduler.Resource{Name: "cpus", Amount: 500})
	mem := reservedFor("n1", scheduler.Resource{Name: "mem", Amount: 64000})
	ports := reservedFor("n1", scheduler.Resource{Name: "ports", Ranges: scheduler.Ranges{{Begin: 31000, End: 31001}, {Begin: 31500, End: 31500}}})
	node := scheduler.Node{Name: "workers-1", Pool: "workers", Executor: scheduler.Executor{
		Resources: []scheduler.Resource{take(offer, "cpus", 100), take(offer, "mem", 32000), ports},
	}}
	c.do(scheduler.Accept{
		Agent: offer.Agent, Offers: []scheduler.OfferID{offer.ID}, Reserve: []scheduler.Resource{cpus, mem, ports},
		Launches: []scheduler.Launch{{Node: node, Task: "workers-1.1", TaskResources: []scheduler.Resource{cpus, mem}}},
	})
	until(c, reaches(scheduler.TaskRunning))

	// A second task on the executor that runs takes its own resources only.
	offer = c.offered()
	left := map[string]bool{"cpus 3.4": true, "mem 4000": true, "disk 1000": true, "ports 31002-31499,31501-31999": true}
	assert.Equal(t, left, contents(offer))
	c.do(scheduler.Accept{
		Agent: offer.Agent, Offers: []scheduler.OfferID{offer.ID},
		Launches: []scheduler.Launch{{Node: node, Task: "workers-1.2", TaskResources: []scheduler.Resource{take(offer, "cpus", 1000), take(offer, "mem", 1000)}}},
	})
	second := until(c, reaches(scheduler.TaskRunning))
	assert.Equal(t, scheduler.TaskID("workers-1.2"), second.Task)
	offer = c.offered()
	assert.Contains(t, contents(offer), "cpus 2.4")
	c.do(scheduler.Decline{Offers: []scheduler.OfferID{offer.ID}})

	for _, task := range []scheduler.TaskID{"workers-1.1", "workers-1.2"} {
		c.do(scheduler.Kill{Task: task, Agent: offer.Agent})
		until(c, func(e scheduler.TaskUpdated) bool { return e.Task == task && e.State == scheduler.TaskKilled })
	}
	until(c, theNext[scheduler.ExecutorEnded])
	c.do(scheduler.Revive{})
	offer = until(c, func(e scheduler.Offered) bool { return contents(e.Offers[0])["mem 4032"] }).Offers[0]
	assert.Equal(t, holding("n1"), contents(offer), "the reservations outlive the node")

	reserves(t, c, offer, []scheduler.Resource{cpus, mem, ports})
}

// reserves gives a node's reservations back, for another node and then for good, and tries what cannot be done.
func reserves(t *testing.T, c *conversation, offer scheduler.Offer, reserved []scheduler.Resource) {
	var others []scheduler.Resource
	for _, resource := range reserved {
		others = append(others, reservedFor("n2", resource))
	}
	accept := func(reserve, unreserve []scheduler.Resource) {
		c.do(scheduler.Accept{Agent: offer.Agent, Offers: []scheduler.OfferID{offer.ID}, Reserve: reserve, Unreserve: unreserve})
		offer = c.offered()
	}
	accept(others, reserved)
	assert.Equal(t, holding("n2"), contents(offer), "given back and reserved in one ACCEPT")

	accept([]scheduler.Resource{reservedFor("n3", scheduler.Resource{Name: "cpus", Amount: 100_000})}, nil)
	assert.Equal(t, holding("n2"), contents(offer), "there are not so many, and Mesos says nothing")
	accept(nil, reserved)
	assert.Equal(t, holding("n2"), contents(offer), "no longer reserved for n1, and Mesos says nothing")

	// What is launched on a reservation that could not be made is refused.
	many := reservedFor("n3", scheduler.Resource{Name: "cpus", Amount: 100_000})
	c.do(scheduler.Accept{
		Agent: offer.Agent, Offers: []scheduler.OfferID{offer.ID}, Reserve: []scheduler.Resource{many},
		Launches: []scheduler.Launch{{
			Node: scheduler.Node{Name: "workers-2"}, Task: "workers-2.1", TaskResources: []scheduler.Resource{many},
		}},
	})
	refused := until(c, reaches(scheduler.TaskError))
	assert.Equal(t, "REASON_TASK_INVALID", refused.Reason)
	assert.Empty(t, refused.Update)
	assert.Contains(t, refused.Message, "is more than available")
	offer = c.offered()

	accept(nil, others)
	assert.Equal(t, map[string]bool{"cpus 4": true, "mem 4096": true, "disk 1000": true, "ports 31000-31999": true}, contents(offer))
}

// schedule plans a maintenance of the agent.
func (w *world) schedule(t *testing.T, start time.Time) {
	t.Helper()
	w.operator(t, fmt.Sprintf(`{"type":"UPDATE_MAINTENANCE_SCHEDULE","update_maintenance_schedule":{"schedule":{"windows":[
		{"machine_ids":[{"hostname":"agent1.example","ip":"127.0.0.1"}],
		 "unavailability":{"start":{"nanoseconds":%d},"duration":{"nanoseconds":600000000000}}}]}}}`, start.UnixNano()))
}

func TestMaintenanceAgainstMesos(t *testing.T) {
	w := newWorld(t)
	c := talk(t, mesos.Options{Leader: leading(t, w.address), Renderer: launcher{}}, "")
	until(c, theNext[scheduler.Subscribed])
	offer := c.offered()
	c.do(scheduler.Accept{ // who has nothing on an agent is not asked to leave it
		Agent: offer.Agent, Offers: []scheduler.OfferID{offer.ID}, Refuse: time.Hour, Launches: []scheduler.Launch{{
			Node: scheduler.Node{Name: "workers-1", Pool: "workers", Executor: scheduler.Executor{
				Resources: []scheduler.Resource{take(offer, "cpus", 100), take(offer, "mem", 32000)},
			}}, Task: "workers-1.1", TaskResources: []scheduler.Resource{take(offer, "cpus", 500), take(offer, "mem", 64000)},
		}},
	})
	until(c, reaches(scheduler.TaskRunning))

	start := time.Now().Add(time.Hour)
	w.schedule(t, start)
	asked := until(c, theNext[scheduler.InverseOffered])
	want := scheduler.InverseOffer{Agent: offer.Agent, UnavailableFrom: start.UnixNano(), For: 10 * time.Minute}
	inverse := func(e scheduler.InverseOffered) scheduler.OfferID {
		t.Helper()
		require.Len(t, e.Offers, 1)
		want.ID = e.Offers[0].ID
		assert.Equal(t, want, e.Offers[0])
		return e.Offers[0].ID
	}
	c.do(scheduler.DeclineInverse{Offers: []scheduler.OfferID{inverse(asked)}, Refuse: time.Second})
	assert.Contains(t, w.operator(t, `{"type":"GET_MAINTENANCE_STATUS"}`), `"DECLINE"`)

	asked = until(c, theNext[scheduler.InverseOffered]) // it comes again
	c.do(scheduler.AcceptInverse{Offers: []scheduler.OfferID{inverse(asked)}, Refuse: time.Second})
	assert.Contains(t, w.operator(t, `{"type":"GET_MAINTENANCE_STATUS"}`), `"ACCEPT"`)

	open := inverse(until(c, theNext[scheduler.InverseOffered])) // and again, also after it was accepted
	start = start.Add(time.Hour)
	want.UnavailableFrom = start.UnixNano()
	w.schedule(t, start)
	assert.Equal(t, scheduler.InverseRescinded{Offer: open}, until(c, theNext[scheduler.InverseRescinded]))
	inverse(until(c, theNext[scheduler.InverseOffered]))
}

// frameworks is what the master says of the frameworks that there are, and of those that are over.
func (w *world) frameworks(t *testing.T) (live, completed []map[string]json.RawMessage) {
	t.Helper()
	var answer struct {
		GetFrameworks struct {
			Frameworks          []map[string]json.RawMessage `json:"frameworks"`
			CompletedFrameworks []map[string]json.RawMessage `json:"completed_frameworks"`
		} `json:"get_frameworks"`
	}
	require.NoError(t, json.Unmarshal([]byte(w.operator(t, `{"type":"GET_FRAMEWORKS"}`)), &answer))
	return answer.GetFrameworks.Frameworks, answer.GetFrameworks.CompletedFrameworks
}

func TestTheFrameworkChangesAndEndsAgainstMesos(t *testing.T) {
	w := newWorld(t)
	c := talk(t, mesos.Options{Leader: leading(t, w.address)}, "")
	until(c, theNext[scheduler.Subscribed])
	assert.Equal(t, scheduler.Role("workers"), c.offered().Role)
	c.do(scheduler.UpdateFramework{Roles: []scheduler.Role{"web"}, GPUs: true})
	assert.Equal(t, scheduler.Role("web"), c.offered().Role, "the open offer is rescinded and comes for the new role")

	bad := c.call(scheduler.UpdateFramework{Roles: []scheduler.Role{"a/../b"}})
	var refused *mesos.Refused
	require.ErrorAs(t, bad, &refused)
	assert.Equal(t, http.StatusBadRequest, refused.Status)

	// Another master knows only what SUBSCRIBE says.
	w.master.kill()
	until(c, theNext[scheduler.Disconnected])
	w.master.start()
	until(c, theNext[scheduler.Subscribed])
	assert.Equal(t, scheduler.Role("web"), c.offered().Role)
	live, _ := w.frameworks(t)
	require.Len(t, live, 1)
	assert.Contains(t, string(live[0]["framework_info"]), "GPU_RESOURCES")

	c.do(scheduler.TearDown{Why: "everything ends"})
	require.ErrorIs(t, c.end(), mesos.ErrTornDown)
	live, completed := w.frameworks(t)
	assert.Empty(t, live)
	assert.Len(t, completed, 1)
}
