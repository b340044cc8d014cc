package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// note plays a line that begins with #.
func (r *replay) note(ctx context.Context, e *Entry) {
	form, m := noteFormOf(e.Body)
	if form.name == "label" {
		return
	}
	if form.input {
		r.waitUntil(ctx, e.At)
		if err := r.act(ctx, form.name, m); err != nil {
			r.mismatch(e, "the action failed: "+err.Error(), nil)
		}
		return
	}
	r.result.Compared++
	if err := r.check(ctx, e, form.name, m); err != nil {
		r.mismatch(e, r.names.show(err.Error()), nil)
		return
	}
	r.result.Matched++
}

// act does what the recorder did. m is what the form's pattern caught.
func (r *replay) act(ctx context.Context, form string, m []string) error {
	switch form {
	case "start zookeeper":
		port, err := strconv.Atoi(m[1])
		if err != nil {
			return err
		}
		r.scene.zookeeper, err = startZooKeeper(r.world.dir, r.world.ip, port+r.world.shift, m[2])
		return err
	case "start":
		return r.startProcess(ctx, m[1], words(m[2]))
	case "start again":
		return r.startAgain(m[1], words(m[2]))
	case "restart master":
		return r.restartMaster(ctx, m[1])
	case "signal":
		return r.signal(m[1], m[2])
	case "executor closes", "executor exits", "executor ended", "reboot":
		return r.actOnExecutor(form, m)
	case "scheduler closes":
		return r.schedulerCloses(m[1])
	case "work_dir removed":
		return os.RemoveAll(filepath.Join(r.world.dir, m[1]))
	case "latest removed":
		return os.Remove(filepath.Join(r.world.dir, r.scene.agent, "meta", "slaves", "latest"))
	case "reap":
		return r.reap(m[1])
	case "unknown flag":
		return r.unknownFlag(m[1], m[2])
	}
	return fmt.Errorf("no action for the form %q", form)
}

// startProcess starts a master, and waits until it listens, or an agent, and waits until it is registered.
func (r *replay) startProcess(ctx context.Context, name string, args []string) error {
	if _, err := r.world.start(r.names, name, args); err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if strings.HasPrefix(name, "master") {
		return r.world.listening(within, name)
	}
	r.scene.agent = name
	deadline, _ := within.Deadline()
	return r.agentRegistered(within, name, deadline)
}

// startAgain starts a process with the command line that it had. Flags that are given replace those of the same name.
func (r *replay) startAgain(name string, flags []string) error {
	p := r.world.procs[name]
	if p == nil {
		return fmt.Errorf("%s has never been started", name)
	}
	if r.scene.stopped["ending "+name] {
		_, _ = p.code(3 * time.Second) // it was told to end: start kills it if it did not
		delete(r.scene.stopped, "ending "+name)
	}
	args := append([]string(nil), p.args...)
	for _, flag := range flags {
		key, _, _ := strings.Cut(flag, "=")
		replaced := false
		for i, a := range args {
			if strings.HasPrefix(a, key+"=") {
				args[i], replaced = flag, true
			}
		}
		if !replaced {
			args = append(args, flag)
		}
	}
	r.scene.agent = name
	_, err := r.world.start(r.names, name, args)
	return err
}

func (r *replay) restartMaster(ctx context.Context, name string) error {
	p := r.world.procs[name]
	r.world.procs[name].kill()
	r.scene.lastStop = time.Now()
	if _, err := r.world.start(r.names, name, p.args); err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return r.world.listening(within, name)
}

func (r *replay) signal(name, signal string) error {
	p := r.world.procs[name]
	if p == nil {
		return fmt.Errorf("%s has never been started", name)
	}
	numbers := map[string]syscall.Signal{
		"SIGKILL": syscall.SIGKILL, "SIGTERM": syscall.SIGTERM, "SIGSTOP": syscall.SIGSTOP, "SIGCONT": syscall.SIGCONT,
		"SIGUSR1": syscall.SIGUSR1,
	}
	number, ok := numbers[signal]
	if !ok {
		return fmt.Errorf("signal %s: expected KILL, TERM, STOP, CONT or USR1", signal)
	}
	if err := p.cmd.Process.Signal(number); err != nil {
		return fmt.Errorf("send %s to %s: %w", signal, name, err)
	}
	if strings.HasPrefix(name, "agent") {
		r.scene.agent = name
	} else if signal != "SIGCONT" {
		r.scene.lastStop = time.Now()
	}
	switch signal {
	case "SIGKILL":
		<-p.done
		r.sendPostponed(name)
	case "SIGTERM":
		r.scene.stopped["ending "+name] = true
	case "SIGSTOP":
		r.scene.stopped[name] = true
	case "SIGCONT":
		delete(r.scene.stopped, name)
	}
	return nil
}

func (r *replay) actOnExecutor(form string, m []string) error {
	name := r.scene.executor
	if len(m) > 1 {
		name = m[1]
	}
	x, err := r.executors.get(name)
	if err != nil {
		return err
	}
	switch form {
	case "executor closes":
		return x.tell(order{Do: "close"})
	case "executor exits":
		code, err := strconv.Atoi(m[2])
		if err != nil {
			return err
		}
		r.scene.exits[name] = time.Now()
		return x.tell(order{Do: "exit", Code: code})
	}
	if err := syscall.Kill(x.pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill executor %s: %w", name, err)
	}
	if form == "reboot" {
		return os.WriteFile(filepath.Join(r.world.dir, r.scene.agent, "meta", "boot_id"), []byte("another-boot"), 0o644)
	}
	return nil
}

// schedulerCloses closes the latest stream of a scheduler, and sends the calls that the recorder sent at that moment.
func (r *replay) schedulerCloses(name string) error {
	s := r.schedulers[name]
	r.mu.Lock()
	if s == nil || s.conn == nil {
		r.mu.Unlock()
		return fmt.Errorf("%s has no stream", name)
	}
	s.closed = s.streams
	s.conn.close()
	r.mu.Unlock()
	r.sendPostponed(name)
	return nil
}

// postponed says that a call is not sent now: the recording shows that it came too late. Its scheduler closed the stream
// before Mesos read it, or it is an acknowledgement for an agent that was killed at that moment.
func (r *replay) postponed(e *Entry) bool {
	r.follow(e)
	if e.Role != Scheduler || e.Type == "SUBSCRIBE" || r.scene.sendingLate {
		return false
	}
	entries := r.t.All()
	i := slices.Index(entries, e)
	if m := signalled(entries, i+1); m != nil && e.Type == "ACKNOWLEDGE" && m[2] == "SIGKILL" {
		r.scene.postponed[m[1]] = append(r.scene.postponed[m[1]], e)
		return true
	}
	for _, other := range entries[i:] {
		if other == e.Answer || e.Answer == nil {
			return false
		}
		if other.Body == e.Actor+" closes its stream" {
			r.scene.postponed[e.Actor] = append(r.scene.postponed[e.Actor], e)
			return true
		}
	}
	return false
}

// signalled returns what the pattern of "agent1 gets SIGKILL" catches in an entry; nil if it is another.
func signalled(entries []*Entry, i int) []string {
	if i >= len(entries) || entries[i].Kind != Note {
		return nil
	}
	if form, m := noteFormOf(entries[i].Body); form.name == "signal" {
		return m
	}
	return nil
}

// sendPostponed sends the calls that waited for something.
func (r *replay) sendPostponed(reason string) {
	calls := r.scene.postponed[reason]
	delete(r.scene.postponed, reason)
	if len(calls) > 0 {
		time.Sleep(noticed) // the recorder lost this race: Mesos knew already
	}
	r.scene.sendingLate = true
	for _, e := range calls {
		r.call(e)
	}
	r.scene.sendingLate = false
}

func (r *replay) reap(signal string) error {
	for tok, f := range r.scene.foreigners {
		select {
		case <-f.reaped:
			continue
		default:
		}
		if got := fmt.Sprint(f.wait()); got != signal {
			return fmt.Errorf("the foreign process in %s was ended by signal %s", tok, got)
		}
		return nil
	}
	return errors.New("no foreign process is waited for")
}

// unknownFlag starts an agent with a flag that the recorded build does not have.
func (r *replay) unknownFlag(code, words string) error {
	_, flag, _ := strings.Cut(words, "'")
	flag = strings.TrimSuffix(flag, "'")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(r.world.bin, "mesos-agent"), "--"+flag, "--master="+r.world.ip+":1",
		"--work_dir="+filepath.Join(r.world.dir, "agent-flag"))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	if got := fmt.Sprint(cmd.ProcessState.ExitCode()); got != code || !strings.Contains(string(out), words) {
		return fmt.Errorf("exit code %s: %s", got, lastLines(string(out), 2))
	}
	return nil
}
