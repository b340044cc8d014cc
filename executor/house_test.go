package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/kubelet"
	"k8s-framework/internal/mesos/execapi"
)

// house is an executor's loop between an agent that behaves, a container runtime that speaks CRI, and a kubelet that is a
// real process of this test's program. The cgroups are plain directories.
type house struct {
	t       *testing.T
	spec    kubelet.Spec
	dir     string
	runtime *runtimeServer
	agent   *goodAgent
	drainer *goodDrainer
	cluster *goodCluster
	ended   chan struct{}
	cancel  context.CancelFunc
}

func open(t *testing.T, change func(*house)) *house {
	t.Helper()
	h := &house{
		t: t, dir: t.TempDir(), runtime: startRuntime(t), drainer: &goodDrainer{release: make(chan struct{})}, cluster: &goodCluster{view: NodeView{State: NodeReady}}, ended: make(chan struct{}),
		agent: &goodAgent{events: make(chan execapi.Event), cut: make(chan error), acknowledges: true},
	}
	h.spec = exampleSpec()
	h.spec.Kubelet, h.spec.RootDir = self(t), filepath.Join(h.dir, "root")
	h.spec.RuntimeEndpoint, h.spec.HealthzPort = h.runtime.endpoint, freePort(t)
	h.spec.Restart.Initial, h.spec.Restart.Max = kubelet.Duration(10*time.Millisecond), kubelet.Duration(50*time.Millisecond)
	mounts := fmt.Sprintf("cgroup %s/memory cgroup rw,memory 0 0\ncgroup %s/pids cgroup rw,pids 0 0\n", h.dir, h.dir)
	for file, text := range map[string]string{
		"proc/self/mounts": mounts, "proc/self/cgroup": "4:memory:/\n", "proc/meminfo": "MemTotal: 4194304 kB\n",
		"memory/x": "", "pids/x": "", "root/behaviour": "", "sandbox/x": "",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(h.dir, file)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(h.dir, file), []byte(text), 0o644))
	}
	if change != nil {
		change(h)
	}
	env := execapi.Environment{
		Executor: "workers-1", Endpoint: "agent", Directory: filepath.Join(h.dir, "sandbox"), Checkpoint: true, RecoveryTimeout: time.Minute,
		ShutdownGrace: 4 * time.Second,
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	if testing.Verbose() {
		log.SetOutput(os.Stderr)
	}
	l := newLoop(env, Options{
		Environment:  []string{"PATH=/bin", "MESOS_EXECUTOR_AUTHENTICATION_TOKEN=secret"},
		CgroupParent: "/k8s-framework", Paths: Paths{Proc: filepath.Join(h.dir, "proc"), Run: filepath.Join(h.dir, "run")}, Drainer: h.drainer,
		Room: h.cluster, Witness: h.cluster,
	}, logrus.NewEntry(log))
	l.agent = h.agent
	ctx, cancel := context.WithCancel(t.Context())
	h.cancel = cancel
	go func() {
		defer close(h.ended)
		l.run(ctx)
	}()
	t.Cleanup(func() { // whatever failed: nothing stays behind, and nobody writes into a folder that is being removed
		cancel()
		h.drainer.done()
		h.breakOff(errors.New("the test is over"))
		select {
		case <-h.ended:
		case <-time.After(patience):
			t.Errorf("the executor did not end; updates: %q", h.agent.history())
			if pid := h.pid(); pid != 0 {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	return h
}

func (h *house) launch(task string, milliCPU, mebibytes int64) {
	h.agent.say(execapi.Launched{Task: execapi.Task{ID: task, Resources: execapi.Resources{CPUs: milliCPU, Mem: mebibytes * 1000}}})
}

func (h *house) subscribe() {
	data, err := json.Marshal(h.spec)
	require.NoError(h.t, err)
	h.agent.say(execapi.Subscribed{Container: "c-1", Data: data})
}

func (h *house) behave(words string) {
	require.NoError(h.t, os.WriteFile(filepath.Join(h.spec.RootDir, "behaviour"), []byte(words), 0o644))
}

// pid is the process of the last kubelet by its own word; 0: there was none.
func (h *house) pid() int {
	text, _ := os.ReadFile(filepath.Join(h.dir, "sandbox", "kubelet.log"))
	lines := strings.Split(string(text), "\n")
	for _, line := range slices.Backward(lines) {
		if number, ok := strings.CutPrefix(line, "I am kubelet "); ok {
			pid, err := strconv.Atoi(number)
			require.NoError(h.t, err)
			return pid
		}
	}
	return 0
}

func (h *house) file(name string) string {
	text, err := os.ReadFile(filepath.Join(h.dir, name))
	require.NoError(h.t, err)
	return string(text)
}

func (h *house) awaitEnd() {
	h.t.Helper()
	select {
	case <-h.ended:
	case <-time.After(patience):
		h.t.Fatalf("the executor did not end; updates: %q", h.agent.history())
	}
}

// goodAgent acknowledges every update at once, and remembers it.
type goodAgent struct {
	events chan execapi.Event
	cut    chan error

	mu           sync.Mutex
	acknowledges bool
	updates      []execapi.Status
	messages     []string
	pendings     []execapi.Pending
}

func (a *goodAgent) Run(ctx context.Context, pending func(context.Context) (execapi.Pending, error), deliver func(execapi.Event)) error {
	have, err := pending(ctx)
	if err != nil {
		return err
	}
	for {
		a.mu.Lock()
		a.pendings = append(a.pendings, have)
		a.mu.Unlock()
		for connected := true; connected; {
			select {
			case event := <-a.events:
				_, ends := event.(execapi.Disconnected)
				connected = !ends
				deliver(event)
			case err := <-a.cut:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if have, err = pending(ctx); err != nil {
			return err
		}
	}
}

func (a *goodAgent) say(event execapi.Event) { a.events <- event }

// breakOff ends the agent's side for good, unless the executor is over already.
func (h *house) breakOff(err error) {
	select {
	case h.agent.cut <- err:
	case <-h.ended:
	}
}

func (a *goodAgent) Update(_ context.Context, status execapi.Status) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.updates = append(a.updates, status)
	if a.acknowledges {
		go func() { a.events <- execapi.Acknowledged{Task: status.Task, Update: status.Update} }()
	}
	return nil
}

func (a *goodAgent) Message(_ context.Context, data []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.messages = append(a.messages, string(data))
	return nil
}

// history is each update as "task STATE health".
func (a *goodAgent) history() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var history []string
	for _, u := range a.updates {
		history = append(history, strings.TrimSpace(fmt.Sprintf("%s %s %s", u.Task, u.State, u.Healthy)))
	}
	return history
}

func (a *goodAgent) last() execapi.Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.updates) == 0 {
		return execapi.Status{}
	}
	return a.updates[len(a.updates)-1]
}

func (a *goodAgent) await(t *testing.T, entry string) {
	t.Helper()
	assert.Eventually(t, func() bool { return slices.Contains(a.history(), entry) }, patience, 5*time.Millisecond)
	require.Contains(t, a.history(), entry)
}

// goodDrainer drains until it is released.
type goodDrainer struct {
	mu       sync.Mutex
	drained  []string
	release  chan struct{}
	released sync.Once
}

func (d *goodDrainer) Drain(ctx context.Context, spec kubelet.Spec, progress func(DrainProgressed)) error {
	d.mu.Lock()
	d.drained = append(d.drained, spec.Host)
	d.mu.Unlock()
	progress(DrainProgressed{PodsLeft: 1, Blocked: []string{"pod a/b by budget c"}, Why: "1 pods left; pod a/b by budget c"})
	select {
	case <-d.release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *goodDrainer) done() { d.released.Do(func() { close(d.release) }) }

func (d *goodDrainer) asked() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.drained)
}

// goodCluster does at the API server what it is asked for, and remembers it.
type goodCluster struct {
	mu   sync.Mutex
	view NodeView
	err  error
	pods []string
	did  []string

	asked int
}

func (c *goodCluster) Node(context.Context, kubelet.Spec) (NodeView, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	return c.view, c.err
}

func (c *goodCluster) questions() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

func (c *goodCluster) Pods(context.Context, kubelet.Spec) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pods, c.err
}

func (c *goodCluster) Cordon(_ context.Context, _ kubelet.Spec, unschedulable bool) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.did = append(c.did, fmt.Sprintf("unschedulable %t", unschedulable))
	return true, c.err
}

func (c *goodCluster) MakeRoom(_ context.Context, _ kubelet.Spec, slice kubelet.Slice, progress func(int, []string)) (string, error) {
	progress(1, nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.did = append(c.did, "room for "+slice.String())
	return "", c.err
}

func (c *goodCluster) say(view NodeView, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.view, c.err = view, err
}

func (c *goodCluster) history() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.did)
}
