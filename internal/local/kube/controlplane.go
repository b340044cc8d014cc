package kube

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"k8s-framework/internal/local/process"
)

// startTimeout bounds the start of one program. On a machine of two cores that does nothing else each takes 0.3 to 3 s.
const startTimeout = 60 * time.Second

// Options says where a control plane lives. Everything without a default must be given.
type Options struct {
	// Dir holds certificates, kubeconfigs and etcd's data; Start makes it. A second Start in one folder finds the old
	// cluster under new certificates, which its nodes do not accept: use a new one.
	Dir string
	// LogDir takes etcd.log, kube-apiserver.log, kube-controller-manager.log and kube-scheduler.log.
	LogDir string
	// BinDir is where the programs are: links to the binary that tools/setup.sh builds.
	BinDir string
	// Address is where nodes and clients reach the API server. It is not a loopback address.
	Address netip.Addr
	// APIServerFlags and ControllerManagerFlags come after our own, so that they win; an example is
	// --node-monitor-grace-period=6s, after which a silent node is NotReady (default 50s).
	APIServerFlags, ControllerManagerFlags []string
	// NoControllers leaves kube-controller-manager and kube-scheduler out: objects are only stored.
	NoControllers bool
}

// ControlPlane is a running control plane. It is used by one goroutine at a time, except for the paths, Config and Client.
type ControlPlane struct {
	opts                                          Options
	credentials                                   *credentials
	config                                        *rest.Config
	client                                        kubernetes.Interface
	etcd, apiServer, controllerManager, scheduler *process.Process
	ctx                                           context.Context // of the processes: StartAPIServer starts one more in it
}

// Start starts a control plane and waits until it is of use. Its processes end when ctx does, or by Stop or Kill. On an
// error nothing is left running.
func Start(ctx context.Context, o Options) (_ *ControlPlane, err error) {
	if o.Dir == "" || o.LogDir == "" || o.BinDir == "" || !o.Address.IsValid() {
		return nil, fmt.Errorf("start control plane: Dir, LogDir, BinDir and Address must be given, got %+v", o)
	}
	cp := &ControlPlane{opts: o, ctx: ctx}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start control plane: %w", err), cp.Kill())
		}
	}()
	if cp.credentials, err = newCredentials(filepath.Join(o.Dir, "pki"), o.Address); err != nil {
		return nil, err
	}
	if cp.config, err = clientcmd.BuildConfigFromFlags("", cp.credentials.admin); err != nil {
		return nil, fmt.Errorf("read back the admin's kubeconfig: %w", err)
	}
	cp.config.QPS, cp.config.Burst = 500, 1000 // the default of 5 a second makes a busy test wait for itself
	if cp.client, err = kubernetes.NewForConfig(cp.config); err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	if cp.etcd, err = cp.program("etcd", etcdArguments(o.Dir)); err != nil {
		return nil, err
	}
	if err := ready(ctx, cp.etcd, fmt.Sprintf("http://127.0.0.1:%d/health", etcdPort)); err != nil {
		return nil, err
	}
	if err := cp.StartAPIServer(ctx); err != nil {
		return nil, err
	}
	if o.NoControllers {
		return cp, nil
	}
	return cp, cp.startControllers(ctx)
}

func (cp *ControlPlane) startControllers(ctx context.Context) (err error) {
	cp.controllerManager, err = cp.program("kube-controller-manager",
		append(controllerManagerArguments(cp.credentials), cp.opts.ControllerManagerFlags...))
	if err != nil {
		return err
	}
	if cp.scheduler, err = cp.program("kube-scheduler", schedulerArguments(cp.credentials)); err != nil {
		return err
	}
	if err := allowBootstrap(ctx, cp.client, cp.credentials.token); err != nil {
		return err
	}
	if err := ready(ctx, cp.scheduler, fmt.Sprintf("https://127.0.0.1:%d/readyz", schedulerPort)); err != nil {
		return err
	}
	return cp.serviceAccount(ctx)
}

// program starts one program of the control plane, which lives as long as the control plane's context.
func (cp *ControlPlane) program(name string, arguments []string) (*process.Process, error) {
	path := filepath.Join(cp.opts.BinDir, name)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%s is missing, `make setup` builds it: %w", name, err)
	}
	cmd := exec.Command(path, arguments...)
	cmd.Dir = cp.opts.Dir
	return process.Start(cp.ctx, process.Options{Name: name, Cmd: cmd, LogDir: cp.opts.LogDir})
}

// ready waits until a GET of url gives 200. Health endpoints on loopback show certificates of their own making.
func ready(ctx context.Context, p *process.Process, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // loopback, and nothing secret is sent
		DialContext:       (&net.Dialer{Timeout: time.Second}).DialContext,
		DisableKeepAlives: true,
	}
	client := &http.Client{Transport: transport, Timeout: 2 * time.Second}
	return p.WaitFor(ctx, p.Name()+" at "+url, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("it answers %s", response.Status)
		}
		return nil
	})
}

// Stop ends the programs by SIGTERM, each after those that use it.
func (cp *ControlPlane) Stop(ctx context.Context) error {
	var errs []error
	for _, p := range cp.processes() {
		errs = append(errs, p.Stop(ctx))
	}
	return errors.Join(errs...)
}

// Kill ends the programs by SIGKILL: the quick way when nobody needs the cluster any more.
func (cp *ControlPlane) Kill() error {
	var errs []error
	for _, p := range cp.processes() {
		errs = append(errs, p.Kill())
	}
	return errors.Join(errs...)
}

// Err is nil while everything runs that was not stopped by us. Otherwise it quotes the last lines of what ended.
func (cp *ControlPlane) Err() error {
	var errs []error
	for _, p := range cp.processes() {
		errs = append(errs, p.Err())
	}
	return errors.Join(errs...)
}

// processes are those that were started, users before what they use.
func (cp *ControlPlane) processes() []*process.Process {
	var started []*process.Process
	for _, p := range []*process.Process{cp.scheduler, cp.controllerManager, cp.apiServer, cp.etcd} {
		if p != nil {
			started = append(started, p)
		}
	}
	return started
}
