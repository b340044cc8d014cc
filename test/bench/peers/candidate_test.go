//go:build bench

package peers_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	gozk "github.com/go-zookeeper/zk"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"k8s-framework/zk"
)

// election is where and how candidates, which are processes of this program, stand for one office.
type election struct {
	Kind string
	// Where is a ZooKeeper server, or a kubeconfig.
	Where   string
	Session time.Duration // of ZooKeeper
	Office  string        // the name of a Lease, or of a znode below the root
}

// Kinds of elections.
const (
	oursElects  = "ours"
	lockElects  = "go-zookeeper's Lock"
	leaseElects = "client-go's leaderelection"
)

// electionVariable holds an election for a program that is to be a candidate.
const electionVariable = "K8S_FRAMEWORK_BENCH_ELECTION"

// What a candidate says on its standard output.
const (
	standing = "standing"
	elected  = "elected"
)

// candidacy is what a process does that is a candidate, if this is one: it stands, waits, leads, and resigns when its standard input
// ends.
func candidacy() (is bool, err error) {
	text := os.Getenv(electionVariable)
	if text == "" {
		return false, nil
	}
	var e election
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return true, err
	}
	campaign, err := e.open()
	if err != nil {
		return true, err
	}
	fmt.Println(standing)
	resign, err := campaign()
	if err != nil {
		return true, err
	}
	fmt.Println(elected)
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return true, err
	}
	return true, resign()
}

// open connects. campaign returns when it is won, and resign when the next one may.
func (e election) open() (campaign func() (resign func() error, err error), err error) {
	ctx := context.Background()
	switch e.Kind {
	case oursElects:
		client, err := zk.Open(ctx, zk.Options{URL: zk.URL{Servers: []string{e.Where}, Path: "/" + e.Office}, SessionTimeout: e.Session})
		if err != nil {
			return nil, err
		}
		return func() (func() error, error) {
			leadership, err := client.Campaign(ctx, fmt.Sprint(os.Getpid()))
			if err != nil {
				return nil, err
			}
			return func() error { return leadership.Resign(ctx) }, nil
		}, nil
	case lockElects:
		conn, _, err := gozk.Connect([]string{e.Where}, e.Session, gozk.WithLogInfo(false))
		if err != nil {
			return nil, err
		}
		lock := gozk.NewLock(conn, "/"+e.Office, gozk.WorldACL(gozk.PermAll))
		return func() (func() error, error) { return lock.Unlock, lock.Lock() }, nil
	case leaseElects:
		config, err := clientcmd.BuildConfigFromFlags("", e.Where)
		if err != nil {
			return nil, err
		}
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return nil, err
		}
		return func() (func() error, error) { return lead(ctx, client, e.Office) }, nil
	}
	return nil, fmt.Errorf("election of kind %q: %w", e.Kind, errors.ErrUnsupported)
}

// lead is client-go's election with the timings of Kubernetes's own components.
func lead(ctx context.Context, client kubernetes.Interface, office string) (resign func() error, err error) {
	ctx, cancel := context.WithCancel(ctx)
	began, ended := make(chan struct{}), make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: office}, Client: client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: fmt.Sprint(os.Getpid())},
		},
		LeaseDuration: leaseDuration, RenewDeadline: 10 * time.Second, RetryPeriod: 2 * time.Second, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { close(began) }, OnStoppedLeading: func() { close(ended) },
		},
	})
	if err != nil {
		cancel()
		return nil, err
	}
	go elector.Run(ctx)
	<-began
	return func() error { cancel(); <-ended; return nil }, nil
}

const leaseDuration = 15 * time.Second

// process is a candidate.
type process struct {
	*exec.Cmd
	orders io.Closer
	// said is told when it says standing and elected, and closed when it has ended.
	said   chan time.Time
	errors bytes.Buffer
}

// start ends with ctx at the latest.
func (e election) start(ctx context.Context) (*process, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{Cmd: exec.CommandContext(ctx, self), said: make(chan time.Time, 2)}
	p.Env = append(os.Environ(), electionVariable+"="+string(text))
	p.Stderr = &p.errors
	if p.orders, err = p.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.said)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.said <- time.Now()
		}
	}()
	return p, nil
}

// next waits for what it says next.
func (p *process) next(ctx context.Context, what string) (at time.Time, err error) {
	select {
	case at, goesOn := <-p.said:
		if goesOn {
			return at, nil
		}
		return at, fmt.Errorf("a candidate ended before it was %s: %w: %s", what, p.Wait(), p.errors.String())
	case <-ctx.Done():
		return at, fmt.Errorf("a candidate is not %s: %w", what, ctx.Err())
	}
}
