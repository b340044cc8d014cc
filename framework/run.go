package framework

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"k8s-framework/internal/kube"
	"k8s-framework/internal/kube/api"
	"k8s-framework/internal/kube/drain"
	"k8s-framework/internal/mesos"
	"k8s-framework/scheduler"
	"k8s-framework/zk"
)

const (
	// eventRoom is how many events may wait for the loop; then their senders wait.
	eventRoom = 4096
	// resignWithin bounds the farewell of a leader that ends.
	resignWithin = 2 * time.Second
	// component names us in Kubernetes.
	component = "k8s-framework"
)

// Run runs one instance until ctx is done: it stands by, and once elected it leads. When ctx is done, or an operator's command asks for
// it, it resigns, so that a standby takes over at once, and returns nil. Every other end is an error that says what happened. Unless
// ctx is done the process should be started again.
func Run(ctx context.Context, o Options) error {
	if err := o.Validate(); err != nil {
		return err
	}
	i, err := newInstance(o)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("--listen is %q, want an address that is free: %w", o.Listen, err)
	}
	defer i.api.artifacts.close()
	asked := ctx
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return i.serve(ctx, listener) })
	group.Go(func() error { return i.takePart(ctx) })
	err = group.Wait()
	if errors.Is(err, errAbdicated) || asked.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// instance is one process of the framework, with everything that can be made before it is elected.
type instance struct {
	Options
	zk      zk.Options
	mesos   mesos.Options
	kube    *api.Client
	api     *operatorAPI
	metrics *metrics
	drains  *drainCollector
}

// newInstance reads what the options name; it connects to nothing.
func newInstance(o Options) (*instance, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	i := &instance{Options: o, api: &operatorAPI{registry: registry, options: o, artifacts: artifacts{}}, metrics: newMetrics(registry)}
	i.drains = newDrainCollector()
	registry.MustRegister(newViewCollector(i.api.overview), i.drains)
	url, err := zk.ParseURL(o.ZK)
	if err != nil {
		return nil, fmt.Errorf("--zk: %w", err)
	}
	i.zk = zk.Options{URL: url, SessionTimeout: o.ZKSessionTimeout, MaxRequest: o.ZKMaxRequest, Trouble: i.trouble("ZooKeeper of --zk")}
	if err := i.offerPrograms(); err != nil {
		return nil, err
	}
	access := api.Access{Kubeconfig: o.Kubeconfig, UserAgent: component, QPS: o.KubeQPS, Burst: o.KubeBurst}
	config, err := access.Config()
	if err != nil {
		return nil, fmt.Errorf("--kubeconfig: %w", err)
	}
	if i.kube, err = api.New(config); err != nil {
		return nil, fmt.Errorf("--kubeconfig %s: %w", o.Kubeconfig, err)
	}
	if o.Nodes.byToken() {
		if i.Nodes.APIServer, i.Nodes.ClusterCA, err = clusterOf(config, o.Nodes.APIServer); err != nil {
			return nil, fmt.Errorf("--kubeconfig %s: %w", o.Kubeconfig, err)
		}
	}
	i.mesos, err = i.mesosOptions()
	return i, err
}

// offerPrograms opens the files that nodes fetch from this instance, and says from where.
func (i *instance) offerPrograms() (err error) {
	if i.Nodes.Executor, err = i.api.artifacts.offer(i.Nodes.Executor, i.Advertise); err != nil {
		return fmt.Errorf("--executor: %w", err)
	}
	if i.Nodes.Kubelet, err = i.api.artifacts.offer(i.Nodes.Kubelet, i.Advertise); err != nil {
		return fmt.Errorf("--kubelet: %w", err)
	}
	return nil
}

// trouble logs what an adapter gets over by itself, and that it did: each new trouble once.
func (i *instance) trouble(with string) func(error) {
	var mu sync.Mutex // adapters report from several goroutines
	var last string
	return func(err error) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil && last != "":
			last = ""
			i.Log.Infof("%s: answers again", with)
		case err != nil && err.Error() != last:
			last = err.Error()
			i.Log.WithError(err).Warnf("%s: trouble, trying again", with)
		}
	}
}

// mesosOptions is everything about Mesos except the roles, which the saved pools decide, and the master.
func (i *instance) mesosOptions() (mesos.Options, error) {
	options := mesos.Options{
		Framework: mesos.Framework{
			User: i.User, Name: i.Name, Principal: i.Principal, Hostname: i.Hostname, WebUI: i.WebUI, FailoverTimeout: i.FailoverTimeout,
		},
		Renderer: renderer{i.Nodes},
		HTTPS:    i.MesosHTTPS,
		CAFile:   i.MesosCAFile,
		MaxFrame: i.MesosMaxFrame,
		Ignored:  func(event string) { i.Log.Debugf("mesos: ignored %s", event) },
	}
	if i.CredentialsFile == "" {
		return options, nil
	}
	credentials, warning, err := mesos.ReadCredentials(i.CredentialsFile)
	if err != nil {
		return options, fmt.Errorf("--mesos-credentials: %w", err)
	}
	if warning != "" {
		i.Log.Warn("--mesos-credentials: " + warning)
	}
	options.Credentials = &credentials
	return options, nil
}

// serve answers operators until ctx is done.
func (i *instance) serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{Handler: i.api.handler(), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	err := server.Serve(listener)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("--listen %s: %w", i.Listen, err)
}

// takePart stands by until elected, and then leads until the end.
func (i *instance) takePart(ctx context.Context) error {
	master, closeMaster, err := i.findMaster() // which a standby knows already when it is elected
	if err != nil {
		return err
	}
	defer closeMaster()
	i.Log.Infof("connecting to ZooKeeper %s", i.zk.URL)
	client, err := zk.Open(ctx, i.zk)
	if err != nil {
		return fmt.Errorf("--zk: %w", err)
	}
	defer client.Close()
	i.api.takesPart(client)
	i.Log.Infof("standing by as %s", i.Advertise)
	leadership, err := client.Campaign(ctx, i.Advertise)
	if err != nil {
		return fmt.Errorf("election: %w", err)
	}
	i.Log.Infof("elected, epoch %d", leadership.Epoch())
	err = i.lead(ctx, leadership, master)
	farewell, cancel := context.WithTimeout(context.WithoutCancel(ctx), resignWithin)
	defer cancel()
	if err := leadership.Resign(farewell); err != nil {
		i.Log.WithError(err).Warnf("could not resign; a standby leads after the session timeout of %s", i.ZKSessionTimeout)
	}
	return err
}

// lead loads what was saved, connects the adapters to the loop, and turns it. It is subscribed while the nodes are still being read.
func (i *instance) lead(ctx context.Context, leadership *zk.Leadership, master mesos.Leader) error {
	state, err := i.load(ctx, leadership)
	if err != nil {
		return err
	}
	options := i.mesos
	options.Leader, options.Framework.Roles = master, roles(state.Pools)
	options.Framework.GPUs = slices.ContainsFunc(state.Pools, func(p scheduler.PoolRecord) bool { return p.Resources.GPUs > 0 })
	subscription, err := mesos.New(options)
	if err != nil {
		return err
	}
	operator, err := kube.NewOperator(kube.OperatorOptions{Client: i.kube, Component: component})
	if err != nil {
		return err
	}
	defer operator.Wait()
	i.drains.lead(func() drainCounts { return countsOf(operator.DrainStats()) })
	defer i.drains.lead(nil)
	group, ctx := errgroup.WithContext(ctx)
	l := newLoop(i)
	deliver := l.deliver(ctx)
	l.store, l.caller, l.lease = leadership, subscription, leadership
	l.operator = performer(func(op scheduler.Op) { operator.Perform(ctx, op, deliver) })
	loaded := make(chan struct{})
	// later starts what has to wait until the nodes are read.
	later := func(work func() error) {
		group.Go(func() error {
			select {
			case <-loaded:
				return work()
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}
	subscribed := func() error { return subscribe(ctx, subscription, state.Meta.FrameworkID, deliver) }
	if state.Meta.FrameworkID != "" {
		group.Go(subscribed)
	} else {
		later(subscribed) // Mesos would give us a new ID: not before it is known that no node is recorded, which it would lose
	}
	// Both lists are long, and nothing can be decided before the nodes are read.
	later(func() error {
		kube.NewWatcher(i.kube, i.trouble("Kubernetes API server of --kubeconfig")).Watch(ctx, deliver)
		return ctx.Err()
	})
	if i.Nodes.approves() {
		later(func() error {
			kube.NewRequestWatcher(i.kube, i.trouble("certificate requests at --kubeconfig")).Watch(ctx, deliver)
			return ctx.Err()
		})
	}
	group.Go(func() error {
		core, err := i.remember(ctx, leadership, state)
		if err != nil {
			return err
		}
		l.core = core
		close(loaded)
		i.api.lead(l)
		i.metrics.leading.Set(1)
		defer i.metrics.leading.Set(0)
		defer i.api.lead(nil)
		return l.run(ctx)
	})
	return group.Wait()
}

// remember makes the core of what was saved: of the state, and of the nodes, which are still to be read.
func (i *instance) remember(ctx context.Context, leadership *zk.Leadership, state scheduler.State) (*scheduler.Core, error) {
	began := time.Now()
	nodes, err := leadership.LoadNodes(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the saved state: %w", err)
	}
	state.Nodes = nodes
	config := scheduler.DefaultConfig()
	config.ReconcileEvery = i.ReconcileEvery
	config.JoinByToken = i.Nodes.byToken()
	config.Principal = i.mesos.Framework.Principal
	if i.mesos.Credentials != nil {
		config.Principal = i.mesos.Credentials.Principal
	}
	if config.Setup, err = i.Nodes.encode(); err != nil {
		return nil, err
	}
	core, err := scheduler.New(config, state)
	if err != nil {
		return nil, fmt.Errorf("the state saved at %s: %w", i.zk.URL, err)
	}
	i.Log.Infof("loaded %d pools, %d nodes in %s, framework ID %q",
		len(state.Pools), len(state.Nodes), time.Since(began).Round(time.Millisecond), state.Meta.FrameworkID)
	return core, nil
}

// load reads what was saved, except the nodes, and adds the pools of the options that are new.
func (i *instance) load(ctx context.Context, leadership *zk.Leadership) (scheduler.State, error) {
	state, err := leadership.LoadPools(ctx)
	if err != nil {
		return state, fmt.Errorf("load the saved state: %w", err)
	}
	fresh, err := i.seed(state)
	if err != nil {
		return state, fmt.Errorf("the pools of --pool and --pools beside those saved at %s: %w", i.zk.URL, err)
	}
	var changes []scheduler.Change
	for _, record := range fresh {
		changes = append(changes, scheduler.PutPool{Pool: record})
	}
	if len(changes) > 0 {
		if err := leadership.Save(ctx, changes); err != nil {
			return state, fmt.Errorf("save the pools of --pool and --pools: %w", err)
		}
	}
	state.Pools = append(state.Pools, fresh...)
	return state, nil
}

// findMaster is where the leading Mesos master is learnt from.
func (i *instance) findMaster() (mesos.Leader, func(), error) {
	if !strings.HasPrefix(i.Master, "zk://") {
		leader, err := mesos.Static(i.Master)
		if err != nil {
			return nil, nil, fmt.Errorf("--master: %w", err)
		}
		return leader, func() {}, nil
	}
	url, err := zk.ParseURL(i.Master)
	if err != nil {
		return nil, nil, fmt.Errorf("--master: %w", err)
	}
	address := zk.Master.ByIP
	if i.MesosHTTPS {
		address = zk.Master.ByName // certificates are made out to names
	}
	detector := zk.Detect(zk.Options{URL: url, SessionTimeout: i.ZKSessionTimeout, Trouble: i.trouble("ZooKeeper of --master")}, address)
	return detector, detector.Close, nil
}

// roles are those of the pools, each once.
func roles(pools []scheduler.PoolRecord) []string {
	var names []string
	for _, pool := range pools {
		names = append(names, string(pool.Role))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// subscribe keeps us subscribed. That the framework is gone from Mesos, by our own TearDown or because the master refuses its
// ID, is for the core to judge: it knows what it asked for and whether nodes are recorded.
func subscribe(ctx context.Context, client *mesos.Client, id scheduler.FrameworkID, deliver func(scheduler.Event)) error {
	err := client.Run(ctx, id, deliver)
	if !errors.Is(err, mesos.ErrRemoved) && !errors.Is(err, mesos.ErrTornDown) {
		return fmt.Errorf("mesos: %w", err)
	}
	deliver(scheduler.Removed{Why: err.Error()})
	<-ctx.Done()
	return ctx.Err()
}

// countsOf is what the drain library tells, in the words of the metrics.
func countsOf(stats drain.Stats) drainCounts {
	counts := drainCounts{
		underWay: stats.UnderWay, podsLeft: stats.PodsLeft, waitingForVolumes: stats.WaitingForVolumes, blocked: map[string]int{},
		evictions: stats.Evictions, drained: stats.Drained, undrained: stats.Undrained,
	}
	for cause, pods := range stats.Blocked {
		counts.blocked[string(cause)] = pods
	}
	return counts
}

// performer is an Operator made of a function.
type performer func(scheduler.Op)

// Perform implements Operator.
func (p performer) Perform(op scheduler.Op) { p(op) }
