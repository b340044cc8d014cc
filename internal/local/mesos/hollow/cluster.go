package hollow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"k8s-framework/internal/local/mesos/flags"
	"k8s-framework/internal/local/mesos/master"
)

// ClusterOptions describe masters and agents of one process.
type ClusterOptions struct {
	Agents Options // without Masters
	// Master is the first master's flags.
	Master *flags.Master
	// StandbyPort is the port of a second master with the same flags, 0 for none. It needs the flag zk.
	StandbyPort int
	// HeartbeatInterval is as in master.Options.
	HeartbeatInterval time.Duration
	// Log gets the masters' log; nil for none.
	Log io.Writer
}

// Paths that each master of a Cluster serves beside its own.
const (
	// CountsPath answers a GET with a Snapshot in JSON.
	CountsPath = "/hollow/counts"
	// FailoverPath takes a POST: see Cluster.Failover.
	FailoverPath = "/hollow/failover"
)

// Snapshot is what was counted until now, by all masters of the process together.
type Snapshot struct {
	Now    int64          `json:"now"` // nanoseconds since 1970
	Master *master.Counts `json:"master"`
	Agents Counts         `json:"agents"`
}

// Cluster is masters and agents of one process.
type Cluster struct {
	o      ClusterOptions
	counts master.Counts
	agents *Agents
	places []place
}

// place is where one master after the other listens.
type place struct {
	flags flags.Master
	reign atomic.Pointer[reign]
}

// reign is one master's time at its place.
type reign struct {
	master *master.Master
	end    chan struct{}
	once   sync.Once
}

// NewCluster listens. The caller must call Run.
func NewCluster(o ClusterOptions) (*Cluster, error) {
	switch {
	case o.Agents.Number < 0 || o.Agents.Number >= 1<<22:
		return nil, fmt.Errorf("%d agents: there are addresses for four million", o.Agents.Number)
	case o.StandbyPort != 0 && o.Master.ZK == "":
		return nil, errors.New("a second master needs --zk: who leads is said there")
	}
	c := &Cluster{o: o, places: make([]place, 1, 2)}
	c.places[0].flags = *o.Master
	if o.StandbyPort != 0 {
		c.places = c.places[:2]
		c.places[1].flags = *o.Master
		c.places[1].flags.Port, c.places[1].flags.AdvertisePort = o.StandbyPort, 0
	}
	o.Agents.Masters = c.masters
	c.agents = New(o.Agents)
	for i := range c.places {
		if err := c.appoint(&c.places[i]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Addr is where the first master listens.
func (c *Cluster) Addr() net.Addr { return c.places[0].reign.Load().master.Addr() }

// Snapshot may be called at any time.
func (c *Cluster) Snapshot() Snapshot {
	return Snapshot{Now: time.Now().UnixNano(), Master: &c.counts, Agents: c.agents.Counts()}
}

// Failover ends the leading master, as its death would, and starts another at its place, which stands by where a second one
// leads then. It says whether a master led. Agents and tasks stay.
func (c *Cluster) Failover() bool {
	for i := range c.places {
		if r := c.places[i].reign.Load(); r.master.Leads() {
			r.once.Do(func() { close(r.end) })
			return true
		}
	}
	return false
}

func (c *Cluster) masters() []*master.Master {
	all := make([]*master.Master, len(c.places))
	for i := range c.places {
		all[i] = c.places[i].reign.Load().master
	}
	return all
}

// appoint makes the next master of a place. Its port, if it was free to choose, is kept.
func (c *Cluster) appoint(p *place) error {
	m, err := master.New(master.Options{
		Flags: &p.flags, Log: c.o.Log, HeartbeatInterval: c.o.HeartbeatInterval, Counts: &c.counts, Shortcut: true,
		Routes: map[string]http.Handler{
			CountsPath: http.HandlerFunc(c.serveCounts), FailoverPath: http.HandlerFunc(c.serveFailover),
		},
	})
	if err != nil {
		return err
	}
	p.flags.Port = m.Addr().(*net.TCPAddr).Port
	p.reign.Store(&reign{master: m, end: make(chan struct{})})
	return nil
}

// Run runs masters and agents until ctx is done, or until a master ends by itself.
func (c *Cluster) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(c.places))
	for i := range c.places {
		go func() { ended <- c.rule(ctx, &c.places[i]) }() // ends with ctx
	}
	played := make(chan struct{})
	go func() { defer close(played); c.agents.Run(ctx) }() // ends with ctx
	var first error
	for range c.places {
		if err := <-ended; err != nil && first == nil {
			first = err
		}
		cancel()
	}
	<-played
	return first
}

// rule runs one master of a place after the other.
func (c *Cluster) rule(ctx context.Context, p *place) error {
	for {
		r := p.reign.Load()
		reigns, abdicate := context.WithCancel(ctx)
		go func() { // ends with the reign
			select {
			case <-r.end:
				abdicate()
			case <-reigns.Done():
			}
		}()
		err := r.master.Run(reigns)
		abdicate()
		if err != nil || ctx.Err() != nil {
			return err
		}
		if err := c.appoint(p); err != nil {
			return fmt.Errorf("after the failover: %w", err)
		}
	}
}

func (c *Cluster) serveCounts(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(c.Snapshot()) // the client has gone
}

func (c *Cluster) serveFailover(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case !c.Failover():
		http.Error(w, "no master leads", http.StatusConflict)
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}
