package executor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s-framework/internal/kubelet"
	"k8s-framework/internal/mesos/execapi"
)

// worker is the kubelet's process.
type worker struct {
	state workerState
	run   int // counts the starts
	slice kubelet.Slice

	startedAt   time.Time
	lastHealthy time.Time
	everHealthy bool

	node       NodeView  // what the API server says of the Node, since when
	nodeSince  time.Time // zero: it was not asked
	everPosted bool      // it has seen the Node of this launch

	why      string      // what was last wrong with it
	lines    []string    // its last output when it ended
	failures []time.Time // ends and hangs that nobody asked for, within the window
	startAt  time.Time   // the end of the backoff
	failed   bool        // it is being stopped because it hangs

	changed time.Time // when the set of tasks last changed
}

type workerState int

const (
	off      workerState = iota
	starting             // it has not been healthy yet
	healthy              // it has, and no longer ago than the hang timeout
	stopping             // it was asked to end
	waiting              // it ended by itself, and is started again when the backoff is over
)

const (
	// Several tasks are launched, or killed, by as many events. The kubelet is restarted once for all of them; when tasks are
	// killed, what looks like a smaller node for a moment is mostly the end of the whole.
	growSettle   = 200 * time.Millisecond
	shrinkSettle = time.Second

	kubeletGrace  = 10 * time.Second
	longestReport = 4000 // bytes of a status message
)

func (w *worker) running() bool { return w.state == starting || w.state == healthy }

func (m *Machine) probed(e KubeletProbed) {
	w := &m.worker
	if e.Run != w.run || !w.running() {
		return
	}
	if !e.Healthy {
		w.why = e.Why
		return
	}
	if w.state == starting {
		m.note("kubelet healthy after %v", m.now.Sub(w.startedAt).Round(time.Millisecond))
	}
	w.state, w.lastHealthy, w.everHealthy, w.why = healthy, m.now, true, ""
}

func (m *Machine) exited(e KubeletExited) {
	w := &m.worker
	if e.Run != w.run || (!w.running() && w.state != stopping) {
		return
	}
	before := w.state
	w.state, w.lines = off, e.Lines
	if before == stopping && !w.failed {
		return
	}
	if before != stopping {
		m.failedKubelet(e.Why, true)
	}
	w.failed, w.state = false, waiting
	w.startAt = m.now.Add(m.spec.Restart.Wait(max(1, len(w.failures))))
}

// nodeLooked takes in what the API server says of the Node. A server that does not answer says nothing, good or bad.
func (m *Machine) nodeLooked(e NodeLooked) {
	w := &m.worker
	if e.Run != w.run || !w.running() {
		return
	}
	if e.Node.State != w.node.State {
		w.nodeSince = m.now
	}
	w.node = e.Node
	w.everPosted = w.everPosted || e.Node.State == NodeReady || e.Node.State == NodeNotReady
}

// failedKubelet reports an end or a hang that nobody asked for, and counts it if the node is to be given up for it.
func (m *Machine) failedKubelet(why string, counts bool) {
	w := &m.worker
	w.why = why
	if !counts {
		m.unhealthy("the kubelet is started again: " + why)
		return
	}
	window := m.now.Add(-time.Duration(m.spec.Restart.Window))
	w.failures = slices.DeleteFunc(w.failures, func(at time.Time) bool { return at.Before(window) })
	w.failures = append(w.failures, m.now)
	text := fmt.Sprintf("the kubelet failed (%d of %d within %v): %s", len(w.failures), m.spec.Restart.Failures, m.spec.Restart.Window, why)
	m.unhealthy(text)
}

func (m *Machine) unhealthy(text string) {
	m.note("%s", text)
	for _, t := range m.live() {
		if t.state == execapi.TaskRunning && t.healthy {
			m.say(t, execapi.TaskRunning, execapi.Unhealthy, text)
		}
	}
}

// obituary says why the kubelet was given up, with the end of what it wrote: the beginning is cut if it is long.
func (w *worker) obituary(restart kubelet.Restart) string {
	head := fmt.Sprintf("the kubelet failed %d times within %v, the last time: %s", len(w.failures), restart.Window, w.why)
	if len(w.lines) == 0 {
		return head
	}
	tail := strings.Join(w.lines, "\n")
	if over := len(head) + len(tail) - longestReport; over > 0 {
		tail = "…" + strings.ToValidUTF8(tail[min(over, len(tail)):], "")
	}
	return head + "; its last lines:\n" + tail
}
