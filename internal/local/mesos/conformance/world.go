package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// recordedPorts are all ports at which something listens in the recordings.
var recordedPorts = []int{5050, 5051, 5060, 5061, 5070, 2381}

// world is the machine of one replay: a loopback address and folders of its own, and the processes in them.
//
// The address has as many characters as 127.0.0.1, and the ports as many as the recorded ones, so that recorded lengths
// of bodies hold.
type world struct {
	bin    string // where mesos-master and mesos-agent are
	dir    string // stands for $WORK; short, because sockets are in it
	ip     string
	shift  int // what is added to recorded ports
	guard  net.Listener
	cgroup string // prefix of all cgroup roots

	procs map[string]*process
}

// process is a master or an agent. A name may run several times in a row; world keeps the latest.
type process struct {
	name string
	args []string // recorded words of the command line, not translated
	cmd  *exec.Cmd
	log  string // file with standard output and error

	started time.Time
	done    chan struct{} // closed when it has ended
}

// newWorld takes a free loopback address and makes the folders.
func newWorld(bin, executable string) (*world, error) {
	dir, err := os.MkdirTemp("", "mc")
	if err != nil {
		return nil, fmt.Errorf("make the folder of a replay: %w", err)
	}
	w := &world{bin: bin, dir: dir, procs: map[string]*process{}}
	for _, sub := range []string{"exec", "record", "logs"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	if err := os.Symlink(executable, filepath.Join(dir, "record", recorderName)); err != nil {
		return nil, err
	}
	w.cgroup = fmt.Sprintf("k8sfw-conf-%s-", filepath.Base(dir))
	return w, w.takeAddress()
}

// takeAddress looks for a loopback address at which all ports are free, and holds a port of it against other replays.
func (w *world) takeAddress() error {
	for range 200 {
		ip := fmt.Sprintf("127.%d.%d.%d", rand.IntN(10), 1+rand.IntN(9), 1+rand.IntN(5))
		guard, err := net.Listen("tcp", ip+":5049")
		if err != nil {
			continue
		}
		for _, shift := range []int{0, 1000, 2000, 3000} {
			if allFree(ip, shift) {
				w.ip, w.shift, w.guard = ip, shift, guard
				return nil
			}
		}
		_ = guard.Close()
	}
	return errors.New("no loopback address on which the ports of the recordings, or these plus 1000, 2000 or 3000, are free")
}

func allFree(ip string, shift int) bool {
	for _, port := range recordedPorts {
		l, err := net.Listen("tcp", net.JoinHostPort(ip, strconv.Itoa(port+shift)))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}

// names gives the translation between the recording and this world.
func (w *world) names(more [][2]string) *names {
	ip := net.ParseIP(w.ip).To4()
	numeric := int(ip[0]) | int(ip[1])<<8 | int(ip[2])<<16 | int(ip[3])<<24
	pairs := [][2]string{
		{"$WORK", w.dir},
		{"$RECORD", filepath.Join(w.dir, "record")},
		{"mrec", w.cgroup},
		{`"ip":16777343`, `"ip":` + strconv.Itoa(numeric)},
		{"127.0.0.1", w.ip},
	}
	if w.shift != 0 {
		for _, port := range recordedPorts {
			for _, before := range []string{":", "=", `"port":`, "port "} {
				pairs = append(pairs, [2]string{before + strconv.Itoa(port), before + strconv.Itoa(port+w.shift)})
			}
		}
	}
	// $RECORD lies in $WORK: the longer text must be tried first on the way back.
	pairs[0], pairs[1] = pairs[1], pairs[0]
	return newNames(append(pairs, more...))
}

// addr is where a process of the recordings listens in this world.
func (w *world) addr(name string) (string, error) {
	ports := map[string]int{"master1": 5050, "master2": 5060, "master3": 5070, "agent1": 5051, "agent2": 5061}
	port, ok := ports[name]
	if !ok {
		return "", fmt.Errorf("process %q: expected master1..3, agent1 or agent2", name)
	}
	return net.JoinHostPort(w.ip, strconv.Itoa(port+w.shift)), nil
}

// start runs a recorded command line. A process of that name that still runs is killed first: the recordings leave that
// out.
func (w *world) start(n *names, name string, args []string) (*process, error) {
	if p := w.procs[name]; p != nil && p.running() {
		p.kill()
	}
	p := &process{name: name, args: args, started: time.Now(), done: make(chan struct{})}
	p.log = filepath.Join(w.dir, "logs", fmt.Sprintf("%s-%d.log", name, len(w.procs)+int(time.Now().UnixNano()%1e9)))
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	words := make([]string, 0, len(args))
	for _, a := range args {
		word, err := n.run(a)
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", name, err)
		}
		words = append(words, word)
	}
	p.cmd = exec.Command(filepath.Join(w.bin, words[0]), words[1:]...)
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = log, log, w.dir
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	w.procs[name] = p
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // its outcome is in ProcessState
	}()
	return p, nil
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// code waits for the end of the process: the exit code, or minus the signal.
func (p *process) code(within time.Duration) (int, error) {
	select {
	case <-p.done:
	case <-time.After(within):
		return 0, fmt.Errorf("%s has not ended within %v", p.name, within)
	}
	status, _ := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return -int(status.Signal()), nil
	}
	return status.ExitStatus(), nil
}

func (p *process) output() string {
	data, _ := os.ReadFile(p.log)
	return string(data)
}

// listening waits until something accepts connections at the process's address.
func (w *world) listening(ctx context.Context, name string) error {
	addr, err := w.addr(name)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return conn.Close()
		}
		if !w.procs[name].running() {
			return fmt.Errorf("%s ended at its start: %s", name, lastLines(w.procs[name].output(), 3))
		}
		pause(ctx, 20*time.Millisecond)
	}
	return fmt.Errorf("%s does not listen at %s", name, addr)
}

// end stops all processes, and what they left in cgroups of ours, and removes the folders.
func (w *world) end(keep bool) {
	for _, p := range w.procs {
		if p.running() {
			p.kill()
		}
	}
	w.removeCgroups()
	if w.guard != nil {
		_ = w.guard.Close()
	}
	if !keep {
		_ = os.RemoveAll(w.dir)
	}
}

func lastLines(text string, n int) string {
	lines := bytes.Split(bytes.TrimSpace([]byte(text)), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte(" | ")))
}

// words splits a recorded command line: single quotes hold words with spaces together.
func words(line string) []string {
	var list []string
	var word strings.Builder
	quoted, any := false, false
	for _, c := range line {
		switch {
		case c == '\'':
			quoted, any = !quoted, true
		case c == ' ' && !quoted:
			if any || word.Len() > 0 {
				list = append(list, word.String())
			}
			word.Reset()
			any = false
		default:
			word.WriteRune(c)
		}
	}
	if any || word.Len() > 0 {
		list = append(list, word.String())
	}
	return list
}

// pause waits, or returns early when the context ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
