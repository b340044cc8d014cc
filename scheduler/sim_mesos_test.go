package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// subscribe connects the leader of the given epoch; what was offered before is void.
func (w *world) subscribe(epoch int) {
	if w.core == nil || w.epoch != epoch {
		return
	}
	w.subscribed, w.suppressed = true, false
	clear(w.offers)
	for _, a := range w.agents {
		a.refused = time.Time{}
	}
	w.tell(Subscribed{Framework: "fw-1", Master: "m1"})
	w.later(time.Second, time.Second, w.offerAll)
	for _, id := range slices.Sorted(maps.Keys(w.updates)) {
		w.resend(id)
	}
}

// disconnect ends the subscription, as a master failover does.
func (w *world) disconnect() {
	if w.core == nil || !w.subscribed {
		return
	}
	w.subscribed = false
	clear(w.offers)
	w.tell(Disconnected{Why: "the master died"})
	epoch := w.epoch
	w.later(time.Second, 15*time.Second, func() { w.subscribe(epoch) })
}

// free is what an agent's tasks leave.
func (w *world) free(a *simAgent) Resources {
	left := a.capacity
	for _, t := range w.tasks {
		if t.agent == a && t.alive {
			left = left.Plus(Resources{CPUs: -t.uses.CPUs, Mem: -t.uses.Mem})
		}
	}
	return left
}

// offerAll is one allocation: everything free that is not offered yet.
func (w *world) offerAll() {
	if !w.subscribed || w.suppressed {
		return
	}
	var event Offered
	for _, a := range w.agents {
		if !a.reachable || w.now.Before(a.refused) || w.offered(a) {
			continue
		}
		w.lastOffer++
		left, id := w.free(a), OfferID(fmt.Sprintf("o%d", w.lastOffer))
		resources := []Resource{{Name: "cpus", Amount: left.CPUs, Role: "*"}, {Name: "mem", Amount: left.Mem, Role: "*"}}
		w.offers[id] = &simOffer{agent: a, resources: resources}
		event.Offers = append(event.Offers, Offer{ID: id, Agent: a.id, Host: a.host, Role: "*", Resources: resources})
	}
	if len(event.Offers) > 0 {
		w.tell(event)
	}
}

func (w *world) offered(a *simAgent) bool {
	for _, o := range w.offers {
		if o.agent == a {
			return true
		}
	}
	return false
}

// perform does what the master does with a call, if it arrives.
func (w *world) perform(call Call) {
	if !w.subscribed {
		w.violated("call while not subscribed: %s", call)
	}
	if _, answer := call.(Accept); answer {
		w.answered(call)
	}
	if _, answer := call.(Decline); answer {
		w.answered(call)
	}
	if w.chance(5) {
		w.logf("  lost")
		return
	}
	switch c := call.(type) {
	case Accept:
		w.accept(c)
	case Decline:
		w.later(c.Refuse, c.Refuse+time.Second, w.offerAll)
	case Acknowledge:
		if u, known := w.updates[c.Update]; known {
			if n, recorded := w.saved.nodes[w.tasks[u.Task].node]; recorded && u.State.Over() && n.Phase != Gone {
				w.violated("update %s of %s is acknowledged before it is saved", u.State, u.Task)
			}
		}
		delete(w.updates, c.Update)
	case Kill:
		w.kill(c)
	case TellDrained:
		if t := w.taskOf(c.Node); t != nil && t.agent.reachable {
			t.told = true
		}
	case SendToken:
		w.tokenSent(c)
	case Reconcile:
		w.reconcile(c)
	case Revive:
		w.suppressed = false
		for _, a := range w.agents {
			a.refused = time.Time{}
		}
		w.later(0, time.Second, w.offerAll)
	case Suppress:
		w.suppressed = true
	}
}

// answered takes the offers of an answer out of the game: each is answered once.
func (w *world) answered(call Call) {
	var ids []OfferID
	switch c := call.(type) {
	case Accept:
		ids = c.Offers
	case Decline:
		ids = c.Offers
	}
	for _, id := range ids {
		if w.offers[id] == nil {
			w.violated("offer %s is answered twice, or is not valid any more", id)
		}
	}
	if accept, ok := call.(Accept); ok {
		w.fits(accept)
	}
	for _, id := range ids {
		if decline, ok := call.(Decline); ok {
			w.offers[id].agent.refused = w.now.Add(decline.Refuse)
		}
		delete(w.offers, id)
	}
}

// fits asserts that no more is launched than was offered.
func (w *world) fits(accept Accept) {
	offered, launched := map[string]Amount{}, map[string]Amount{}
	for _, id := range accept.Offers {
		for _, r := range w.offers[id].resources {
			offered[r.Name] += r.Amount
		}
	}
	for _, l := range accept.Launches {
		for _, r := range slices.Concat(l.TaskResources, l.Node.Executor.Resources) {
			launched[r.Name] += r.Amount
		}
	}
	for name, amount := range launched {
		if amount > offered[name] {
			w.violated("%s of %s launched, %s offered", amount, name, offered[name])
		}
	}
}

func (w *world) accept(c Accept) {
	agent := w.agent(c.Agent)
	for _, l := range c.Launches {
		if _, recorded := w.saved.nodes[l.Node.Name]; !recorded {
			w.violated("launch of %s without a record", l.Task)
		}
		if w.tasks[l.Task] != nil {
			w.violated("task ID %s is used twice", l.Task)
		}
		if !agent.reachable {
			continue // lost with the agent; the master will say that it does not know the task
		}
		t := &simTask{id: l.Task, node: l.Node.Name, agent: agent, state: TaskStaging, alive: true, uses: l.Node.Slice().Plus(l.Node.Executor.Overhead)}
		w.tasks[l.Task] = t
		w.check()
		if w.chance(5) {
			w.later(time.Second, 5*time.Second, func() { w.end(t, TaskFailed, "the kubelet ended") })
			continue
		}
		w.later(100*time.Millisecond, 5*time.Second, func() { w.becomeRunning(t) })
	}
}

func (w *world) agent(id AgentID) *simAgent {
	for _, a := range w.agents {
		if a.id == id {
			return a
		}
	}
	return &simAgent{id: id}
}

func (w *world) taskOf(node NodeName) *simTask { return w.tasks[node.Task(1)] }

func (w *world) becomeRunning(t *simTask) {
	if !t.alive || t.state != TaskStaging {
		return
	}
	t.state = TaskRunning
	w.update(t, TaskRunning, "")
	w.later(100*time.Millisecond, 5*time.Second, func() { w.join(t) })
}

// kill ends a task after its executor's own drain, if it was not told that the node is drained.
func (w *world) kill(c Kill) {
	t := w.tasks[c.Task]
	switch {
	case t == nil || !t.alive, !t.agent.reachable: // in the last case the kill is lost
		w.later(0, time.Second, func() { w.answer(c.Task, c.Agent) })
	case !t.stopping:
		n, recorded := w.saved.nodes[t.node]
		if object := w.objects[t.agent.host]; recorded && object != nil && object.ProviderID == t.node.ProviderID("fw-1") &&
			object.pods > 0 && t.told && w.now.Before(n.DrainBy) {
			w.violated("kill of %s with %d pods on it, before its deadline, and its executor was told not to drain", c.Task, object.pods)
		}
		t.stopping = true
		w.later(100*time.Millisecond, 10*time.Second, func() { w.end(t, TaskKilled, "") })
	}
}

// end is the end of a task's processes.
func (w *world) end(t *simTask, state TaskState, message string) {
	if !t.alive {
		return
	}
	t.alive, t.state = false, state
	if object := w.objects[t.agent.host]; object != nil && object.ProviderID == t.node.ProviderID("fw-1") {
		object.Ready, object.ReadyWhy = false, "the kubelet stopped posting"
		w.later(time.Second, 40*time.Second, func() { w.show(object) })
	}
	t.agent.refused = time.Time{} // a bigger offer breaks a filter
	w.later(0, 3*time.Second, func() { w.update(t, state, message) })
	w.later(0, 3*time.Second, w.offerAll)
}

// update sends a status update until it is acknowledged.
func (w *world) update(t *simTask, state TaskState, message string) {
	w.lastUpdate++
	id := UpdateID(fmt.Sprintf("u%04d", w.lastUpdate))
	w.updates[id] = TaskUpdated{Task: t.id, Agent: t.agent.id, State: state, Message: message, Update: id}
	w.resend(id)
}

func (w *world) resend(id UpdateID) {
	u, pending := w.updates[id]
	if !pending {
		return
	}
	if t := w.tasks[u.Task]; w.subscribed && t.agent.reachable && !w.chance(10) {
		w.tell(u)
		if w.chance(5) {
			w.tell(u)
		}
	}
	w.later(10*time.Second, 20*time.Second, func() { w.resend(id) })
}

// reconcile answers as the recordings show.
func (w *world) reconcile(c Reconcile) {
	for _, ask := range c.Tasks {
		w.later(0, time.Second, func() { w.answer(ask.Task, ask.Agent) })
	}
	if len(c.Tasks) == 0 {
		for _, id := range slices.Sorted(maps.Keys(w.tasks)) {
			if t := w.tasks[id]; t.alive && t.agent.reachable {
				w.later(0, time.Second, func() { w.answer(id, t.agent.id) })
			}
		}
	}
}

// answer is the master's answer about one task: with the wrong agent ID it is wrong.
func (w *world) answer(id TaskID, agent AgentID) {
	if !w.subscribed {
		return
	}
	answer := TaskUpdated{Task: id, Agent: agent, Reason: "REASON_RECONCILIATION", State: TaskUnknown}
	t, a := w.tasks[id], w.agent(agent)
	switch {
	case a.host == "":
	case !a.reachable:
		answer.State = TaskUnreachable
	case t != nil && t.alive:
		answer.State, answer.Agent = t.state, t.agent.id
	default:
		answer.State = TaskGone
	}
	if answer.State == TaskGone && t != nil && w.pending(id) {
		return // the terminal update is on its way
	}
	w.tell(answer)
}

func (w *world) pending(id TaskID) bool {
	for _, u := range w.updates {
		if u.Task == id && u.State.Over() {
			return true
		}
	}
	return false
}

// partition cuts an agent off; Mesos notices after its pings.
func (w *world) partition(a *simAgent, heals bool) {
	if !a.reachable {
		return
	}
	w.logf("!!! agent %s is cut off", a.id)
	a.reachable = false
	for id, o := range w.offers {
		if o.agent == a {
			delete(w.offers, id)
		}
	}
	lost := func() {
		for _, id := range slices.Sorted(maps.Keys(w.tasks)) {
			if t := w.tasks[id]; t.agent == a && t.alive && !a.reachable && w.subscribed {
				w.tell(TaskUpdated{Task: id, Agent: a.id, State: TaskUnreachable, Reason: "REASON_AGENT_REMOVED"})
			}
		}
	}
	w.later(75*time.Second, 90*time.Second, lost)
	if heals {
		w.later(time.Second, 15*time.Minute, func() { w.heal(a) })
	}
}

// heal brings an agent back; it announces its tasks.
func (w *world) heal(a *simAgent) {
	if a.reachable {
		return
	}
	w.logf("!!! agent %s is back", a.id)
	a.reachable = true
	for _, id := range slices.Sorted(maps.Keys(w.tasks)) {
		if t := w.tasks[id]; t.agent == a && t.alive && w.subscribed {
			w.tell(TaskUpdated{Task: id, Agent: a.id, State: t.state, Reason: "REASON_AGENT_REREGISTERED"})
		}
	}
	w.later(0, time.Second, w.offerAll)
}
