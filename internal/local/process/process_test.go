package process_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"k8s-framework/internal/local/process"
)

func start(t *testing.T, script string) *process.Process {
	t.Helper()
	p, err := process.Start(t.Context(), process.Options{
		Name: "script", Cmd: exec.Command("sh", "-c", script), LogDir: t.TempDir(), StopTimeout: time.Second,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Kill()) })
	return p
}

func printed(p *process.Process, line string) func(context.Context) error {
	return func(context.Context) error {
		if strings.Join(p.LastLines(1), "") != line {
			return errors.New("it has not printed " + line)
		}
		return nil
	}
}

func TestEndThatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	p := start(t, `i=0; while [ $i -lt 50 ]; do echo line $i; i=$((i+1)); done; echo bad news >&2; exit 3`)
	<-p.Done()
	require.Error(t, p.Err())
	assert.Contains(t, p.Err().Error(), "process script ended: exit status 3")
	assert.Contains(t, p.Err().Error(), "bad news")
	assert.NotContains(t, p.Err().Error(), "line 1\n")
	assert.Equal(t, []string{"line 49", "bad news"}, p.LastLines(2))
	assert.Equal(t, 3, p.ExitCode())
}

func TestEndWithStatusZero(t *testing.T) {
	t.Parallel()
	p := start(t, "exit 0")
	<-p.Done()
	assert.NoError(t, p.Err())
	assert.Empty(t, p.LastLines(10))
}

func TestStopIsTermFirst(t *testing.T) {
	t.Parallel()
	p := start(t, `trap 'echo term; exit 7' TERM; echo up; while :; do sleep 0.01; done`)
	require.NoError(t, p.WaitFor(t.Context(), "the trap", printed(p, "up")))
	require.NoError(t, p.Stop(t.Context()))
	assert.NoError(t, p.Err(), "an end that was asked for is no error")
	assert.Equal(t, 7, p.ExitCode())
	assert.Equal(t, []string{"term"}, p.LastLines(1))
	assert.NoError(t, p.Stop(t.Context()), "to stop twice is no error")
}

func TestStopKillsWhatIgnoresTerm(t *testing.T) {
	t.Parallel()
	p := start(t, `trap '' TERM; echo up; while :; do sleep 0.01; done`)
	require.NoError(t, p.WaitFor(t.Context(), "the trap", printed(p, "up")))
	require.NoError(t, p.Stop(t.Context()))
	assert.Equal(t, -1, p.ExitCode())
}

func TestContextEndsTheProgram(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	p, err := process.Start(ctx, process.Options{Name: "sleep", Cmd: exec.Command("sleep", "1000"), LogDir: t.TempDir()})
	require.NoError(t, err)
	cancel()
	<-p.Done()
	assert.NoError(t, p.Err())
}

func TestWaitGivesUpWhenTheProgramEnds(t *testing.T) {
	t.Parallel()
	p := start(t, "echo no such port; exit 1")
	err := p.WaitFor(t.Context(), "its port", func(context.Context) error { return errors.New("refused") })
	assert.ErrorContains(t, err, "wait for its port")
	assert.ErrorContains(t, err, "no such port")
}

func TestWaitSeesWhatAnEndedProgramHasDone(t *testing.T) {
	t.Parallel()
	p := start(t, "echo done")
	asked := 0
	err := p.WaitFor(t.Context(), "its work", func(context.Context) error {
		if asked++; asked == 1 { // too early
			<-p.Done()
			return errors.New("not yet")
		}
		return nil
	})
	assert.NoError(t, err)
}

func TestWaitTellsTheLastAttempt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := process.WaitFor(ctx, "the moon", func(context.Context) error { return errors.New("clouds") })
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorContains(t, err, "wait for the moon")
	assert.ErrorContains(t, err, "clouds")
}

func TestSecondProcessOfOneNameQuotesOnlyItself(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, word := range []string{"first", "second"} {
		p, err := process.Start(t.Context(), process.Options{Name: "echo", Cmd: exec.Command("echo", word), LogDir: dir})
		require.NoError(t, err)
		<-p.Done()
		assert.Equal(t, []string{word}, p.LastLines(10))
		text, err := os.ReadFile(p.LogFile())
		require.NoError(t, err)
		assert.Contains(t, string(text), "first")
	}
}

func TestEnterRunsOnTheForkingThread(t *testing.T) {
	t.Parallel()
	// A nice value belongs to a thread and is inherited by what it forks, as namespaces are.
	p, err := process.Start(t.Context(), process.Options{
		Name: "nice", Cmd: exec.Command("nice"), LogDir: t.TempDir(),
		Enter: func() error { return syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), 7) },
	})
	require.NoError(t, err)
	<-p.Done()
	assert.Equal(t, []string{"7"}, p.LastLines(1))
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	_, err := process.Start(t.Context(), process.Options{Name: "x", Cmd: exec.Command("/no/such/program"), LogDir: t.TempDir()})
	assert.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, "start process x")
	_, err = process.Start(t.Context(), process.Options{
		Name: "x", Cmd: exec.Command("true"), LogDir: t.TempDir(), Enter: func() error { return errors.New("closed door") },
	})
	assert.ErrorContains(t, err, "closed door")
	_, err = process.Start(t.Context(), process.Options{Name: "x"})
	assert.ErrorContains(t, err, "must be given")
}
