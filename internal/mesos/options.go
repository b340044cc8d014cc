package mesos

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"k8s-framework/internal/mesos/wire"
	"k8s-framework/scheduler"
)

// Defaults of Options.
const (
	DefaultMaxFrame         = 64 << 20
	DefaultCallTimeout      = 10 * time.Second
	DefaultConnectTimeout   = 5 * time.Second
	DefaultSubscribeTimeout = 10 * time.Second
)

// MaxFrameFlag is the flag that a user is told to raise when the master sends a larger frame than Options.MaxFrame.
const MaxFrameFlag = "--mesos-max-frame"

// Options of a Client. Leader, Framework.User, Framework.Name and Renderer are required.
type Options struct {
	Leader    Leader
	Framework Framework
	Renderer  Renderer
	// Credentials authenticate every request, if not nil. The framework's principal is theirs.
	Credentials *Credentials
	// HTTPS says that masters are spoken to by TLS. No message of Mesos decides this: offers always say http.
	HTTPS bool
	// CAFile holds the certificates that a master's is checked against, in PEM; the system's if empty.
	CAFile string
	// MaxFrame is the largest event in bytes. One OFFERS event holds the offers of all agents, some 400 to 800 bytes each.
	MaxFrame int
	// CallTimeout bounds one call. It is shortened to four fifths of the heartbeat watch where it is longer than that.
	CallTimeout time.Duration
	// ConnectTimeout bounds TCP's and TLS's handshakes, each.
	ConnectTimeout time.Duration
	// SubscribeTimeout bounds the time from a request to subscribe to the SUBSCRIBED event.
	SubscribeTimeout time.Duration
	// Ignored, if not nil, is called for each event that package scheduler has no word for, with Mesos's name of it.
	Ignored func(event string)
}

// Framework is how the framework shows itself to the master (FrameworkInfo). Roles and GPUs are those of the first
// subscription: [scheduler.UpdateFramework] changes them. Mesos keeps the User and the Checkpoint of the
// first subscription for ever, and refuses another Principal.
type Framework struct {
	User      string
	Name      string
	Roles     []string
	Principal string
	Hostname  string
	WebUI     string
	// FailoverTimeout is how long the tasks go on without a subscription: weeks, not minutes. Afterwards Mesos kills everything
	// and never accepts the framework's id again.
	FailoverTimeout time.Duration
	// NoCheckpoint gives up that executors outlive a restart of their agent. For tests.
	NoCheckpoint bool
	// GPUs asks for offers of agents with GPUs.
	GPUs bool
}

// with is the framework after an update.
func (f Framework) with(update scheduler.UpdateFramework) Framework {
	f.Roles, f.GPUs = roles(update.Roles), update.GPUs
	return f
}

// checked fills in the defaults; the error names the option, its value, and what is wanted.
func (o Options) checked() (Options, error) {
	switch {
	case o.Leader == nil:
		return o, errors.New("Leader is nil")
	case o.Renderer == nil:
		return o, errors.New("Renderer is nil")
	case o.Framework.User == "" || o.Framework.Name == "":
		return o, fmt.Errorf("framework's user is %q and name is %q, want both", o.Framework.User, o.Framework.Name)
	case o.Framework.FailoverTimeout < 0:
		return o, fmt.Errorf("framework's failover timeout is %v, want none or a positive one", o.Framework.FailoverTimeout)
	case o.CAFile != "" && !o.HTTPS:
		return o, fmt.Errorf("CA file is %q, but HTTPS is not asked for", o.CAFile)
	case o.MaxFrame < 0 || o.CallTimeout < 0 || o.ConnectTimeout < 0 || o.SubscribeTimeout < 0:
		return o, fmt.Errorf("largest frame is %d, timeouts are %v (call), %v (connect), %v (subscribe), want none of them negative",
			o.MaxFrame, o.CallTimeout, o.ConnectTimeout, o.SubscribeTimeout)
	}
	if o.Credentials != nil {
		if o.Framework.Principal == "" {
			o.Framework.Principal = o.Credentials.Principal
		}
		if o.Framework.Principal != o.Credentials.Principal {
			return o, fmt.Errorf("framework's principal is %q, but the credentials are of %q: Mesos wants them equal",
				o.Framework.Principal, o.Credentials.Principal)
		}
	}
	orDefault(&o.MaxFrame, DefaultMaxFrame)
	orDefault(&o.CallTimeout, DefaultCallTimeout)
	orDefault(&o.ConnectTimeout, DefaultConnectTimeout)
	orDefault(&o.SubscribeTimeout, DefaultSubscribeTimeout)
	return o, nil
}

func orDefault[T comparable](value *T, preset T) {
	var zero T
	if *value == zero {
		*value = preset
	}
}

// tls is nil for plain HTTP.
func (o Options) tls() (*tls.Config, error) {
	if !o.HTTPS {
		return nil, nil
	}
	return wire.TLS(o.CAFile)
}
