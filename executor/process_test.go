package executor

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const patience = 20 * time.Second

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, patience, 5*time.Millisecond, what)
}

func self(t *testing.T) string {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	return program
}

func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(text), ") Z ")
}

func TestProcessDiesWithTheExecutor(t *testing.T) {
	parent := exec.Command(self(t), "parent-of", self(t), "sleep")
	stdin, err := parent.StdinPipe()
	require.NoError(t, err)
	defer stdin.Close()
	stdout, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	child, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.True(t, alive(child))

	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()
	eventually(t, "the child is gone", func() bool { return !alive(child) })
}

func TestProcessOutlivesTheGoroutineThatAskedForIt(t *testing.T) {
	// The kernel's death signal goes by thread. Many short-lived locked threads around the start must not end the process.
	p, err := startProcess(exec.Command(self(t), "sleep"))
	require.NoError(t, err)
	for range 20 {
		other, err := startProcess(exec.Command(self(t), "-test.run=NoSuchTest"))
		require.NoError(t, err)
		<-other.done
		assert.Equal(t, "exit status 0", other.why)
	}
	assert.True(t, alive(p.pid))
	p.stop(context.Background(), time.Minute)
	assert.Equal(t, "signal: terminated", p.why)
	p.stop(context.Background(), time.Minute) // once more is no harm
}

func TestStopKillsAProcessThatIgnoresTERM(t *testing.T) {
	dir := t.TempDir()
	port := freePort(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "behaviour"), []byte("ignore-term"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "c"), fmt.Appendf(nil, "healthzPort: %d", port), 0o644))
	p, err := startProcess(exec.Command(self(t), "--config="+dir+"/c", "--root-dir="+dir))
	require.NoError(t, err)
	eventually(t, "it listens", func() bool { return listens(port) })

	began := time.Now()
	p.stop(context.Background(), 100*time.Millisecond)
	assert.Equal(t, "signal: killed", p.why)
	assert.GreaterOrEqual(t, time.Since(began), 100*time.Millisecond)
}

func TestLockIsHeldByExecutorAndKubelet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root", "lock")
	first, err := takeLock(t.Context(), path, holder{Node: "workers-1", Executor: memberOf(os.Getpid())}, nil)
	require.NoError(t, err)
	cmd := exec.Command(self(t), "sleep")
	cmd.ExtraFiles = []*os.File{first.file}
	kubelet, err := startProcess(cmd)
	require.NoError(t, err)
	first.release() // its share; the executor, this process, lives

	waiting := make(chan string, 10)
	taken := make(chan *lock, 1)
	go func() {
		second, err := takeLock(t.Context(), path, holder{Node: "workers-2"}, func(why string) { waiting <- why })
		assert.NoError(t, err)
		taken <- second
	}()
	assert.Contains(t, <-waiting, "is locked, a kubelet lives on this host: node workers-1, executor process ")
	select {
	case <-taken:
		t.Fatal("the lock was free while the kubelet lived")
	case <-time.After(300 * time.Millisecond):
	}
	kubelet.stop(t.Context(), 0)
	second := <-taken
	defer second.release()
	assert.Empty(t, waiting, "said once")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"node":"workers-2"`)

	ctx, cancel := context.WithCancel(t.Context())
	_, err = takeLock(ctx, path, holder{Node: "workers-3"}, func(string) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
}

func TestAKubeletWithoutItsExecutorIsEndedByTheNext(t *testing.T) {
	dead, err := startProcess(exec.Command(self(t), "sleep"))
	require.NoError(t, err)
	executor := memberOf(dead.pid)
	dead.stop(t.Context(), 0)

	path := filepath.Join(t.TempDir(), "lock")
	first, err := takeLock(t.Context(), path, holder{}, nil)
	require.NoError(t, err)
	cmd := exec.Command(self(t), "sleep")
	cmd.ExtraFiles = []*os.File{first.file}
	kubelet, err := startProcess(cmd)
	require.NoError(t, err)
	require.NoError(t, first.write(holder{Node: "workers-1", Executor: executor, Kubelet: memberOf(kubelet.pid)}))
	first.release()

	var said []string
	second, err := takeLock(t.Context(), path, holder{Node: "workers-2"}, func(why string) { said = append(said, why) })
	require.NoError(t, err)
	second.release()
	<-kubelet.done
	assert.Equal(t, "signal: terminated", kubelet.why)
	require.NotEmpty(t, said)
	assert.Contains(t, said[0], fmt.Sprintf("kubelet process %d; its executor is dead, so it is ended", kubelet.pid))
}

func TestAMemberIsNotAnotherProcessOfItsNumber(t *testing.T) {
	me := memberOf(os.Getpid())
	assert.True(t, me.alive())
	assert.False(t, member{PID: me.PID, Started: "1"}.alive())
	assert.False(t, member{}.alive())
	assert.False(t, member{PID: 1, Started: statOf(1, 22)}.alive(), "never 1, in a namespace where the file means another")
}

func TestAStrangerAtThePortIsNamed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	assert.Empty(t, strangerAt(port, os.Getpid()))
	other, err := startProcess(exec.Command(self(t), "sleep"))
	require.NoError(t, err)
	defer other.stop(context.Background(), 0)
	assert.Contains(t, strangerAt(port, other.pid), fmt.Sprintf("is answered by process %d (", os.Getpid()))
	assert.Empty(t, strangerAt(freePort(t), other.pid), "nobody is no stranger")
}

func TestOutputIsBoundedAndRemembersTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kubelet.log")
	out := newOutput(path, 1000)
	defer out.Close()
	for i := range 200 {
		_, err := fmt.Fprintf(out, "line %d\n", i)
		require.NoError(t, err)
	}
	fmt.Fprint(out, "no end of line, and "+strings.Repeat("long ", 100))
	for _, file := range []string{path, path + ".1"} {
		info, err := os.Stat(file)
		require.NoError(t, err)
		assert.LessOrEqual(t, info.Size(), int64(1000), file)
		assert.Positive(t, info.Size(), file)
	}
	last := out.Last()
	assert.Equal(t, "line 180", last[0])
	assert.Equal(t, "line 199", last[19])
	assert.Len(t, last[20], tailBytes+len("…"))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(string(text), "long "))

	again := newOutput(path, 1000) // of the next executor in this sandbox, or after Close: goes on
	fmt.Fprintln(again, "more")
	again.Close()
	more, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(text)+"more\n", string(more))
}

func TestOutputNeverFails(t *testing.T) {
	out := newOutput(filepath.Join(t.TempDir(), "no", "such", "directory"), 10)
	n, err := out.Write([]byte("the disk is full\n"))
	assert.NoError(t, err)
	assert.Equal(t, 17, n)
	assert.Equal(t, []string{"the disk is full"}, out.Last())
}

func TestCleanEnvironment(t *testing.T) {
	assert.Equal(t, []string{"PATH=/bin", "HTTPS_PROXY=http://p"}, cleanEnvironment([]string{
		"MESOS_EXECUTOR_AUTHENTICATION_TOKEN=secret", "PATH=/bin", "MESOS_SANDBOX=/x", "LIBPROCESS_PORT=0", "HTTPS_PROXY=http://p",
		"KUBECONFIG=/root/admin.conf", "PATHS=x",
	}))
}

func TestEstate(t *testing.T) {
	dir := t.TempDir()
	left, err := readEstate(dir)
	require.NoError(t, err)
	assert.Nil(t, left)
	require.NoError(t, estate{Node: "workers-1", Root: "/mesos/x"}.write(dir))
	left, err = readEstate(dir)
	require.NoError(t, err)
	assert.Equal(t, &estate{Version: 1, Node: "workers-1", Root: "/mesos/x"}, left)
	require.NoError(t, removeEstate(dir))
	require.NoError(t, removeEstate(dir))
	for _, text := range []string{"", "{}", `{"version":1,"cgroupRoot":"/"}`, `{"version":2,"cgroupRoot":"/x"}`} {
		require.NoError(t, os.WriteFile(estatePath(dir), []byte(text), 0o644))
		_, err := readEstate(dir)
		require.ErrorContains(t, err, "stop the pods of the earlier kubelet by hand", text)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// TestTheLastLinesSayWhyItPanicked: a stack of hundreds of lines does not push out the panic, and the next kubelet's log is kept again.
func TestTheLastLinesSayWhyItPanicked(t *testing.T) {
	o := newOutput(filepath.Join(t.TempDir(), "kubelet.log"), 1<<20)
	defer o.Close()
	fmt.Fprintln(o, "I1125 16:00:00.000000 1 server.go:1] starting")
	fmt.Fprint(o, "panic: unrecognized feature gate: NoSuchGate\n\ngoroutine 1 [running]:\n")
	for range 100 {
		fmt.Fprint(o, "main.main()\n\t/src/main.go:1 +0x1\n")
	}
	require.Equal(t, []string{"I1125 16:00:00.000000 1 server.go:1] starting", "panic: unrecognized feature gate: NoSuchGate", ""}, o.Last())
	fmt.Fprintln(o, "I1125 16:00:01.000000 1 server.go:1] starting again")
	require.Equal(t, "I1125 16:00:01.000000 1 server.go:1] starting again", o.Last()[3])
}
