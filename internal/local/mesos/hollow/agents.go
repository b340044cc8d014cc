package hollow

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"k8s-framework/internal/local/mesos/link"
	"k8s-framework/internal/local/mesos/master"
)

// Options describe the agents.
type Options struct {
	// Number of the agents. They are counted from 1.
	Number int
	// Hostname is what stands before the number in a host name: "agent-" makes agent-00001.example.com.
	Hostname string
	// Resources of each agent.
	Resources []mesos.Resource
	// Attributes and Domain of one agent; nil for none. Agents may share what is returned, nobody changes it.
	Attributes func(number int) []mesos.Attribute
	Domain     func(number int) *mesos.DomainInfo
	// Delay is the time from a launch to TASK_STARTING and TASK_RUNNING.
	Delay time.Duration
	// Spread is the time over which agents that look for a master register, each at a random moment, as those of a real
	// cluster do. The first registration does not wait.
	Spread time.Duration
	// Masters are the masters of this process; the agents register with the one that leads. It is called often.
	Masters func() []*master.Master
}

// Agents are the agents. New makes them, Run plays them once.
type Agents struct {
	o      Options
	agents []agent

	// What follows belongs to Run's goroutine.
	now        time.Time
	frameworks map[string]*mesos.FrameworkInfo
	deadlines  deadlines
	searching  []*agent // those that need a leading master
	out        []master.Said
	receiver   *master.Master // of what is in out

	mu    sync.Mutex // the masters' goroutines fill the inbox
	inbox []heard
	wake  chan struct{}

	counts counts
}

// counts are read by Counts.
type counts struct{ registered, running, updates, repeated, acknowledged atomic.Int64 }

// Counts say how the agents are doing.
type Counts struct {
	// Registered agents, and tasks whose latest state is TASK_RUNNING, acknowledged or not: now.
	Registered int64 `json:"registered"`
	Running    int64 `json:"running"`
	// Updates were sent, Repeated of them not for the first time, and Acknowledged were acknowledged: since the beginning.
	Updates      int64 `json:"updates"`
	Repeated     int64 `json:"repeated"`
	Acknowledged int64 `json:"acknowledged"`
}

// Counts may be called from any goroutine.
func (a *Agents) Counts() Counts {
	return Counts{
		Registered: a.counts.registered.Load(), Running: a.counts.running.Load(), Updates: a.counts.updates.Load(),
		Repeated: a.counts.repeated.Load(), Acknowledged: a.counts.acknowledged.Load(),
	}
}

// heard is what a master says on a line; without a message the line is broken.
type heard struct {
	line    *line
	message link.Message
}

// line is one link of one agent with one master.
type line struct {
	agent  *agent
	master *master.Master
	end    *master.Attached
	of     *Agents
}

// Send, Close and CloseAfterSend are master.Peer.
func (l *line) Send(m link.Message) error {
	l.of.hear(heard{l, m})
	return nil
}

func (l *line) Close()          { l.of.hear(heard{line: l}) }
func (l *line) CloseAfterSend() { l.Close() }

func (a *Agents) hear(h heard) {
	a.mu.Lock()
	a.inbox = append(a.inbox, h)
	first := len(a.inbox) == 1
	a.mu.Unlock()
	if first {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
}

// New makes the agents; they do nothing before Run.
func New(o Options) *Agents {
	a := &Agents{o: o, agents: make([]agent, o.Number), frameworks: map[string]*mesos.FrameworkInfo{}, wake: make(chan struct{}, 1)}
	for i := range a.agents {
		g := &a.agents[i]
		g.number = i + 1
		g.total = o.Resources
		a.searching = append(a.searching, g)
	}
	return a
}

const (
	lookAgain     = 20 * time.Millisecond // between two looks for a leading master, while agents need one
	registerAgain = time.Second           // after a registration that was not answered; then after twice as long
	maxBatch      = 256                   // messages that a master is given in one piece: it does nothing else meanwhile
)

// Run plays the agents until ctx is done.
func (a *Agents) Run(ctx context.Context) {
	a.now = time.Now()
	a.search(0)
	wake := time.NewTimer(time.Hour)
	defer wake.Stop()
	var batch []heard
	for {
		a.now = time.Now()
		next := a.deadlines.run(a.now)
		a.flush()
		wake.Reset(next)
		select {
		case <-ctx.Done():
			return
		case <-wake.C:
		case <-a.wake:
			a.now = time.Now()
			a.mu.Lock()
			batch, a.inbox = a.inbox, batch[:0]
			a.mu.Unlock()
			for _, h := range batch {
				a.receive(h)
			}
			clear(batch) // what was said is not held
		}
	}
}

// say sends a message of an agent that has a line; nil breaks the line.
func (a *Agents) say(g *agent, m link.Message) {
	line := g.line
	if a.receiver != line.master || len(a.out) == maxBatch {
		a.flush()
		a.receiver = line.master
	}
	if g.line == line {
		a.out = append(a.out, master.Said{By: line.end, Message: m})
	}
}

// flush hands over what was said. A master that has ended has no lines.
func (a *Agents) flush() {
	if len(a.out) == 0 {
		return
	}
	said := a.out
	a.out = make([]master.Said, 0, maxBatch)
	if a.receiver.Deliver(said) {
		return
	}
	for i := range a.agents {
		if g := &a.agents[i]; g.line != nil && g.line.master == a.receiver {
			a.lost(g)
		}
	}
}

// lost is a line that is broken. Agents that lost theirs at the same time look for a master together.
func (a *Agents) lost(g *agent) {
	g.line = nil
	if g.registered {
		g.registered = false
		a.counts.registered.Add(-1)
	}
	if g.over {
		return
	}
	a.searching = append(a.searching, g)
	if len(a.searching) == 1 {
		a.after(0, func() { a.search(a.o.Spread) })
	}
}

// search registers the agents that look for a master, as soon as one leads.
func (a *Agents) search(spread time.Duration) {
	leader := a.leader()
	if leader == nil {
		a.after(lookAgain, func() { a.search(spread) })
		return
	}
	searching := a.searching
	a.searching = nil
	for _, g := range searching {
		if spread == 0 {
			a.register(g, leader)
		} else {
			a.after(rand.N(spread), func() { a.register(g, leader) })
		}
	}
}

// leader is the master that leads, nil for none.
func (a *Agents) leader() *master.Master {
	for _, m := range a.o.Masters() {
		if m.Leads() {
			return m
		}
	}
	return nil
}

func (a *Agents) after(d time.Duration, f func()) { a.deadlines.add(a.now.Add(d), f) }
