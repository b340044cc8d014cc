package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// defaultStopTimeout is generous: etcd, the API server and a kubelet end within two seconds of SIGTERM on a quiet
// machine, and a busy compiler beside them makes that ten times as long.
const defaultStopTimeout = 20 * time.Second

// Options says what to start and how to end it.
type Options struct {
	// Name names the program in errors and its log file, Name.log. It is unique within LogDir.
	Name string
	// Cmd is the program, not yet started, made with exec.Command: its end belongs to this package, not to an
	// exec.CommandContext. Stdout and Stderr stay nil, they go to the log. SysProcAttr, where given, is kept, except for
	// its parent-death signal and process group.
	Cmd *exec.Cmd
	// LogDir is where the log goes. It is made when it does not exist. A second process of one name appends.
	LogDir string
	// StopTimeout is how long a program has to end after SIGTERM before it gets SIGKILL; 0 means 20 s.
	StopTimeout time.Duration
	// Enter, where given, moves the calling thread into other namespaces before it forks the program. The thread is used
	// for nothing else and is thrown away afterwards. Such a program gets no parent-death signal (to make sure of it, the
	// syscall package asks for the parent's id, which is 0 in another process namespace): it ends with process 1 there.
	Enter func() error
}

// Process is a started program. Its methods may be called from any goroutine.
type Process struct {
	name        string
	cmd         *exec.Cmd
	log         logFile
	stopTimeout time.Duration
	asked       chan struct{} // receives once Stop or Kill was called: the end that follows is wanted
	done        chan struct{}
	err         error // how it ended; written before done is closed, read after
}

// Start starts a program. When ctx ends, the program is stopped as by Stop. Errors name the program and its log.
func Start(ctx context.Context, o Options) (*Process, error) {
	if o.Name == "" || o.Cmd == nil || o.LogDir == "" {
		return nil, fmt.Errorf("start process %q: Name, Cmd and LogDir must be given", o.Name)
	}
	if o.Cmd.Stdout != nil || o.Cmd.Stderr != nil {
		return nil, fmt.Errorf("start process %s: Cmd.Stdout and Cmd.Stderr must be nil, the log takes them", o.Name)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start process %s: %w", o.Name, err)
	}
	log, file, err := openLog(filepath.Join(o.LogDir, o.Name+".log"))
	if err != nil {
		return nil, fmt.Errorf("start process %s: %w", o.Name, err)
	}
	defer file.Close() // the program has its own descriptor from here on
	o.Cmd.Stdout, o.Cmd.Stderr = file, file
	p := &Process{
		name:        o.Name,
		cmd:         o.Cmd,
		log:         log,
		stopTimeout: o.StopTimeout,
		asked:       make(chan struct{}, 1),
		done:        make(chan struct{}),
	}
	if p.stopTimeout == 0 {
		p.stopTimeout = defaultStopTimeout
	}
	started := make(chan error)
	go p.run(o.Enter, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start process %s: %w", o.Name, err)
	}
	go p.stopWith(ctx)
	return p, nil
}

// run forks the program and waits for its end, on a thread of its own. The kernel ties the parent-death signal to the
// thread that forked, not to the process, and a thread of the Go runtime can end early: when a goroutine that locked it
// ends. Locked to us until the program is over, it cannot.
func (p *Process) run(enter func() error, started chan<- error) {
	runtime.LockOSThread()
	if enter != nil && syscall.Gettid() == os.Getpid() {
		// The main thread cannot be thrown away, and its namespaces are what /proc/self shows. While we hold it, another
		// goroutine gets another thread.
		over := make(chan struct{})
		go func() {
			defer close(over)
			p.run(enter, started)
		}()
		<-over
		runtime.UnlockOSThread()
		return
	}
	if enter == nil {
		defer runtime.UnlockOSThread()
	} else if err := enter(); err != nil {
		started <- fmt.Errorf("enter its namespaces: %w", err)
		return
	}
	attr := syscall.SysProcAttr{}
	if p.cmd.SysProcAttr != nil {
		attr = *p.cmd.SysProcAttr
	}
	if enter == nil {
		attr.Pdeathsig = syscall.SIGKILL
	}
	attr.Setpgid = !attr.Setsid // Ctrl-C on the terminal is for us: we end the programs in our order
	p.cmd.SysProcAttr = &attr
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	err := p.cmd.Wait()
	select {
	case <-p.asked:
	default:
		p.err = p.unexpected(err)
	}
	close(p.done)
}

// unexpected tells of an end that nobody asked for. An exit with status 0 is no error: some programs do their work and end.
func (p *Process) unexpected(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("process %s ended: %w%s", p.name, err, p.log.quote(20))
}

func (p *Process) stopWith(ctx context.Context) {
	select {
	case <-p.done:
	case <-ctx.Done():
		// Its error could only say that SIGKILL did not end it, and there is nobody to tell.
		_ = p.Stop(context.WithoutCancel(ctx))
	}
}

// Stop ends the program: SIGTERM, and SIGKILL when it is still there after StopTimeout or when ctx ends. It returns
// when the program is over; an error means that it is not, ten seconds after SIGKILL. Stopping what has ended is no error.
func (p *Process) Stop(ctx context.Context) error {
	p.ask()
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	patience := time.NewTimer(p.stopTimeout)
	defer patience.Stop()
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	case <-patience.C:
	}
	return p.Kill()
}

// Kill sends SIGKILL and returns when the program is over, or with an error after ten seconds.
func (p *Process) Kill() error {
	p.ask()
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	patience := time.NewTimer(10 * time.Second)
	defer patience.Stop()
	select {
	case <-p.done:
		return nil
	case <-patience.C:
		return fmt.Errorf("kill process %s (pid %d): it is still there 10s after SIGKILL", p.name, p.Pid())
	}
}

func (p *Process) ask() {
	select {
	case p.asked <- struct{}{}:
	default:
	}
}

// Signal sends a signal to the program itself, not to its children. A program that has ended is no error.
func (p *Process) Signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %v to process %s (pid %d): %w", s, p.name, p.Pid(), err)
	}
	return nil
}

// Name is the name it was started with.
func (p *Process) Name() string { return p.name }

// Pid is the program's process id as seen from our own pid namespace.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is nil while the program runs, after an exit with status 0, and after an end that Stop or Kill asked for.
// Otherwise it says how the program ended and quotes its last lines.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// ExitCode is the program's exit status, −1 while it runs and when a signal ended it.
func (p *Process) ExitCode() int {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	default:
		return -1
	}
}

// LogFile is the path of the log.
func (p *Process) LogFile() string { return p.log.path }

// LastLines returns at most n lines from the end of what this process printed, without their line ends. It returns
// what it can: an unreadable log gives none.
func (p *Process) LastLines(n int) []string { return p.log.lastLines(n) }
