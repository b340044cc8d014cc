package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// scene is what notes refer to without naming it: "the agent", "the stream", "the process in it".
type scene struct {
	agent    string // the latest agent that was started or signalled
	executor string // the latest executor that spoke or was spoken to
	caller   string // the latest scheduler
	sandbox  string // executor id of the latest launch

	lastCall   time.Time // of a scheduler, other than an acknowledgement
	lastOffers time.Time
	lastStop   time.Time // when a master was killed or stopped
	stopped    map[string]bool

	postponed   map[string][]*Entry // by scheduler that closes its stream or agent that is killed: calls sent after it
	sendingLate bool                // postponed calls are being sent
	back        map[string]answer   // executors that subscribed earlier than recorded

	exits map[string]time.Time // when executors were told to exit

	acknowledged map[string]time.Time // by task, as in the JSON of the call

	foreigners map[string]*foreigner
	probe      *probe
	web        *webServer
	zookeeper  *zookeeper
}

func (s *scene) end() {
	for _, f := range s.foreigners {
		_ = f.cmd.Process.Kill() // it may be gone already
	}
	if s.probe != nil {
		s.probe.stop()
	}
	if s.web != nil {
		s.web.close()
	}
	if s.zookeeper != nil {
		s.zookeeper.close()
	}
}

// prepare makes what is there before the first line of a scenario.
func (r *replay) prepare() error {
	r.scene = scene{
		stopped: map[string]bool{}, postponed: map[string][]*Entry{}, back: map[string]answer{},
		exits: map[string]time.Time{}, acknowledged: map[string]time.Time{}, foreigners: map[string]*foreigner{},
	}
	switch r.t.Name {
	case "17-fetcher":
		web, err := newWebServer(fmt.Sprintf("%s:%d", r.world.ip, 5070+r.world.shift))
		if err != nil {
			return err
		}
		r.scene.web = web
		local := filepath.Join(r.world.dir, "web")
		if err := os.Mkdir(local, 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(local, "tool"), []byte(toolFile), 0o644)
	case "18-authentication":
		return os.WriteFile(filepath.Join(r.world.dir, "credentials.json"), []byte(
			`{"credentials":[{"principal":"alice","secret":"wonder"},{"principal":"bob","secret":"builder"}]}`), 0o600)
	}
	return nil
}

// follow keeps the scene up to date with an entry.
func (r *replay) follow(e *Entry) {
	switch {
	case e.Role == Executor && e.Actor != "":
		r.scene.executor = e.Actor
	case e.Role == Operator && e.Kind == Call:
		if _, id, ok := strings.Cut(e.Body, `"agent_id":{"value":"`); ok {
			tok, _, _ := strings.Cut(id, `"`)
			if host := r.names.hosts[tok]; host != "" {
				r.scene.agent = strings.TrimSuffix(host, agentHost(""))
			}
		}
	case e.Role == Scheduler && e.Kind == Call:
		r.scene.caller = e.Actor
		if e.Type != "ACKNOWLEDGE" {
			r.scene.lastCall = time.Now()
		}
		if e.Type == "ACCEPT" {
			if _, id, ok := strings.Cut(e.Body, `"executor_id":{"value":"`); ok {
				r.scene.sandbox, _, _ = strings.Cut(id, `"`)
			}
		}
	}
}

// leader is where schedulers send: the master that leads, as far as the transcript told.
func (r *replay) leader() (string, error) {
	for _, name := range []string{r.leading, "master1", "master2", "master3"} {
		if p := r.world.procs[name]; p != nil && p.running() && !r.scene.stopped[name] {
			return r.world.addr(name)
		}
	}
	return r.world.addr("master1")
}

// agents asks the leading master for its agents.
func (r *replay) agents() []any {
	addr, err := r.leader()
	if err != nil {
		return nil
	}
	a := plain(request{
		addr: addr, method: http.MethodPost, path: "/api/v1", body: `{"type":"GET_AGENTS"}`,
		headers: []string{"Content-Type: application/json", "Accept: application/json"},
	})
	var v any
	if a.Code != http.StatusOK || json.Unmarshal([]byte(a.Body), &v) != nil {
		return nil
	}
	r.learnAgents(field(v, "get_agents"))
	list, _ := field(v, "get_agents", "agents").([]any)
	return list
}

// agentRegistered waits until an agent is registered since its process was started.
func (r *replay) agentRegistered(ctx context.Context, name string, deadline time.Time) error {
	p := r.world.procs[name]
	for {
		for _, a := range r.agents() {
			host := text(a, "agent_info", "hostname")
			active, _ := field(a, "active").(bool)
			since := p.started.Add(-100 * time.Millisecond)
			if host == agentHost(name) && active && (registeredAt(a, "registered_time").After(since) ||
				registeredAt(a, "reregistered_time").After(since)) {
				return nil
			}
		}
		if !p.running() {
			return fmt.Errorf("%s has ended: %s", name, lastLines(p.output(), 3))
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("%s has not registered", name)
		}
		pause(ctx, 50*time.Millisecond)
	}
}

func registeredAt(agent any, key string) time.Time {
	ns, _ := field(agent, key, "nanoseconds").(float64)
	return timeOf(ns)
}

// agentStarting says whether an agent is away, or was started so lately that its executors may still be refused.
func (r *replay) agentStarting(string) bool {
	for name, p := range r.world.procs {
		if strings.HasPrefix(name, "agent") && (!p.running() || time.Since(p.started) < 8*time.Second) {
			return true
		}
	}
	return false
}

func (r *replay) startForeigner(tok string, reap bool) error {
	f, err := r.world.newForeigner(r.names.ids[tok], reap)
	if err == nil {
		r.scene.foreigners[tok] = f
	}
	return err
}

// probe asks an agent's executor API in quick succession and remembers the different answers.
type probe struct {
	mu     sync.Mutex // guards seen
	seen   map[string]bool
	cancel context.CancelFunc
	done   chan struct{}
}

func startProbe(r *replay) error {
	addr, err := r.world.addr("agent1")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	p := &probe{seen: map[string]bool{}, cancel: cancel, done: make(chan struct{})}
	r.scene.probe = p
	q := request{
		addr: addr, method: http.MethodPost, path: "/api/v1/executor",
		headers: []string{"Content-Type: application/json", "Accept: application/json"},
		body:    `{"type":"HEARTBEAT","executor_id":{"value":"nobody"},"framework_id":{"value":"none"}}`,
	}
	go func() {
		defer close(p.done)
		for ctx.Err() == nil {
			a := plain(q)
			p.mu.Lock()
			p.seen[strings.ReplaceAll(a.describe(), "ECONNREFUSED", "ConnectionRefusedError")] = true
			p.mu.Unlock()
			pause(ctx, 2*time.Millisecond)
		}
	}()
	return nil
}

func (p *probe) stop() {
	p.cancel()
	<-p.done
}

func (p *probe) answers() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []string
	for a := range p.seen {
		list = append(list, a)
	}
	return list
}
