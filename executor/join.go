package executor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"k8s-framework/internal/kubelet"
	"k8s-framework/internal/mesos/execapi"
)

// Joined: a kubelet that joins by token has its certificate.
type Joined struct{}

func (Joined) event() {}

// The waits between two requests for a token: messages can be lost on the way there and back.
const (
	firstAsk = 2 * time.Second
	lastAsk  = 30 * time.Second
	// tokenMargin is what a token must still be good for when a kubelet is started with it.
	tokenMargin = time.Minute
)

// joining is how far a kubelet that joins by token has come.
type joining struct {
	said   bool // that the node waits for a token
	wait   time.Duration
	askAt  time.Time
	token  string // a secret: it is shown nowhere
	until  time.Time
	joined bool // it has its certificate; a token is of no use any more
}

// askToken asks the framework for a token as long as the kubelet needs one. How long a node may take to join is the framework's to
// say, which sees it as NotReady.
func (m *Machine) askToken() {
	j := &m.joining
	if m.preparation != prepared || m.end != nil || m.mayJoin() || m.worker.running() {
		return
	}
	if !j.said {
		j.said = true
		for _, t := range m.live() {
			m.say(t, execapi.TaskStarting, execapi.HealthUnknown, "waiting: for a bootstrap token from the framework")
		}
	}
	if !m.connected || !m.past(j.askAt) {
		return
	}
	j.wait = min(max(2*j.wait, firstAsk), lastAsk)
	j.askAt = m.now.Add(j.wait)
	m.wake(j.askAt)
	m.do(SendReport{Report: kubelet.Report{Version: kubelet.Version, Node: m.spec.Node, TokenWanted: true}})
}

// mayJoin reports whether the kubelet has what it needs to be started.
func (m *Machine) mayJoin() bool {
	j := &m.joining
	return m.spec.Join == nil || j.joined || (j.token != "" && m.now.Before(j.until))
}

// tokenCame takes in a token, if one is waited for.
func (m *Machine) tokenCame(message kubelet.Message) {
	j := &m.joining
	if message.Token == "" || m.spec == nil || m.spec.Join == nil || j.joined {
		return
	}
	j.token, j.until = message.Token, m.now.Add(time.Duration(message.TokenLife)-tokenMargin)
	j.wait, j.askAt = 0, time.Time{}
}

func (m *Machine) hasJoined() { m.joining.joined, m.joining.token = true, "" }

// bootstrapFile is where the token is for the kubelet to read: in memory where the host has a file system in memory, which runDir
// (/run) mostly is, and otherwise beside the kubelet's other credentials.
func (h *host) bootstrapFile() string {
	const name = "bootstrap.kubeconfig"
	var stat unix.Statfs_t
	if err := unix.Statfs(h.paths.Run, &stat); err == nil && stat.Type == unix.TMPFS_MAGIC {
		return filepath.Join(h.paths.Run, "k8s-executor", h.spec.RootDir, name)
	}
	return filepath.Join(h.spec.JoinDir(), name)
}

// enterCluster makes the folder of a kubelet that joins by token, empty: what an earlier node had is not used again.
func (h *host) enterCluster() error {
	if h.spec.Join == nil {
		return nil
	}
	if err := h.leaveCluster(); err != nil {
		return err
	}
	if err := os.MkdirAll(h.spec.JoinDir(), 0o700); err != nil {
		return fmt.Errorf("make the folder of the kubelet's credentials: %w", err)
	}
	if h.spec.Join.CA == "" {
		return nil
	}
	if err := os.WriteFile(h.spec.ClusterCA(), []byte(h.spec.Join.CA), 0o600); err != nil {
		return fmt.Errorf("write the cluster's certificates: %w", err)
	}
	return nil
}

// leaveCluster removes every credential of a node that joined by token: a host that is no node any more can do nothing.
func (h *host) leaveCluster() error {
	if h.spec.Join == nil {
		return nil
	}
	if err := errors.Join(h.forgetToken(), os.RemoveAll(h.spec.JoinDir())); err != nil {
		return fmt.Errorf("remove the kubelet's credentials: %w", err)
	}
	return nil
}

func (h *host) forgetToken() error {
	if err := os.Remove(h.bootstrapFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// startWith starts the kubelet, with the token where it has to join.
func (h *host) startWith(token string, slice kubelet.Slice) (p *process, short string, err error) {
	if h.spec.Join == nil {
		return h.start(slice)
	}
	file := h.bootstrapFile()
	if token != "" {
		text, err := h.spec.Join.BootstrapConfig(token)
		if err != nil {
			return nil, "", err
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return nil, "", fmt.Errorf("make the folder of the bootstrap kubeconfig: %w", err)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return nil, "", fmt.Errorf("write the bootstrap kubeconfig: %w", err)
		}
	}
	// Named to a kubelet that has joined too: it does not read it as long as its own kubeconfig is good, and without it would not
	// renew what that one names.
	h.spec.BootstrapKubeconfig = file
	return h.start(slice)
}

// awaitJoin removes the token when the kubelet has its certificate, and says so.
func (l *loop) awaitJoin(ctx context.Context) {
	if l.host.spec.Join == nil {
		return
	}
	for {
		if _, err := os.Stat(l.host.spec.ClientCertificate()); err == nil {
			break
		}
		if pause(ctx, 200*time.Millisecond) != nil {
			return
		}
	}
	if err := l.host.forgetToken(); err != nil {
		l.log.Warnf("the token of this node stays until it ends: %v", err)
	}
	l.tell(Joined{})
}
