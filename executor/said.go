package executor

import (
	"fmt"
	"time"

	"k8s-framework/internal/kubelet"
	"k8s-framework/internal/mesos/execapi"
)

// said is what was told last of what the executor waits for.
type said struct {
	report   string
	reportAt time.Time
	status   string
	statusAt time.Time
}

const (
	reportEvery = time.Second      // a message costs nothing that lasts
	statusEvery = 10 * time.Second // a status update is kept by agent and scheduler
)

// tell says what the executor waits for, whenever there is something new: to the framework in a report, and to people in the
// status message of the tasks that wait. detail is where it stands.
func (m *Machine) tell(tasks []*task, waiting, detail string, podsLeft int, blocked []string) {
	s, why := &m.said, "tasks were killed"
	if m.end != nil {
		why = m.end.why
	}
	text := waiting + ": " + why
	if detail != "" {
		text += "; " + detail
		waiting += ": " + detail
	}
	report := kubelet.Report{
		Version: kubelet.Version, Node: m.spec.Node, Draining: m.end != nil, PodsLeft: podsLeft, Blocked: blocked, Why: why, Waiting: waiting,
	}
	if text := fmt.Sprint(report); m.connected && text != s.report && (s.report == "" || m.past(s.reportAt.Add(reportEvery))) {
		s.report, s.reportAt = text, m.now
		m.do(SendReport{Report: report})
	}
	if text != s.status && (s.statusAt.IsZero() || m.past(s.statusAt.Add(statusEvery))) {
		s.status, s.statusAt = text, m.now
		m.sayRunning(tasks, text)
	}
}

// sayRunning posts a message of tasks that are not over, whose health is the kubelet's.
func (m *Machine) sayRunning(tasks []*task, text string) {
	for _, t := range tasks {
		health := execapi.Unhealthy
		if t.healthy && m.worker.state == healthy {
			health = execapi.Healthy
		}
		m.say(t, execapi.TaskRunning, health, text)
	}
}
