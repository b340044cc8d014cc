package host

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"

	"k8s-framework/internal/local/cgroup"
	"k8s-framework/internal/local/process"
)

// Host is one machine of a local cluster. Boot and Kill are called by one goroutine at a time; everything else may be
// called from any, and fails while the host is down.
type Host struct {
	opts Options
	// What belongs to one boot; nil while the host is down. Observers look at a host while a test kills it.
	init, containerd atomic.Pointer[process.Process]
}

// Start makes a host and boots it. Everything on it ends when ctx does, or by Kill. On an error nothing is left running.
func Start(ctx context.Context, o Options) (*Host, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("start host %s: %w", o.Name, err)
	}
	h := &Host{opts: o}
	if err := h.writeConfiguration(); err != nil {
		return nil, fmt.Errorf("start host %s: %w", o.Name, err)
	}
	return h, h.Boot(ctx)
}

// Boot boots a host after Kill, on the disk that it had. Start has already booted it once.
func (h *Host) Boot(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("boot host %s: %w", h.opts.Name, err), h.Kill())
		}
	}()
	if err := cgroup.Make(h.opts.CgroupRoot); err != nil {
		return err
	}
	if err := h.startInit(ctx); err != nil {
		return err
	}
	if err := h.plugIn(ctx); err != nil {
		return err
	}
	if err := h.startContainerd(ctx); err != nil {
		return err
	}
	return h.importImages(ctx)
}

// startContainerd waits for what the kubelet will use: the CRI service behind the socket.
func (h *Host) startContainerd(ctx context.Context) error {
	p, err := h.Start(ctx, process.Options{
		Name: h.opts.Name + "-containerd",
		Cmd:  exec.Command("containerd", "--config", h.file("containerd.toml")),
	})
	if err != nil {
		return err
	}
	h.containerd.Store(p)
	return p.WaitFor(ctx, "containerd on "+h.opts.Name, func(ctx context.Context) error {
		_, err := h.Exec(ctx, "ctr", "--connect-timeout", "1s", "version")
		return err
	})
}

func (h *Host) importImages(ctx context.Context) error {
	for _, archive := range h.opts.Images {
		if _, err := h.Exec(ctx, "ctr", "--namespace", "k8s.io", "images", "import", archive); err != nil {
			return fmt.Errorf("import image %s: %w", filepath.Base(archive), err)
		}
	}
	return nil
}

// Kill cuts the host's power: every process and mount on it is gone when Kill returns, its cgroups too; its disk stays.
// Killing a host that is down is no error.
func (h *Host) Kill() error {
	init := h.init.Load()
	if init == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := h.killInit(ctx, init); err != nil {
		return fmt.Errorf("kill host %s: %w", h.opts.Name, err)
	}
	if err := h.unplug(ctx); err != nil {
		return fmt.Errorf("kill host %s: %w", h.opts.Name, err)
	}
	// A cgroup can be busy for a moment after its last process.
	err := process.WaitFor(ctx, "the cgroups of "+h.opts.Name+" to go", func(context.Context) error {
		return cgroup.Remove(h.opts.CgroupRoot)
	})
	if err != nil {
		return fmt.Errorf("kill host %s: %w", h.opts.Name, err)
	}
	h.init.Store(nil)
	h.containerd.Store(nil)
	return nil
}

// killInit kills process 1, and with it the kernel kills everything in its process namespace; process 1 ends last. What is
// frozen in a v1 cgroup, by a Mesos agent that is about to destroy a container for example, ends only when it is thawed.
func (h *Host) killInit(ctx context.Context, init *process.Process) error {
	killed := make(chan error, 1)
	go func() { killed <- init.Kill() }()
	err := process.WaitFor(ctx, "its processes to end", func(context.Context) error {
		select {
		case <-init.Done():
			return nil
		default:
			return errors.Join(errors.New("they are there"), cgroup.Thaw(h.opts.CgroupRoot))
		}
	})
	return errors.Join(err, <-killed)
}

// Name is the host name.
func (h *Host) Name() string { return h.opts.Name }

// Address is the host's address on the bridge.
func (h *Host) Address() netip.Addr { return h.opts.Address.Addr() }

// CgroupRoot is the path of the host's own cgroup in every hierarchy, below which its Mesos agent's cgroups_root belongs.
// It exists while the host is up, empty after each boot.
func (h *Host) CgroupRoot() string { return h.opts.CgroupRoot }

// Dir is the folder on the machine that is the host's disk; the host sees it under the same path.
func (h *Host) Dir() string { return h.opts.Dir }

// Containerd is the host's container runtime, nil while the host is down.
func (h *Host) Containerd() *process.Process { return h.containerd.Load() }

// Init is the host's process 1, nil while the host is down. When it ends, the host is down.
func (h *Host) Init() *process.Process { return h.init.Load() }

// file is the path of a file of the host's configuration.
func (h *Host) file(name string) string { return filepath.Join(h.opts.Dir, "etc", name) }

func (h *Host) writeConfiguration() error {
	files := map[string]string{
		"containerd.toml":       containerdConfiguration(h.opts.SandboxImage, h.file("cni")),
		"cni/10-local.conflist": podNetwork(h.opts.PodRange),
	}
	for name, text := range files {
		file := h.file(name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
