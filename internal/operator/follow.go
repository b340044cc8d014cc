package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"k8s-framework/scheduler"
)

// lookEvery is how often the state is asked for while somebody waits.
const lookEvery = time.Second

// goal is what an order comes to in the end: its pools have as many nodes as they want, and all of them are Ready.
type goal struct {
	pools []string
	// change: also, all nodes are of the version that the pool has when the wait begins.
	change bool
	// without is a node that is gone by then; empty: none.
	without scheduler.NodeName
}

// Follow waits until what was asked for has come about, and writes a line for each change of a node's phase. It is an error
// if the change is stopped, rolled back or held, or if the timeout passes. While no instance answers it waits on.
func (c *Client) Follow(ctx context.Context, r Request, timeout time.Duration, out io.Writer) error {
	return follow(ctx, c.State, r.goal, timeout, out)
}

// follower is somebody who waits.
type follower struct {
	goal     goal
	out      io.Writer
	phases   map[scheduler.NodeName]scheduler.Phase
	sizes    map[scheduler.NodeName]scheduler.Resources
	versions map[string]int64
	looked   bool
	// trouble is why the last look failed.
	trouble string
}

func follow(ctx context.Context, state func(context.Context) (scheduler.View, error), goal goal, timeout time.Duration, out io.Writer) error {
	f := &follower{
		goal: goal, out: out, versions: map[string]int64{},
		phases: map[scheduler.NodeName]scheduler.Phase{}, sizes: map[scheduler.NodeName]scheduler.Resources{},
	}
	late, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	pending := "nothing is known yet"
	for {
		view, err := state(late)
		if f.failed(err); err == nil {
			f.show(view)
			if pending, err = f.pending(view); err != nil || pending == "" {
				return err
			}
		}
		select {
		case <-ticker.C:
		case <-late.Done():
			if ctx.Err() != nil {
				return fmt.Errorf("the wait was interrupted, what was asked for goes on: %s", pending)
			}
			return fmt.Errorf("--timeout of %s has passed, what was asked for goes on: %s", timeout, pending)
		}
	}
}

// failed writes why there is no state, once.
func (f *follower) failed(err error) {
	text := ""
	if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		text = err.Error()
	}
	if text != "" && text != f.trouble {
		f.say("%s; trying again", text)
	}
	f.trouble = text
}

// show writes which nodes of the pools have changed their phase or their size. At the first look those count as changed that are not Ready.
func (f *follower) show(view scheduler.View) {
	seen := map[scheduler.NodeName]bool{}
	for _, n := range view.Nodes {
		if !f.cares(n.Pool) {
			continue
		}
		seen[n.Name] = true
		before := f.phases[n.Name]
		if f.phases[n.Name] = n.Phase; before != n.Phase && (f.looked || n.Phase != scheduler.Ready) {
			f.say("node %s on %s: %s: %s", n.Name, n.Host, n.Phase, n.Why)
		}
		size, known := f.sizes[n.Name]
		if f.sizes[n.Name] = n.Slice(); known && size != n.Slice() {
			f.say("node %s on %s: has %s now", n.Name, n.Host, n.Slice())
		}
	}
	for name := range f.phases {
		if !seen[name] {
			f.say("node %s: over, and forgotten", name)
			delete(f.phases, name)
			delete(f.sizes, name)
		}
	}
	f.looked = true
}

func (f *follower) cares(pool scheduler.PoolName) bool {
	for _, each := range f.goal.pools {
		if each == string(pool) {
			return true
		}
	}
	return false
}

func (f *follower) say(format string, args ...any) {
	fmt.Fprintf(f.out, "%s  %s\n", time.Now().UTC().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// pending says what the goal still waits for; empty: for nothing. An error ends the wait.
func (f *follower) pending(view scheduler.View) (string, error) {
	waiting := ""
	for _, name := range f.goal.pools {
		p := findPool(view, name)
		if p == nil || p.Deleted {
			return "", fmt.Errorf("pool %s is being deleted", name)
		}
		if err := f.ended(p); err != nil {
			return "", err
		}
		if text := f.unsettled(view, p); text != "" && waiting == "" {
			waiting = fmt.Sprintf("pool %s: %s", name, text)
		}
	}
	return waiting, nil
}

// ended says why a change will not go on by itself.
func (f *follower) ended(p *scheduler.PoolView) error {
	if !f.goal.change {
		return nil
	}
	version, known := f.versions[string(p.Name)]
	f.versions[string(p.Name)] = p.Rollout.Version
	switch {
	case p.Rollout.Stopped != "":
		return fmt.Errorf("pool %s: the change is stopped: %s", p.Name, p.Rollout.Stopped)
	case known && version != p.Rollout.Version:
		return fmt.Errorf("pool %s: version %d was followed, and it has version %d now: %s",
			p.Name, version, p.Rollout.Version, orElse(p.Rollout.RolledBack, "somebody has changed it again"))
	case p.Paused && p.Outdated > 0:
		return fmt.Errorf("pool %s: the change is paused with %d nodes to go: k8s-framework resume %s", p.Name, p.Outdated, p.Name)
	default:
		return nil
	}
}

// unsettled says what a pool lacks. Nodes that are Unreachable are missed if they are wanted, and are not waited for else.
func (f *follower) unsettled(view scheduler.View, p *scheduler.PoolView) string {
	nodes, ready := 0, 0
	for _, n := range view.Nodes {
		if n.Pool != p.Name {
			continue
		}
		switch n.Phase {
		case scheduler.Unreachable:
		case scheduler.Ready:
			nodes, ready = nodes+1, ready+1
		default:
			nodes++
		}
		if n.Name == f.goal.without {
			return fmt.Sprintf("node %s is still there, %s: %s", n.Name, n.Phase, n.Why)
		}
	}
	switch {
	case p.Missing > 0:
		return fmt.Sprintf("%d nodes are missing", p.Missing)
	case ready < nodes || p.Nodes != scheduler.All && nodes != int(p.Nodes):
		return fmt.Sprintf("%d nodes, %d of them Ready, want %s", nodes, ready, p.Nodes)
	case f.goal.change && p.Outdated > 0:
		return fmt.Sprintf("%d nodes are outdated", p.Outdated)
	case f.goal.change && !p.Rollout.Done:
		return fmt.Sprintf("version %d is not done", p.Rollout.Version)
	default:
		return ""
	}
}
