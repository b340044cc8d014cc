package zookeeper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s-framework/internal/local/process"
)

// Where Debian's packages zookeeper and libslf4j-java put their parts. zookeeper.jar names the jars that it needs in its
// manifest; only the choice of a logger is left to us.
const (
	jar       = "/usr/share/java/zookeeper.jar"
	loggerJar = "/usr/share/java/slf4j-simple.jar"
	mainClass = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
)

// Options says where a server lives.
type Options struct {
	// Dir holds the server's data, configuration and log. It is made when it does not exist; data in it are kept.
	Dir string
	// Host is the IP address on which clients are served; 127.0.0.1 by default.
	Host string
	// Port is the port for clients; 0 takes a free one.
	Port int
	// TickTime is ZooKeeper's unit of time: a session lasts at least two ticks, and its end is seen up to a tick late.
	// 100 ms by default.
	TickTime time.Duration
	// Heap bounds the server's memory, in MiB; 384 by default.
	Heap int
	// Enter, where given, moves the calling thread into other namespaces, in which the server is then started.
	Enter func() error
}

// Server is one ZooKeeper server. Its methods are for one goroutine.
type Server struct {
	ctx     context.Context // the end of the server's life, over all restarts
	options Options
	config  string
	process *process.Process
}

// Start starts a server and waits until it serves. The server ends with ctx.
func Start(ctx context.Context, o Options) (*Server, error) {
	s, err := prepare(ctx, o, 0, nil)
	if err != nil {
		return nil, err
	}
	if err := s.launch(); err != nil {
		return nil, err
	}
	if err := s.ready(ctx); err != nil {
		return nil, errors.Join(err, s.Kill())
	}
	return s, nil
}

// prepare makes everything but the process.
func prepare(ctx context.Context, o Options, number int, peers []peer) (*Server, error) {
	for _, file := range []string{jar, loggerJar} {
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("start ZooKeeper: %s is missing, want Debian's packages zookeeper and libslf4j-java: %w", file, err)
		}
	}
	if o.Dir == "" {
		return nil, errors.New("start ZooKeeper: Dir is empty, want a folder for its data")
	}
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	if o.TickTime == 0 {
		o.TickTime = 100 * time.Millisecond
	}
	if o.Port == 0 {
		port, err := freePort(o.Host)
		if err != nil {
			return nil, fmt.Errorf("start ZooKeeper: %w", err)
		}
		o.Port = port
	}
	config, err := writeConfig(o, number, peers)
	if err != nil {
		return nil, fmt.Errorf("start ZooKeeper: write its configuration: %w", err)
	}
	return &Server{ctx: ctx, options: o, config: config}, nil
}

// launch starts the process, without waiting for it.
func (s *Server) launch() error {
	cmd := exec.Command("java",
		// ZooKeeper keeps the last 500 transactions in memory: of the largest that we write, 256 MiB. Memory is taken as it
		// is needed: usually some 80 MB.
		"-Xms16m", fmt.Sprintf("-Xmx%dm", cmp.Or(s.options.Heap, 384)), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
		"-Dzookeeper.preAllocSize=1024", // KiB by which the transaction log grows; the default of 64 MiB is for disks of its own
		"-Dzookeeper.jmx.log4j.disable=true",
		"-Dorg.slf4j.simpleLogger.showDateTime=true",
		"-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
		"-cp", jar+":"+loggerJar, mainClass, s.config)
	started, err := process.Start(s.ctx, process.Options{
		Name:   "zookeeper",
		Cmd:    cmd,
		LogDir: s.options.Dir,
		// A server that was paused does not hear SIGTERM.
		StopTimeout: 5 * time.Second,
		Enter:       s.options.Enter,
	})
	if err != nil {
		return err
	}
	s.process = started
	return nil
}

// ready waits until the server answers clients.
func (s *Server) ready(ctx context.Context) error {
	return s.process.WaitFor(ctx, "ZooKeeper at "+s.Address(), func(ctx context.Context) error {
		mode, err := s.Mode(ctx)
		if err == nil && mode == "" {
			err = errors.New("it does not serve yet")
		}
		return err
	})
}

// Address is where clients find the server, host:port.
func (s *Server) Address() string {
	return net.JoinHostPort(s.options.Host, strconv.Itoa(s.options.Port))
}

// URL is the server and a path in the form that Mesos and we take: zk://host:port/path.
func (s *Server) URL(path string) string { return "zk://" + s.Address() + path }

// Mode asks the server what it is: "standalone", "leader" or "follower"; empty while it does not serve, as in an ensemble
// without a quorum. It is asked from our own network namespace.
func (s *Server) Mode(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Address())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, "srvr"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(answer)) {
		if mode, ok := strings.CutPrefix(line, "Mode: "); ok {
			return strings.TrimSpace(mode), nil
		}
	}
	return "", nil
}

// Stop ends the server in good order.
func (s *Server) Stop(ctx context.Context) error { return s.process.Stop(ctx) }

// Kill ends the server with SIGKILL.
func (s *Server) Kill() error { return s.process.Kill() }

// Restart starts the server again, on its port and data, and waits until it serves. A server that still runs is stopped
// first. Sessions that have not expired meanwhile go on.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.process.Stop(ctx); err != nil {
		return err
	}
	if err := s.launch(); err != nil {
		return err
	}
	return s.ready(ctx)
}

// Pause stops the server with SIGSTOP: its port accepts and nothing is answered. Its clock stands still too, so that it
// ends no session meanwhile.
func (s *Server) Pause() error { return s.process.Signal(syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (s *Server) Resume() error { return s.process.Signal(syscall.SIGCONT) }

// Pid is the process id.
func (s *Server) Pid() int { return s.process.Pid() }

// LogFile is the path of the server's log.
func (s *Server) LogFile() string { return filepath.Join(s.options.Dir, "zookeeper.log") }
