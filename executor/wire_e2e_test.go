//go:build e2e

package executor

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/kubelet"
	machine "k8s-framework/internal/local/host"
	"k8s-framework/internal/local/lab"
	programs "k8s-framework/internal/local/process"
)

// wireAgent is the agent's end of the executor API over HTTP, for one executor at a time. It does nothing by itself but
// acknowledge updates; the test says what it says.
type wireAgent struct {
	t       *testing.T
	address string

	mu         sync.Mutex
	info       mesos.ExecutorInfo
	container  string
	stream     chan *executor.Event // of the present subscription; nil while there is none
	subscribed int
	statuses   []mesos.TaskStatus
	messages   []string
	down       bool
	downSince  time.Time
	backAfter  time.Duration // from the end of the last outage to the next subscription
}

func startWireAgent(t *testing.T) *wireAgent {
	t.Helper()
	listener, err := net.Listen("tcp", lab.Address().String()+":0")
	require.NoError(t, err)
	a := &wireAgent{t: t, address: listener.Addr().String()}
	server := &http.Server{Handler: a}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return a
}

func (a *wireAgent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var call executor.Call
	if err == nil {
		err = call.Unmarshal(body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	if a.down {
		a.mu.Unlock()
		http.Error(w, "Agent has not finished recovery", http.StatusServiceUnavailable)
		return
	}
	switch call.Type {
	case executor.Call_SUBSCRIBE:
		for _, update := range call.Subscribe.UnacknowledgedUpdates {
			a.take(update.Status)
		}
		stream := a.subscribe()
		a.mu.Unlock()
		a.serve(w, r, stream)
		return
	case executor.Call_UPDATE:
		a.take(call.Update.Status)
	case executor.Call_MESSAGE:
		a.messages = append(a.messages, string(call.Message.Data))
	}
	a.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
}

func (a *wireAgent) take(status mesos.TaskStatus) {
	a.statuses = append(a.statuses, status)
	if a.stream != nil {
		a.stream <- &executor.Event{Type: executor.Event_ACKNOWLEDGED, Acknowledged: &executor.Event_Acknowledged{TaskID: status.TaskID, UUID: status.UUID}}
	}
}

func (a *wireAgent) subscribe() chan *executor.Event {
	a.subscribed++
	a.backAfter = time.Since(a.downSince)
	a.stream = make(chan *executor.Event, 100)
	hostname, id := "h1", mesos.AgentID{Value: "agent-1"}
	a.stream <- &executor.Event{Type: executor.Event_SUBSCRIBED, Subscribed: &executor.Event_Subscribed{
		ExecutorInfo: a.info, FrameworkInfo: mesos.FrameworkInfo{User: "root", Name: "test"},
		AgentInfo: mesos.AgentInfo{Hostname: hostname, ID: &id}, ContainerID: &mesos.ContainerID{Value: a.container},
	}}
	return a.stream
}

func (a *wireAgent) serve(w http.ResponseWriter, r *http.Request, stream chan *executor.Event) {
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.WriteHeader(http.StatusOK)
	for {
		select {
		case event, open := <-stream:
			if !open {
				return
			}
			text, err := event.Marshal()
			if err != nil {
				a.t.Error(err)
				return
			}
			fmt.Fprintf(w, "%d\n%s", len(text), text)
			w.(http.Flusher).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// outage is an agent that restarts: the stream ends, and calls are refused for the time.
func (a *wireAgent) outage(length time.Duration) {
	a.goAway()
	time.Sleep(length) // the length of the outage is what the test is about
	a.comeBack()
}

func (a *wireAgent) goAway() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.down = true
	close(a.stream)
	a.stream = nil
}

func (a *wireAgent) comeBack() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.down, a.downSince = false, time.Now()
}

func (a *wireAgent) say(event *executor.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stream <- event
}

// launch sends a LAUNCH; memory and disk are in MiB.
func (a *wireAgent) launch(task string, cpus, mebibytes float64, disk ...float64) {
	scalar := func(name string, value float64) mesos.Resource {
		kind := mesos.SCALAR
		return mesos.Resource{Name: name, Type: &kind, Scalar: &mesos.Value_Scalar{Value: value}}
	}
	resources := []mesos.Resource{scalar("cpus", cpus), scalar("mem", mebibytes)}
	for _, amount := range disk {
		resources = append(resources, scalar("disk", amount))
	}
	a.say(&executor.Event{Type: executor.Event_LAUNCH, Launch: &executor.Event_Launch{Task: mesos.TaskInfo{
		Name: task, TaskID: mesos.TaskID{Value: task}, AgentID: mesos.AgentID{Value: "agent-1"}, Resources: resources,
	}}})
}

func (a *wireAgent) kill(task string) {
	a.say(&executor.Event{Type: executor.Event_KILL, Kill: &executor.Event_Kill{TaskID: mesos.TaskID{Value: task}}})
}

func (a *wireAgent) killWithin(task string, grace time.Duration) {
	a.say(&executor.Event{Type: executor.Event_KILL, Kill: &executor.Event_Kill{
		TaskID:     mesos.TaskID{Value: task},
		KillPolicy: &mesos.KillPolicy{GracePeriod: &mesos.DurationInfo{Nanoseconds: int64(grace)}},
	}})
}

// history is each status as "task STATE".
func (a *wireAgent) history() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var history []string
	for _, status := range a.statuses {
		entry := status.TaskID.Value + " " + strings.TrimPrefix(status.GetState().String(), "TASK_")
		if status.Healthy != nil && !*status.Healthy {
			entry += " unhealthy"
		}
		history = append(history, entry+": "+status.GetMessage())
	}
	return history
}

func (a *wireAgent) told() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.messages, "\n")
}

// start starts an executor on the host as an agent does: with the variables of an executor alone and, with the linux launcher,
// in a cgroup named after its container in the hierarchies that Mesos uses.
func (a *wireAgent) start(h *machine.Host, program string, spec kubelet.Spec, container string, ownCgroup bool) *programs.Process {
	a.t.Helper()
	data, err := spec.Encode()
	require.NoError(a.t, err)
	a.mu.Lock()
	a.container = container
	a.info = mesos.ExecutorInfo{ExecutorID: mesos.ExecutorID{Value: spec.Node}, Data: data}
	a.mu.Unlock()
	sandbox := filepath.Join(h.Dir(), "sandbox", container)
	script := "mkdir -p " + sandbox + "; cd " + sandbox + "; "
	if ownCgroup {
		for _, controller := range []string{"cpu", "cpuacct", "memory", "freezer"} {
			dir := filepath.Join("/sys/fs/cgroup", controller, h.CgroupRoot(), "mesos", container)
			script += fmt.Sprintf("mkdir -p %s; echo $$ > %s/cgroup.procs; ", dir, dir)
		}
	}
	cmd := exec.Command("sh", "-c", script+"exec "+program+" --cgroup-parent="+h.CgroupRoot()+"/posix --log-level=debug")
	cmd.Env = []string{
		"MESOS_FRAMEWORK_ID=f-1", "MESOS_EXECUTOR_ID=" + spec.Node, "MESOS_AGENT_ENDPOINT=" + a.address, "MESOS_DIRECTORY=" + sandbox,
		"MESOS_SANDBOX=" + sandbox, "MESOS_CHECKPOINT=1", "MESOS_RECOVERY_TIMEOUT=15mins", "MESOS_SUBSCRIPTION_BACKOFF_MAX=2secs",
		"MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=5secs", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	}
	p, err := h.Start(a.t.Context(), programs.Options{Name: spec.Node, Cmd: cmd})
	require.NoError(a.t, err)
	return p
}
