package container

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// reapInterval is how often processes that are nobody's children are looked at (the real agent's reaper: 100 ms for few).
const reapInterval = 100 * time.Millisecond

// Config is how an agent runs its containers.
type Config struct {
	Launcher         string // posix or linux
	Isolation        string // comma-separated; cgroups/cpu and cgroups/mem mean something here
	CgroupsHierarchy string // /sys/fs/cgroup
	CgroupsRoot      string // mesos
	EnableCFS        bool
	RuntimeDir       string
	FetcherCacheDir  string
	FetcherStall     time.Duration
	Program          string // this program, which is its containers' init process
}

// Processes starts containers and keeps those of an agent's earlier life.
type Processes struct {
	cfg   Config
	cg    cgroups
	cache *cache
	// stop ends what waits for processes that do not end.
	stop chan struct{}
}

// New checks the configuration and makes the agent's cgroups.
func New(cfg Config) (*Processes, error) {
	p := &Processes{
		cfg:   cfg,
		cg:    cgroups{mount: cfg.CgroupsHierarchy, root: cfg.CgroupsRoot},
		cache: &cache{dir: cfg.FetcherCacheDir, entries: map[string]*cacheEntry{}},
		stop:  make(chan struct{}),
	}
	switch cfg.Launcher {
	case "posix":
	case "linux":
		p.cg.controllers = append(p.cg.controllers, "freezer")
	default:
		return nil, fmt.Errorf("--launcher=%s: expected posix or linux", cfg.Launcher)
	}
	for _, i := range strings.Split(cfg.Isolation, ",") {
		switch i {
		case "cgroups/cpu":
			p.cg.controllers = append(p.cg.controllers, "cpu", "cpuacct")
		case "cgroups/mem":
			p.cg.controllers = append(p.cg.controllers, "memory")
		case "posix/cpu", "posix/mem", "filesystem/posix", "":
		default:
			return nil, fmt.Errorf("--isolation=%s: %s is not supported, expected some of "+
				"posix/cpu, posix/mem, filesystem/posix, cgroups/cpu, cgroups/mem", cfg.Isolation, i)
		}
	}
	if p.cg.used() && cfg.Launcher != "linux" {
		return nil, errors.New("--isolation with cgroups needs --launcher=linux")
	}
	if err := p.cg.prepare(); err != nil {
		return nil, err
	}
	return p, nil
}

// Close ends the waiting for containers; the containers themselves go on.
func (p *Processes) Close() { close(p.stop) }

// Launch starts a container. It returns at once; the events tell the rest.
func (p *Processes) Launch(spec Spec, notify func(Event)) *Container {
	c := p.container(spec.ID, notify)
	go c.launch(spec) // ends with the container, or with Processes
	return c
}

// Recover takes the containers of an earlier life back, each with its own receiver of events (Ended alone), and begins to
// destroy everything else that lies below the cgroups root. It does not wait for that: it takes as long as somebody leaves a
// killed process unreaped.
func (p *Processes) Recover(known []Known, notify func(id string, e Event)) (map[string]*Container, error) {
	back := map[string]*Container{}
	for _, k := range known {
		c := p.container(k.ID, func(e Event) { notify(k.ID, e) })
		c.pid.Store(int64(k.PID))
		back[k.ID] = c
	}
	ids, err := p.cg.list()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if back[id] == nil {
			go p.destroyOrphan(id) // ends with the container, or with Processes
		}
	}
	for _, c := range back {
		go c.adopt() // ends with the container, or with Processes
	}
	return back, nil
}

func (p *Processes) destroyOrphan(id string) {
	if p.cg.destroy(id, p.stop) == nil {
		_ = os.RemoveAll(p.runtime(id)) // in nobody's way if it stays
	}
}

func (p *Processes) runtime(id string) string {
	return filepath.Join(p.cfg.RuntimeDir, "containers", id)
}

func (p *Processes) container(id string, notify func(Event)) *Container {
	return &Container{id: id, p: p, notify: notify, destroyed: make(chan struct{})}
}
