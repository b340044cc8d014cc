package agent

import (
	"context"
	"math/rand/v2"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	local "k8s-framework/internal/local/mesos/link"

	"k8s-framework/internal/local/mesos/flags"
)

// Detector says which master leads.
type Detector interface {
	// Detect calls led with the leader's address (host:port) at the beginning and whenever it changes, and with "" while nobody
	// leads; it returns when ctx is done, or when it cannot go on.
	Detect(ctx context.Context, led func(addr string)) error
}

// session is the agent's relation to the leading master. Its methods are called by the loop only.
type session struct {
	agent  *Agent
	ctx    context.Context // of Run: it bounds what the session's goroutines do
	leader string
	conn   *local.Conn // nil while there is no connection
	// attempt counts what was begun; what belongs to an earlier one is ignored.
	attempt int
	// dialing is the attempt whose dial is under way, 0 for none.
	dialing int
	timer   *time.Timer // the next attempt to register
	silence *time.Timer // no ping has come
	timeout time.Duration
}

// start begins to look for a master.
func (s *session) start(ctx context.Context, a *Agent) {
	s.agent, s.ctx, s.timeout = a, ctx, defaultMasterPingTimeout
	go func() { // ends with ctx
		err := a.opts.Detector.Detect(ctx, func(addr string) { a.post(func() { s.detected(addr) }) })
		if err != nil && ctx.Err() == nil {
			a.post(func() { a.fail(err) })
		}
	}()
}

// detected is a change of leader, or the wish to register anew with the same one.
func (s *session) detected(addr string) {
	a := s.agent
	s.attempt++
	s.leader = addr
	stop(s.timer)
	stop(s.silence)
	s.disconnect()
	if a.phase != terminating {
		a.enter(disconnected)
	}
	a.updates.pause()
	if addr == "" {
		a.log.Info("lost leading master")
		return
	}
	a.log.Infof("new master detected at %s", addr)
	if a.phase == terminating {
		return
	}
	// Not all agents at once.
	s.schedule(fraction(a.opts.RegistrationBackoff), 2*a.opts.RegistrationBackoff)
}

func fraction(d time.Duration) time.Duration { return time.Duration(rand.Float64() * float64(d)) }

// schedule registers after a wait, and again after another one that is random below the bound, while no answer comes.
func (s *session) schedule(wait, bound time.Duration) {
	attempt := s.attempt
	s.timer = s.agent.after(wait, func() {
		if attempt != s.attempt || s.agent.phase != disconnected {
			return
		}
		s.register()
		bound := min(bound, registerRetryMax)
		s.schedule(fraction(bound), 2*bound)
	})
}

// register says who we are, on a new connection where there is none.
func (s *session) register() {
	if s.conn != nil {
		s.send(s.agent.registration())
		return
	}
	if s.dialing == s.attempt {
		return
	}
	a, attempt, leader := s.agent, s.attempt, s.leader
	s.dialing = attempt
	go func() { // ends with the connection
		conn, err := local.Dial(s.ctx, leader)
		if err != nil {
			a.log.Warn(err)
			a.post(func() { s.dialed(attempt) })
			return
		}
		a.post(func() {
			s.dialed(attempt)
			if attempt != s.attempt || s.conn != nil || a.phase != disconnected {
				conn.Close()
				return
			}
			s.conn = conn
			s.send(a.registration())
		})
		for {
			m, err := conn.Receive()
			if err != nil {
				a.post(func() { s.lost(conn, err) })
				return
			}
			a.post(func() {
				if s.conn == conn {
					a.received(m)
				}
			})
		}
	}()
}

func (s *session) dialed(attempt int) {
	if s.dialing == attempt {
		s.dialing = 0
	}
}

// lost is a broken connection: the master calls us disconnected, so we register again.
func (s *session) lost(conn *local.Conn, err error) {
	if s.conn != conn {
		return
	}
	s.agent.log.Warnf("master disconnected: %v", err)
	s.conn = nil
	s.detected(s.leader)
}

// farewell closes the connection behind what was said.
func (s *session) farewell() {
	if s.conn != nil {
		s.conn.CloseAfterSend()
	}
}

func (s *session) disconnect() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// send sends a message, or loses it.
func (s *session) send(m local.Message) {
	if s.conn == nil {
		return
	}
	if err := s.conn.Send(m); err != nil {
		s.agent.log.Warnf("message %s to the master is lost: %v", m.Kind(), err)
	}
}

// exited says that an executor has ended, or that one that the master expects is not there (status -1).
func (s *session) exited(framework, executor string, status int32) {
	if s.agent == nil {
		return // nobody was looked for yet
	}
	s.send(&local.ExitedExecutor{
		FrameworkID: mesos.FrameworkID{Value: framework}, ExecutorID: mesos.ExecutorID{Value: executor}, Status: status,
	})
}

func (s *session) unregister() {
	if s.conn != nil {
		s.send(&local.Unregister{})
	}
}

// alive pushes the end of the connection away.
func (s *session) alive() {
	stop(s.silence)
	attempt := s.attempt
	s.silence = s.agent.after(s.timeout, func() {
		if attempt == s.attempt {
			s.agent.log.Infof("no pings from master received within %s", flags.FormatDuration(s.timeout))
			s.detected(s.leader)
		}
	})
}
