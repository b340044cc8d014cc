//go:build e2e

package executor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s-framework/internal/kubelet"
	programs "k8s-framework/internal/local/process"
)

// forget is what the framework does when a node is gone.
func (s *theatre) forget() {
	s.t.Helper()
	require.NoError(s.t, s.cp.Client().CoreV1().Nodes().Delete(s.t.Context(), "h1", metav1.DeleteOptions{}))
}

// TestTheEndWithoutAnAPIServer ends one node while the API server is away for longer than the grace of the KILL, and lets another
// be cut off from its agent as well, until it ends itself.
func TestTheEndWithoutAnAPIServer(t *testing.T) {
	s := set(t)
	root := s.host.CgroupRoot() + "/mesos/"
	first := s.agent.start(s.host, s.program, s.spec("workers-1"), "c-1", true)
	s.awaitSubscription(1)
	s.agent.launch("t1", 1, 1024)
	s.awaitAllocatable("1", "1Gi")
	s.web(2)
	s.awaitRunning(2)
	require.NotEmpty(t, s.processes(root+"c-1/kubepods"))

	require.NoError(t, s.cp.StopAPIServer())
	began := time.Now()
	s.agent.killWithin("t1", 16*time.Second)
	s.await("a report that says who does not answer", func(context.Context) error {
		if told := s.agent.told(); !strings.Contains(told, "no good answer from the API server") {
			return errors.New(told)
		}
		return nil
	})
	require.NotEmpty(t, s.processes(root+"c-1/kubepods"), "nothing is stopped as long as it may come back")
	s.awaitExit(first)
	took := time.Since(began)
	t.Logf("ended %v after a KILL with 16 s", took)
	assert.GreaterOrEqual(t, took, 4*time.Second, "half of the drain's time is waited for the server")
	assert.Less(t, took, 16*time.Second)
	s.awaitStatus("t1 KILLED")
	assert.Empty(t, s.processes(root+"c-1"))
	assert.Empty(t, s.sandboxes())

	require.NoError(t, s.cp.StartAPIServer(t.Context()))
	s.forget()
	spec := s.spec("workers-2")
	spec.FenceAfter = kubelet.Duration(5 * time.Second)
	second := s.agent.start(s.host, s.program, spec, "c-2", true)
	s.awaitSubscription(2)
	s.agent.launch("t2", 1, 1024)
	s.awaitAllocatable("1", "1Gi")
	s.awaitRunning(2)
	s.agent.outage(7 * time.Second) // the server answers: nothing happens
	s.awaitSubscription(3)
	assert.NotEmpty(t, s.processes(root+"c-2/kubepods"))
	require.NoError(t, s.cp.StopAPIServer())
	cut := time.Now()
	s.agent.goAway()
	s.await("the pods to end", func(context.Context) error {
		if left := s.processes(root + "c-2/kubepods"); left != "" {
			return errors.New(left)
		}
		return nil
	})
	t.Logf("no process of a pod is left %v after it was cut off", time.Since(cut))
	assert.GreaterOrEqual(t, time.Since(cut), 4*time.Second)
	s.agent.comeBack()
	s.awaitExit(second)
	s.awaitStatus("t2 FAILED: fenced: cut off from the Mesos agent and from the API server")
	require.NoError(t, s.cp.StartAPIServer(t.Context()))
}

// TestTheExecutorDiesAtEveryStepOfItsEnd kills an executor without a cgroup of its own, whose pods nobody else ends, when it says
// what it does next, in an order that a printed seed decides. The next executor finds what is left, ends it before its kubelet
// starts, and pods run again.
func TestTheExecutorDiesAtEveryStepOfItsEnd(t *testing.T) {
	s := set(t)
	steps := []string{"drain: told to kill", "stop kubelet within", "stop pods within", "clean up", "TASK_KILLED"}
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("EXECUTOR_SEED"); given != "" {
		_, err := fmt.Sscan(given, &seed)
		require.NoError(t, err)
	}
	t.Logf("EXECUTOR_SEED=%d", seed)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })

	s.web(2)
	s.daemon() // its pod is there until the kubelet has ended
	for i, step := range append(steps, "") {
		node, container, task := fmt.Sprintf("workers-%d", i+1), fmt.Sprintf("c-%d", i+1), fmt.Sprintf("t%d", i+1)
		executor := s.agent.start(s.host, s.program, s.spec(node), container, false)
		s.awaitSubscription(i + 1)
		s.agent.launch(task, 1, 1024)
		s.awaitStatus(task + " RUNNING")
		if i > 0 { // seen from outside, at the moment in which the next kubelet runs
			before := fmt.Sprintf("%s/posix/workers-%d.c-%d", s.host.CgroupRoot(), i, i)
			assert.Empty(t, s.processes(before), "left by the one that died at %q", steps[i-1])
		}
		s.awaitRunning(3) // by the word of the API server, which may be about the kubelet before
		root := fmt.Sprintf("%s/posix/%s.%s", s.host.CgroupRoot(), node, container)
		s.await("processes of pods", func(context.Context) error {
			if s.processes(root+"/kubepods") == "" {
				return errors.New("none")
			}
			return nil
		})
		s.agent.kill(task)
		if step == "" {
			s.awaitExit(executor)
			assert.Empty(t, s.processes(root))
			break
		}
		s.awaitLog(executor, step)
		require.NoError(t, executor.Signal(syscall.SIGKILL))
		<-executor.Done()
		t.Logf("killed at %q, %d entries of processes are left", step, len(strings.Fields(s.processes(root))))
		s.forget()
	}
	assert.Empty(t, s.sandboxes())
}

// awaitLog waits for a line of the executor's log, at once: the next step may be quick.
func (s *theatre) awaitLog(p *programs.Process, words string) {
	s.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		text, err := os.ReadFile(p.LogFile())
		require.NoError(s.t, err)
		if strings.Contains(string(text), words) {
			return
		}
		require.True(s.t, time.Now().Before(deadline), "%q is not in the log: %q", words, p.LastLines(10))
		time.Sleep(time.Millisecond)
	}
}
