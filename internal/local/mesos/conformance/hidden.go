package conformance

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// noticed is how long Mesos takes to see that a connection is closed.
const noticed = 20 * time.Millisecond

// hidden is what the recorder of a scenario did or sent that its transcript does not show.
type hidden struct {
	// before is done before the entry of that line, after behind it.
	before, after map[int]func(*replay) error
	// streamIDs are the stream ids of calls that were not made with the caller's own, by line.
	streamIDs map[int]string
	// allocation is to which roles the resources of a task and its executor were allocated, by task id, where that was not
	// the offer's role. An empty role is none.
	allocation map[string]allocation
	// agentHosts say which agent a token stands for.
	agentHosts map[string]string
	// split is set where resources become free at a random moment, up to 2 s late: at the end of an executor after its
	// agent's restart, and with the linux launcher. See giveBack.
	split bool
	// translate are further pairs of recorded and this run's text.
	translate [][2]string
	// auth are headers of frameworks that authenticate.
	auth map[string]string
}

type allocation struct{ task, executor string }

// hiddenOf returns what is hidden in a scenario.
func hiddenOf(scenario string) hidden {
	h := hidden{agentHosts: map[string]string{"AGENT-1": agentHost("agent1"), "AGENT-2": agentHost("agent2")}}
	switch scenario {
	case "03-same-id":
		// "the first one uses its old offer with the second one's stream id"
		h.streamIDs = map[int]string{102: "STREAM-2"}
		h.after = map[int]func(*replay) error{
			178: closeStream("third"), 199: closeStream("third b"), 216: closeStream("fourth"),
			278: closeStream("first again"), 294: closeStream("first again"),
		}
	case "05-second-task":
		// The last acknowledgement comes too late: the framework makes place for another.
		h.before = map[int]func(*replay) error{723: closeStream("scheduler")}
	case "06-bad-launches":
		h.allocation = map[string]allocation{
			"star":      {"*", "*"},
			"noalloc":   {"", ""},
			"otherrole": {"other", "workers"},
		}
	case "07b-executor-ends":
		h.before = map[int]func(*replay) error{
			315: signalExecutor("sig9", syscall.SIGKILL),
			418: signalExecutor("sig15", syscall.SIGTERM),
		}
	case "08b-several":
		for _, tok := range []string{"AGENT-3", "AGENT-4", "AGENT-5"} {
			h.agentHosts[tok] = agentHost("agent2")
		}
		h.before = map[int]func(*replay) error{
			122: killAgent("agent2"), // at its end the recorder stopped everything
		}
	case "10-reconcile":
		h.after = map[int]func(*replay) error{541: closeStream("torn-down scheduler")}
		// Both agents go on at once and come back in any order: the recorded one.
		h.before = map[int]func(*replay) error{653: func(r *replay) error {
			return r.agentRegistered(context.Background(), "agent2", time.Now().Add(patience))
		}}
	case "11a-agent-restart":
		h.split = true
		h.before = map[int]func(*replay) error{
			171: startProbe,
			// "the same with a foreign process whose parent does not reap it for 6 s"
			367: func(r *replay) error { return r.startForeigner("CONTAINER-2", false) },
		}
	case "11b-no-resubscribe":
		h.split = true
		h.after = map[int]func(*replay) error{770: signalExecutor("six", syscall.SIGKILL)}
	case "11d-new-work-dir":
		h.agentHosts["AGENT-3"], h.agentHosts["AGENT-4"] = agentHost("agent1"), agentHost("agent2")
	case "16-resources":
		// The recorder subscribed before the hog had its memory. That was luck: this makes it certain.
		h.translate = [][2]string{{"& exec python3 -c", "& sleep 1; exec python3 -c"}}
		h.before = map[int]func(*replay) error{181: closeStream("scheduler")}
	case "18-authentication":
		alice := "Authorization: Basic YWxpY2U6d29uZGVy"
		h.auth = map[string]string{"no principal": alice, "scheduler": alice}
	}
	return h
}

func agentHost(name string) string { return name + ".example" }

func signalExecutor(name string, signal syscall.Signal) func(*replay) error {
	return func(r *replay) error {
		x, err := r.executors.get(name)
		if err != nil {
			return err
		}
		if err := syscall.Kill(x.pid, signal); err != nil {
			return fmt.Errorf("send %v to executor %s: %w", signal, name, err)
		}
		return nil
	}
}

func killAgent(name string) func(*replay) error {
	return func(r *replay) error {
		r.world.procs[name].kill()
		return nil
	}
}

func closeStream(name string) func(*replay) error {
	return func(r *replay) error {
		if err := r.schedulerCloses(name); err != nil {
			return err
		}
		time.Sleep(noticed)
		return nil
	}
}
