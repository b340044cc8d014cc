package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Checks of what masters, agents and executors do as processes: live, end, lead, write to their logs.

func (r *replay) checkProcess(ctx context.Context, e *Entry, form string, m []string) error {
	agent := r.scene.agent
	switch form {
	case "executor alive":
		return r.executorAlive(ctx, e, m[1], m[2] == "alive")
	case "same pid":
		x, err := r.executors.get(r.scene.executor)
		if err == nil && !alive(x.pid) {
			err = fmt.Errorf("process %d has ended", x.pid)
		}
		return err
	case "agent alive":
		if m[1] != "" {
			agent = m[1]
		}
		pause(ctx, time.Until(r.due(e.At)))
		if p := r.world.procs[agent]; !p.running() {
			return fmt.Errorf("%s has ended: %s", agent, lastLines(p.output(), 3))
		}
		return nil
	case "agent gone":
		if m[1] != "" {
			agent = m[1]
		}
		return r.processGone(e, agent, m[2], "")
	case "agent exits":
		return r.processGone(e, agent, m[1], m[2])
	case "agent registered":
		err := r.agentRegistered(ctx, agent, r.deadline(e.At))
		return err
	case "agent log":
		return r.until(ctx, e, func() error { return r.inLog(agent, m[1]) })
	case "master gone":
		return r.processGone(e, "master1", m[1], "")
	case "master exits":
		return r.processGone(e, m[1], m[2], m[3])
	}
	return r.until(ctx, e, func() error { return r.inLog("master1", m[1]) })
}

func (r *replay) executorAlive(ctx context.Context, e *Entry, name string, want bool) error {
	x, err := r.executors.get(name)
	if err != nil {
		return err
	}
	if want {
		pause(ctx, time.Until(r.due(e.At)))
		if !alive(x.pid) {
			return errors.New("it is gone")
		}
		return nil
	}
	return r.until(ctx, e, func() error {
		if alive(x.pid) {
			return errors.New("it is alive")
		}
		return nil
	})
}

// processGone waits for the end of a process and compares its code and, if given, what it wrote: texts in their order.
func (r *replay) processGone(e *Entry, name, code, wrote string) error {
	p := r.world.procs[name]
	got, err := p.code(time.Until(r.deadline(e.At)))
	if err != nil {
		return err
	}
	if strconv.Itoa(got) != code {
		return fmt.Errorf("exit code %d: %s", got, lastLines(p.output(), 4))
	}
	return r.inLog(name, wrote)
}

// logSize is how big a registry is: that depends on the ids in it.
var logSize = regexp.MustCompile(`\(\d+B\)`)

// inLog looks for texts, separated by " | ", in what a process wrote, in their order.
func (r *replay) inLog(name, texts string) error {
	p := r.world.procs[name]
	output := logSize.ReplaceAllString(r.names.recorded(p.output()), "(…B)")
	texts = logSize.ReplaceAllString(texts, "(…B)")
	rest := output
	for part := range strings.SplitSeq(strings.ReplaceAll(texts, "; ", " | "), " | ") {
		_, after, ok := strings.Cut(rest, strings.TrimSpace(part))
		if !ok && (!token.MatchString(part) || !r.names.findText(part, rest)) {
			return fmt.Errorf("%s did not write %q, but: %s", name, part, lastLines(output, 4))
		} else if ok {
			rest = after
		}
	}
	return nil
}

// leads waits until a master answers as the leader.
func (r *replay) leads(ctx context.Context, e *Entry, name, seconds string) error {
	deadline := r.deadline(e.At).Add(patience)
	for {
		for _, master := range []string{"master1", "master2", "master3"} {
			p := r.world.procs[master]
			if p == nil || !p.running() || r.scene.stopped[master] || !r.isLeader(master) {
				continue
			}
			r.leading = master
			if master != name {
				return fmt.Errorf("%s leads", master)
			}
			if seconds == "" {
				return nil
			}
			want, err := strconv.ParseFloat(seconds, 64)
			if got := time.Since(r.scene.lastStop).Seconds(); got < want-4 || got > want+4 {
				return fmt.Errorf("%s leads after %.0f s", master, got)
			}
			return err
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return errors.New("no master leads")
		}
		pause(ctx, 50*time.Millisecond)
	}
}

func (r *replay) isLeader(master string) bool {
	addr, err := r.world.addr(master)
	if err != nil {
		return false
	}
	a := plain(request{
		addr: addr, method: http.MethodPost, path: "/api/v1", body: `{"type":"GET_MASTER"}`,
		headers: []string{"Content-Type: application/json", "Accept: application/json"},
	})
	return a.Code == http.StatusOK
}

// awaitProbe asks a master as a scheduler would, with a call that no leader accepts, until it answers as recorded.
func (r *replay) awaitProbe(ctx context.Context, e *Entry) {
	master := strings.TrimPrefix(e.Type, "SUBSCRIBE to ")
	err := r.until(ctx, e, func() error {
		addr, err := r.world.addr(master)
		if err != nil {
			return err
		}
		a := plain(request{
			addr: addr, method: http.MethodPost, path: "/api/v1/scheduler", body: `{"type":"SUBSCRIBE"}`,
			headers: []string{"Content-Type: application/json", "Accept: application/json"},
		})
		got := a.Failure
		switch {
		case got == "ECONNREFUSED":
			got = "ConnectionRefusedError"
		case a.Code == http.StatusTemporaryRedirect:
			got = fmt.Sprintf("307 [Location: %s]", r.names.recorded(a.Headers["Location"]))
		case a.Code != 0:
			got = fmt.Sprintf("%d %s", a.Code, a.Body)
		}
		if got != e.Body {
			return errors.New(got)
		}
		return nil
	})
	if err != nil {
		r.mismatch(e, err.Error(), nil)
		return
	}
	r.result.Matched++
}
