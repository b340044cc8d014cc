//go:build e2e

package mesos_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/mesos"
	"k8s-framework/internal/mesos/execapi"
	"k8s-framework/scheduler"
)

// TestMain is also the executor that the tests launch: Mesos tells it so by its environment.
func TestMain(m *testing.M) {
	if os.Getenv("MESOS_EXECUTOR_ID") == "" {
		os.Exit(m.Run())
	}
	if err := runExecutor(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// launcher renders this very test program as the executor.
type launcher struct{ plain }

func (launcher) Executor(scheduler.Launch) (mesos.Executor, error) {
	program, err := os.Executable()
	return mesos.Executor{
		Command: program, Arguments: []string{"executor"}, Data: []byte("spec"), ShutdownGrace: 9 * time.Second,
		KillGrace: time.Minute, Environment: map[string]string{"B": "2", "A": "1"},
	}, err
}

// echo is an executor that says what it was told, and ends with its last task when that is acknowledged.
type echo struct {
	client  *execapi.Client
	mu      sync.Mutex
	pending execapi.Pending
	tasks   map[string]bool
	number  uint64
	id      string
	last    execapi.UpdateID
	done    context.CancelFunc
}

func runExecutor() error {
	env, err := execapi.FromEnvironment(os.Getenv)
	if err != nil {
		return err
	}
	client, err := execapi.New(env, execapi.Options{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	e := &echo{client: client, tasks: map[string]bool{}, done: cancel}
	err = client.Run(ctx, e.ask, e.hear)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (e *echo) ask(context.Context) (execapi.Pending, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.pending, nil
}

func (e *echo) hear(event execapi.Event) {
	switch event := event.(type) {
	case execapi.Subscribed:
		e.id = event.Container
		if event.ShutdownGrace != 9*time.Second || string(event.Data) != "spec" || event.Resources.CPUs != 100 {
			fmt.Fprintf(os.Stderr, "unexpected: %+v\n", event)
			os.Exit(2)
		}
	case execapi.Launched:
		e.pending.Tasks = append(e.pending.Tasks, event.Task)
		e.tasks[event.Task.ID] = true
		labels := fmt.Sprint(event.Task.Labels)
		e.say(event.Task.ID, execapi.TaskStarting, fmt.Sprintf("%d %v %s", event.Task.Resources.CPUs, event.Task.KillGrace, labels))
		e.say(event.Task.ID, execapi.TaskRunning, "pid "+fmt.Sprint(os.Getpid()))
	case execapi.Messaged:
		for task := range e.tasks {
			e.say(task, execapi.TaskRunning, "heard "+string(event.Data))
		}
	case execapi.Killed:
		e.say(event.Task, execapi.TaskKilling, fmt.Sprintf("grace %v %v", event.Grace, event.GraceSet))
		delete(e.tasks, event.Task)
		e.say(event.Task, execapi.TaskKilled, "")
	case execapi.Acknowledged:
		e.acknowledged(event)
	case execapi.ShutdownRequested:
		e.done()
	}
}

func (e *echo) say(task string, state execapi.State, message string) {
	e.number++
	status := execapi.Status{
		Task: task, State: state, Message: message, At: time.Now(), Update: execapi.NewUpdateID(e.id, task, e.number),
	}
	e.last = status.Update
	e.pending.Updates = append(e.pending.Updates, status)
	if err := e.client.Update(context.Background(), status); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func (e *echo) acknowledged(event execapi.Acknowledged) {
	var left execapi.Pending
	for _, task := range e.pending.Tasks {
		if task.ID != event.Task {
			left.Tasks = append(left.Tasks, task)
		}
	}
	for _, status := range e.pending.Updates {
		if status.Update != event.Update {
			left.Updates = append(left.Updates, status)
		}
	}
	e.pending = left
	if len(e.tasks) == 0 && event.Update == e.last {
		e.done()
	}
}

// process is a program of Mesos that the test starts, kills and starts again.
type process struct {
	t         *testing.T
	program   string
	arguments []string
	command   *exec.Cmd
	output    *os.File
}

func (p *process) start() {
	p.t.Helper()
	p.command = exec.Command(p.program, p.arguments...)
	p.command.Stdout, p.command.Stderr = p.output, p.output
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(p.t, p.command.Start())
}

func (p *process) kill() {
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
}

// programs is the folder of mesos-master and mesos-agent: $MESOS_HOME/bin, or a build of the stand-ins.
func programs(t *testing.T) string {
	t.Helper()
	if home := os.Getenv("MESOS_HOME"); home != "" {
		return filepath.Join(home, "bin")
	}
	folder := t.TempDir()
	build := exec.Command("go", "build", "-o", folder+"/",
		"k8s-framework/internal/local/mesos/mesos-master", "k8s-framework/internal/local/mesos/mesos-agent")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return folder
}

func run(t *testing.T, name string, arguments ...string) *process {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(name)+".log")
	output, err := os.Create(path)
	require.NoError(t, err)
	p := &process{t: t, program: name, arguments: arguments, output: output}
	p.start()
	t.Cleanup(func() {
		p.kill()
		_ = output.Close()
		if text, err := os.ReadFile(path); err == nil && t.Failed() {
			t.Logf("%s said:\n%s", name, text)
		}
	})
	return p
}

// world is a master and an agent.
type world struct {
	master, agent *process
	address       string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	folder, work := programs(t), t.TempDir()
	w := &world{address: closedPort(t)}
	_, masterPort, err := net.SplitHostPort(w.address)
	require.NoError(t, err)
	_, agentPort, err := net.SplitHostPort(closedPort(t))
	require.NoError(t, err)
	w.master = run(t, filepath.Join(folder, "mesos-master"),
		"--ip=127.0.0.1", "--port="+masterPort, "--hostname=localhost", "--work_dir="+work+"/master", "--registry=in_memory")
	w.agent = run(t, filepath.Join(folder, "mesos-agent"),
		"--master="+w.address, "--ip=127.0.0.1", "--port="+agentPort, "--hostname=agent1.example", "--work_dir="+work+"/agent",
		"--runtime_dir="+work+"/run", "--containerizers=mesos", "--launcher=posix",
		"--isolation=posix/cpu,posix/mem,filesystem/posix", "--no-systemd_enable_support",
		"--resources=cpus:4;mem:4096;disk:1000;ports:[31000-31999]", "--attributes=rack:r7")
	return w
}

// until takes events until one is wanted; updates are acknowledged on the way, offers that are not wanted are declined.
func until[E scheduler.Event](c *conversation, wanted func(E) bool) E {
	c.t.Helper()
	return insist(c, nil, wanted)
}

// insist is until, with a call that is repeated because Mesos may lose it.
func insist[E scheduler.Event](c *conversation, call scheduler.Call, wanted func(E) bool) E {
	c.t.Helper()
	limit := time.After(time.Minute)
	for {
		if call != nil {
			require.NoError(c.t, c.call(call))
		}
		again := time.After(300 * time.Millisecond)
		for waiting := true; waiting; {
			select {
			case event := <-c.events:
				match, is := event.(E)
				found := is && wanted(match)
				c.account(event, found)
				if found {
					return match
				}
			case <-again:
				waiting = false
			case <-limit:
				c.t.Fatal("the event did not come within a minute")
			}
		}
	}
}

// account acknowledges an update, and declines offers that are not wanted.
func (c *conversation) account(event scheduler.Event, wanted bool) {
	c.t.Helper()
	c.t.Logf("%T %s", event, strings.Join(strings.Fields(fmt.Sprintf("%+v", event)), " "))
	var calls []scheduler.Call
	switch event := event.(type) {
	case scheduler.TaskUpdated:
		if event.Update != "" {
			calls = append(calls, scheduler.Acknowledge{Task: event.Task, Agent: event.Agent, Update: event.Update})
		}
	case scheduler.Offered:
		for _, offer := range event.Offers {
			if !wanted {
				calls = append(calls, scheduler.Decline{Offers: []scheduler.OfferID{offer.ID}, Refuse: time.Hour})
			}
		}
	}
	for _, call := range calls {
		require.NoError(c.t, c.call(call))
	}
}

func reaches(state scheduler.TaskState) func(scheduler.TaskUpdated) bool {
	return func(update scheduler.TaskUpdated) bool { return update.State == state }
}

func take(offer scheduler.Offer, name string, amount scheduler.Amount) scheduler.Resource {
	for _, resource := range offer.Resources {
		if resource.Name == name && resource.Amount >= amount {
			resource.Amount = amount
			return resource
		}
	}
	return scheduler.Resource{}
}

func TestANodesLifeAgainstMesos(t *testing.T) {
	w := newWorld(t)
	c := talk(t, mesos.Options{Leader: leading(t, w.address), Renderer: launcher{}}, "")
	id := until(c, func(scheduler.Subscribed) bool { return true }).Framework

	offer := until(c, func(e scheduler.Offered) bool { return len(e.Offers) > 0 }).Offers[0]
	assert.Equal(t, scheduler.Hostname("agent1.example"), offer.Host)
	assert.Equal(t, []scheduler.Attribute{{Name: "rack", Value: "r7"}}, offer.Attributes)
	require.NoError(t, c.call(scheduler.Accept{
		Agent: offer.Agent, Offers: []scheduler.OfferID{offer.ID}, Refuse: time.Hour, Launches: []scheduler.Launch{{
			Node: scheduler.Node{Name: "workers-1", Pool: "workers", Executor: scheduler.Executor{
				Resources: []scheduler.Resource{take(offer, "cpus", 100), take(offer, "mem", 32000)},
			}}, Task: "workers-1.1",
			TaskResources: []scheduler.Resource{take(offer, "cpus", 500), take(offer, "mem", 64000)},
		}},
	}))
	starting := until(c, reaches(scheduler.TaskStarting))
	assert.Equal(t, "500 1m0s [{node workers-1} {pool workers}]", starting.Message)
	assert.Len(t, starting.Update, 16)
	running := until(c, reaches(scheduler.TaskRunning))

	at := []scheduler.TaskAt{{Task: "workers-1.1", Agent: offer.Agent}}
	require.NoError(t, c.call(scheduler.Reconcile{Tasks: at}))
	answer := until(c, reaches(scheduler.TaskRunning))
	assert.Equal(t, "REASON_RECONCILIATION", answer.Reason)
	assert.Empty(t, answer.Update)
	assert.Equal(t, scheduler.ExecutorID("workers-1"), answer.Executor)

	require.NoError(t, c.call(scheduler.TellDrained{Node: "workers-1", Agent: offer.Agent, Executor: "workers-1"}))
	assert.Equal(t, "heard drained workers-1", until(c, reaches(scheduler.TaskRunning)).Message)

	// The agent dies and returns: the executor goes on as the same process.
	w.agent.kill()
	w.agent.start()
	again := scheduler.TellDrained{Node: "again", Agent: offer.Agent, Executor: "workers-1"}
	insist(c, again, func(e scheduler.TaskUpdated) bool { return e.Message == "heard drained again" })
	pid := strings.TrimPrefix(running.Message, "pid ")
	_, err := os.Stat("/proc/" + pid)
	require.NoError(t, err)

	// The master dies and returns, with the same id for us.
	w.master.kill()
	until(c, func(scheduler.Disconnected) bool { return true })
	w.master.start()
	assert.Equal(t, id, until(c, func(scheduler.Subscribed) bool { return true }).Framework)
	insist(c, scheduler.Reconcile{Tasks: at}, reaches(scheduler.TaskRunning))

	require.NoError(t, c.call(scheduler.Kill{Task: "workers-1.1", Agent: offer.Agent, Grace: 7 * time.Second}))
	assert.Equal(t, "grace 7s true", until(c, reaches(scheduler.TaskKilling)).Message)
	until(c, reaches(scheduler.TaskKilled))
	ended := until(c, func(scheduler.ExecutorEnded) bool { return true })
	assert.Equal(t, scheduler.ExecutorEnded{Agent: offer.Agent, Executor: "workers-1"}, ended)
}

func TestASecondSchedulerTakesOverFromTheFirst(t *testing.T) {
	w := newWorld(t)
	first := talk(t, mesos.Options{Leader: leading(t, w.address)}, "")
	id := until(first, func(scheduler.Subscribed) bool { return true }).Framework
	second := talk(t, mesos.Options{Leader: leading(t, w.address)}, id)
	assert.Equal(t, id, until(second, func(scheduler.Subscribed) bool { return true }).Framework)
	require.ErrorIs(t, first.end(), mesos.ErrFailedOver)
	until(second, func(e scheduler.Offered) bool { return len(e.Offers) > 0 })
}

func TestMesosRefusesABadRole(t *testing.T) {
	w := newWorld(t)
	c := talk(t, mesos.Options{
		Leader: leading(t, w.address), Framework: mesos.Framework{User: "root", Name: "bad", Roles: []string{"a/../b"}},
	}, "")
	err := c.end()
	var refused *mesos.Refused
	require.ErrorAs(t, err, &refused)
	assert.ErrorContains(t, err, "cannot include '..'")
}
