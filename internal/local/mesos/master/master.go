package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"k8s-framework/internal/local/mesos/flags"
	"k8s-framework/internal/local/mesos/wire"
)

// Version is what the stand-in says when it is asked: the version that was recorded.
const (
	Version = "1.12.0"
	gitSHA  = "c1b42f79d157aa900be5cbb0c1023f1479962aa7"
)

// heartbeatInterval is the time between HEARTBEAT events, if Options do not say otherwise.
const heartbeatInterval = 15 * time.Second

// Errors with which Run ends by itself. The program prints them and exits with 1, or aborts.
var (
	// ErrLostLeadership: a leader must never go on without its ZooKeeper session.
	ErrLostLeadership = errors.New("Lost leadership after indecisive election... committing suicide!")
	// ErrAborted is what a real master does on a call of type UNKNOWN: it aborts.
	ErrAborted = errors.New("Check failed: call_types.contains(callType) ")
)

// Options are what a master needs beside its flags.
type Options struct {
	Flags *flags.Master
	// Log gets the log lines; nil for none.
	Log io.Writer
	// HeartbeatInterval is the time between HEARTBEAT events, of which schedulers are told in SUBSCRIBED; 0 is a real master's 15 s.
	HeartbeatInterval time.Duration
	// Counts counts what schedulers say and hear; nil for nobody.
	Counts *Counts
	// Shortcut answers accepted calls of schedulers in front of the HTTP server; nothing but their cost differs.
	Shortcut bool
	// Routes are paths that are served beside the master's own, whether or not it leads.
	Routes map[string]http.Handler
}

// Master is one master. New makes it, Run runs it once.
type Master struct {
	flags   *flags.Master
	log     logger
	info    mesos.MasterInfo
	secrets map[string]string // nil without --credentials
	started time.Time
	beat    time.Duration // between two HEARTBEATs
	counts  *Counts
	routes  map[string]http.Handler

	listener net.Listener
	server   *http.Server

	calls   chan func()
	stopped chan struct{}
	fatal   chan error

	// leadership is read by handlers and written by the loop and the election.
	leadership atomic.Pointer[leadership]

	state
	timers
	registry  *registrar
	minimum   []minimum
	allocates bool // an allocation was asked for and is due when the loop has nothing else to do
	elected   time.Time
	whitelist map[string]bool // nil: every host
}

// leadership is what a handler needs to know before it asks the loop.
type leadership struct {
	leading   bool // this master leads
	recovered bool // and has read its registry
	leader    *mesos.MasterInfo
}

// New listens and reads what the flags name. The caller must call Run, which closes the listener.
func New(o Options) (*Master, error) {
	f := o.Flags
	m := &Master{
		flags: f, log: logger{o.Log, "master.cpp:1"}, started: time.Now(),
		beat: o.HeartbeatInterval, counts: o.Counts, routes: o.Routes,
		calls: make(chan func(), 4096), stopped: make(chan struct{}), fatal: make(chan error, 1),
	}
	if f.Quiet {
		m.log.w = nil
	}
	if m.beat == 0 {
		m.beat = heartbeatInterval
	}
	if m.counts == nil {
		m.counts = &Counts{}
	}
	var err error
	if f.Credentials != "" {
		if m.secrets, err = flags.ReadCredentials(f.Credentials); err != nil {
			return nil, err
		}
	}
	if m.minimum, err = parseMinimum(f.MinAllocatableResources); err != nil {
		return nil, err
	}
	if m.whitelist, err = readWhitelist(f.Whitelist); err != nil {
		return nil, err
	}
	if m.listener, err = net.Listen("tcp", net.JoinHostPort(f.IP, strconv.Itoa(f.Port))); err != nil {
		return nil, fmt.Errorf("Failed to initialize: Failed to bind on %s: %w", net.JoinHostPort(f.IP, strconv.Itoa(f.Port)), err)
	}
	if err := m.identify(); err != nil {
		m.listener.Close() // the first error is the interesting one
		return nil, err
	}
	m.leadership.Store(&leadership{})
	m.reset()
	if o.Shortcut {
		m.listener = wire.NewShortcut(m.listener, "/api/v1/scheduler", m.takeCalls)
	}
	m.server = &http.Server{Handler: m, ReadHeaderTimeout: time.Minute, ConnContext: wire.Corked{}.ConnContext}
	return m, nil
}

// Addr is where the master listens.
func (m *Master) Addr() net.Addr { return m.listener.Addr() }

// identify makes the MasterInfo.
func (m *Master) identify() error {
	host, port, _ := net.SplitHostPort(m.listener.Addr().String())
	ip := net.ParseIP(host)
	if m.flags.AdvertiseIP != "" {
		ip = net.ParseIP(m.flags.AdvertiseIP)
	}
	if ip == nil || ip.IsUnspecified() {
		ip = outboundIP()
	}
	number, _ := strconv.ParseUint(port, 10, 16)
	if m.flags.AdvertisePort != 0 {
		number = uint64(m.flags.AdvertisePort)
	}
	hostname := m.flags.Hostname
	if hostname == "" {
		if names, err := net.LookupAddr(ip.String()); err == nil && len(names) > 0 {
			hostname = trimDot(names[0])
		} else if hostname, err = os.Hostname(); err != nil {
			return fmt.Errorf("hostname: %w", err)
		}
	}
	domain, err := flags.ParseDomain(m.flags.Domain)
	if err != nil {
		return err
	}
	p := uint32(number)
	pid := "master@" + net.JoinHostPort(ip.String(), strconv.Itoa(int(number)))
	m.info = mesos.MasterInfo{
		ID: formatUUID(newUUID()), Port: &p, PID: &pid, Hostname: &hostname, Version: new(Version), Domain: domain,
		Address: &mesos.Address{Hostname: &hostname, IP: new(ip.String()), Port: int32(number)},
		Capabilities: []mesos.MasterInfo_Capability{
			{Type: mesos.MasterInfo_Capability_AGENT_UPDATE}, {Type: mesos.MasterInfo_Capability_AGENT_DRAINING}, {Type: 3}, // QUOTA_V2
		},
	}
	if v4 := ip.To4(); v4 != nil { // in network order, as an unsigned number of this machine
		m.info.IP = uint32(v4[0]) | uint32(v4[1])<<8 | uint32(v4[2])<<16 | uint32(v4[3])<<24
	}
	return nil
}

// outboundIP is the address of this host that others probably know.
func outboundIP() net.IP {
	if c, err := net.Dial("udp", "192.0.2.1:9"); err == nil { // sends nothing
		defer c.Close() // nothing was sent
		return c.LocalAddr().(*net.UDPAddr).IP
	}
	return net.IPv4(127, 0, 0, 1)
}

func trimDot(name string) string {
	if n := len(name); n > 0 && name[n-1] == '.' {
		return name[:n-1]
	}
	return name
}

// Run serves until ctx is done (nil), or until the master has to end itself (an error). With ZooKeeper it takes part in
// the election, else it leads at once.
func (m *Master) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- m.server.Serve(wire.Corked{Listener: m.listener}) }() // ends with server.Close below
	loop := make(chan struct{})
	go func() { defer close(loop); m.loop(ctx) }() // ends with ctx
	elect := make(chan error, 1)
	go func() { elect <- m.elect(ctx) }() // ends with ctx
	m.log.info("Version: %s; listening on %s; master id %s", Version, m.listener.Addr(), m.info.ID)

	var err error
	waiting := true
	select {
	case <-ctx.Done():
	case err = <-m.fatal:
	case err = <-elect:
		waiting = false
	case err = <-served:
	}
	cancel()
	m.server.Close() // ends the streams without a last chunk
	<-loop
	m.leadership.Store(&leadership{}) // nobody in this process may believe otherwise
	close(m.stopped)
	if waiting {
		<-elect
	}
	m.closeLinks()
	return err
}

// closeLinks closes what http.Server does not know of. The loop has ended.
func (m *Master) closeLinks() {
	for _, a := range m.agents {
		if a.conn != nil {
			a.conn.Close()
		}
	}
}

// die ends Run with an error.
func (m *Master) die(err error) {
	select {
	case m.fatal <- err:
	default:
	}
}

// reset makes the state of a master that knows nothing.
func (m *Master) reset() {
	m.state = state{
		agents: map[string]*agent{}, byAddress: map[string]*agent{}, recovered: map[string]bool{}, frameworks: map[string]*framework{},
		completedIDs: map[string]bool{}, offers: map[string]*offer{}, inverse: map[string]*inverseOffer{},
		machines: newMachines(), subscribers: map[*operatorStream]bool{},
	}
}
