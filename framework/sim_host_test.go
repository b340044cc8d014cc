package framework

import (
	"fmt"
	"slices"
	"time"

	"k8s-framework/scheduler"
)

// simHost is a machine with a Mesos agent.
type simHost struct {
	w          *simWorld
	name       scheduler.Hostname
	attributes []scheduler.Attribute
	zone       string
	// total is what the agent is configured to offer.
	total []scheduler.Resource
	agent *simAgent

	powered bool
	linked  bool // to the Mesos master
	// posix: the agent's launcher cannot end what an earlier agent has left; else it does so when it starts.
	posix bool
	// kubelets are the executors whose kubelet runs: their processes, not what anybody thinks of them.
	kubelets []*simExecutor
	sick     bool // the container runtime is broken: the kubelet is not Ready

	// unavailable is the start of a planned maintenance; zero: none is planned. down: it has begun.
	unavailable time.Time
	// said is the last start that offers have told of.
	said  time.Time
	lasts time.Duration
	down  bool
}

// newSimHosts makes the machines: in three zones, two of another kind, one too small, one with resources of a role.
func newSimHosts(w *simWorld) []*simHost {
	var hosts []*simHost
	for i := range 11 {
		h := &simHost{
			w: w, name: scheduler.Hostname(fmt.Sprintf("h%d", i+1)), zone: fmt.Sprintf("z%d", i%3+1), powered: true, linked: true,
			posix: i%3 == 1,
		}
		cpus, kind := scheduler.Amount(4000), "general"
		switch i {
		case 3, 7:
			kind = "edge"
		case 10:
			cpus = 600
		}
		h.attributes = []scheduler.Attribute{{Name: "kind", Value: kind}, {Name: "rack", Value: fmt.Sprint(i / 2)}}
		h.total = []scheduler.Resource{
			{Name: "cpus", Amount: cpus}, {Name: "mem", Amount: 8_192_000}, {Name: "ports", Ranges: scheduler.Ranges{{Begin: 31000, End: 31009}}},
		}
		if i == 5 {
			h.total = append(h.total, scheduler.Resource{Name: "cpus", Amount: 500, Reservations: []scheduler.Reservation{{Role: "batch"}}})
		}
		h.newAgent()
		h.agent.status = simRegistered
		hosts = append(hosts, h)
	}
	return hosts
}

// newAgent gives the host an agent with a new id: it knows nothing of the one before.
func (h *simHost) newAgent() {
	h.agent = &simAgent{w: h.w, host: h, id: scheduler.AgentID(h.w.fresh("a")), up: true, resources: newSimBag(h.total), status: simRemoved}
	h.w.master.agents[h.agent.id] = h.agent
}

// cutOff takes the network to the master away for a while.
func (h *simHost) cutOff(d time.Duration) {
	if !h.linked {
		return
	}
	h.w.logf("!!! host %s is cut off from Mesos for %s", h.name, d)
	h.linked = false
	h.agent.lose()
	h.w.later(d, d, h.reconnect)
}

func (h *simHost) reconnect() {
	if !h.linked {
		h.w.logf("host %s reaches Mesos again", h.name)
		h.linked = true
		h.agent.comeBack(0, 2*time.Second)
	}
}

// powerOff ends everything on the host at once; after its boot the agent says so of its tasks.
func (h *simHost) powerOff(d time.Duration) {
	if !h.powered {
		return
	}
	h.w.logf("!!! host %s loses its power for %s", h.name, d)
	h.powered = false
	for _, e := range slices.Clone(h.agent.executors) {
		e.kubeletEnded()
		e.alive = false
	}
	h.agent.lose()
	h.w.later(d, d, h.powerOn)
}

func (h *simHost) powerOn() {
	if h.powered {
		return
	}
	h.w.logf("host %s boots", h.name)
	h.powered, h.sick = true, false
	for _, e := range slices.Clone(h.agent.executors) {
		if !e.alive {
			e.reported = true // there is no FAILURE after a boot
			e.over(scheduler.TaskFailed, "REASON_EXECUTOR_TERMINATED", "the host was restarted")
		}
	}
	h.agent.comeBack(0, 5*time.Second)
}

// loseWorkDir restarts the agent under a new id. The linux launcher ends the containers that it does not know; with the posix
// launcher executors live on, learn that nobody knows them, drain, and end.
func (h *simHost) loseWorkDir() {
	if !h.powered || !h.agent.up || h.down {
		return
	}
	old := h.agent
	h.w.logf("!!! agent %s of host %s is started with an empty work directory", old.id, h.name)
	old.lose()
	old.replaced()
	h.newAgent()
	h.agent.comeBack(time.Second, 5*time.Second)
}

// restartAgent stops the agent's process for a while; executors go on.
func (h *simHost) restartAgent(d time.Duration) {
	a := h.agent
	if !a.up || !h.powered || h.down {
		return
	}
	h.w.logf("!!! agent %s is down for %s", a.id, d)
	a.up = false
	a.lose()
	h.w.later(d, d, func() {
		if h.agent == a && !a.up {
			a.up = true
			a.comeBack(2*time.Second, 4*time.Second)
		}
	})
}

// live is the kubelet's executor on the host; nil: none runs.
func (h *simHost) live() *simExecutor {
	if len(h.kubelets) == 0 {
		return nil
	}
	return h.kubelets[0]
}

// mend undoes every fault of the host.
func (h *simHost) mend() {
	h.sick = false
	h.reconnect()
	h.powerOn()
	if !h.agent.up && !h.down {
		h.agent.up = true
		h.agent.comeBack(0, 4*time.Second)
	}
	if h.agent.draining != nil && !h.agent.draining.gone {
		h.w.later(20*time.Minute, 30*time.Minute, h.agent.reactivate)
	}
}
