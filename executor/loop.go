package executor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"k8s-framework/internal/kubelet"
	"k8s-framework/internal/mesos/execapi"
)

// Agent is the Mesos agent as the loop sees it (execapi.Client).
type Agent interface {
	Run(ctx context.Context, pending func(context.Context) (execapi.Pending, error), deliver func(execapi.Event)) error
	Update(ctx context.Context, status execapi.Status) error
	Message(ctx context.Context, data []byte) error
}

// Drainer empties a node through the Kubernetes API.
type Drainer interface {
	// Drain cordons the Node of the Spec and evicts its pods until none is left that a drain evicts, or ctx is done. A Node that
	// does not exist, or belongs to another launch, is drained. progress may be called at any time until Drain returns.
	Drain(ctx context.Context, spec kubelet.Spec, progress func(DrainProgressed)) error
}

// Room is what a node has of it at the API server.
type Room interface {
	// Cordon makes the Node of the Spec unschedulable, or schedulable again; changed: it was not before. With an
	// error, changed says that it may have been changed all the same.
	Cordon(ctx context.Context, spec kubelet.Spec, unschedulable bool) (changed bool, err error)
	// MakeRoom evicts pods until those that are left ask for no more than the slice, or ctx is done. note says that they still do,
	// because of pods that cannot be evicted. progress may be called at any time until MakeRoom returns.
	MakeRoom(ctx context.Context, spec kubelet.Spec, slice kubelet.Slice, progress func(podsLeft int, blocked []string)) (note string, err error)
}

// Witness is asked once, and answers soon.
type Witness interface {
	// Node is what the API server says of the Node of the Spec; an error is no answer, of whatever kind.
	Node(ctx context.Context, spec kubelet.Spec) (NodeView, error)
	// Pods names the pods on the node that a drain would evict.
	Pods(ctx context.Context, spec kubelet.Spec) ([]string, error)
}

// loop performs what the machine decides, and tells it what happens.
type loop struct {
	machine *Machine
	agent   Agent
	host    *host
	drainer Drainer
	room    Room
	witness Witness
	clock   func() time.Time
	log     *logrus.Entry

	events chan Event
	asks   chan chan execapi.Pending
	work   context.Context // of everything that is begun; it ends when the loop ends
	jobs   sync.WaitGroup

	cancelPrepare context.CancelFunc
	cancelDrain   context.CancelFunc
	cancelRoom    context.CancelFunc
}

// run is the whole program: it returns when the machine says Exit, nil, and not before; ctx only tells the machine that this
// process should end. Everything that it has begun has ended then.
func (l *loop) run(ctx context.Context) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.work = work
	defer l.jobs.Wait()
	defer cancel()
	l.begin(l.talk)

	timer := time.NewTimer(0)
	defer timer.Stop()
	interrupted := ctx.Done()
	for {
		var event Event
		select {
		case event = <-l.events:
		case answer := <-l.asks:
			answer <- l.machine.Pending()
			continue
		case <-timer.C:
			event = Ticked{}
		case <-interrupted:
			interrupted = nil
			event = Interrupted{Why: "the executor was asked to end: " + context.Cause(ctx).Error()}
		}
		plan := l.machine.Step(l.clock(), event)
		for _, note := range plan.Notes {
			l.log.Info(note)
		}
		for _, action := range plan.Actions {
			l.log.Info(action)
			if _, isEnd := action.(Exit); isEnd {
				return
			}
			l.perform(action)
		}
		if !plan.Wake.IsZero() {
			timer.Reset(plan.Wake.Sub(l.clock()))
		}
	}
}

// begin runs a job that this loop owns.
func (l *loop) begin(job func(ctx context.Context)) {
	l.jobs.Go(func() { job(l.work) })
}

// tell hands an event to the machine; it does not wait for its end, and gives up when the loop has ended.
func (l *loop) tell(event Event) {
	select {
	case l.events <- event:
	case <-l.work.Done():
	}
}

// talk keeps the conversation with the agent going.
func (l *loop) talk(ctx context.Context) {
	pending := func(ctx context.Context) (execapi.Pending, error) {
		answer := make(chan execapi.Pending, 1)
		select {
		case l.asks <- answer:
			return <-answer, nil
		case <-ctx.Done():
			return execapi.Pending{}, ctx.Err()
		}
	}
	err := l.agent.Run(ctx, pending, func(event execapi.Event) { l.tell(AgentSaid{event}) })
	if ctx.Err() == nil {
		l.tell(AgentLost{Why: err.Error()})
	}
}

func (l *loop) perform(action Action) {
	switch a := action.(type) {
	case Prepare:
		ctx, cancel := context.WithCancel(l.work)
		l.cancelPrepare = cancel
		l.begin(func(context.Context) { l.prepare(ctx, a) })
	case CancelPrepare:
		l.cancelPrepare()
	case StartKubelet:
		l.startKubelet(a)
	case StopKubelet:
		process := l.host.process
		l.begin(func(ctx context.Context) { process.stop(ctx, a.Grace) })
	case SendUpdate:
		l.begin(func(ctx context.Context) { l.sendUpdate(ctx, a.Status) })
	case SendReport:
		l.begin(func(ctx context.Context) { l.sendReport(ctx, a.Report) })
	case Cordon:
		l.beginRoom(func(ctx context.Context) { l.cordon(ctx, true) })
	case Uncordon:
		l.beginRoom(func(ctx context.Context) { l.cordon(ctx, false) })
	case MakeRoom:
		l.beginRoom(func(ctx context.Context) { l.makeRoom(ctx, a) })
	case CancelRoom:
		l.cancelRoom()
	case AskServer:
		l.begin(l.askServer)
	case Look:
		l.begin(l.look)
	case Drain:
		ctx, cancel := context.WithCancel(l.work)
		l.cancelDrain = cancel
		l.begin(func(context.Context) { l.drain(ctx) })
	case CancelDrain:
		l.cancelDrain()
	case StopPods:
		l.begin(func(ctx context.Context) { l.stopPods(ctx, a.Grace) })
	case CleanUp:
		l.begin(l.cleanUp)
	default:
		panic(fmt.Sprintf("no way to perform %T", action)) // our own bug
	}
}

func (l *loop) prepare(ctx context.Context, a Prepare) {
	own, err := l.host.prepare(ctx, a.Spec, a.Container, func(why string) { l.tell(PreparationWaited{why}) })
	if err != nil {
		l.tell(PreparationFailed{Why: err.Error()})
		return
	}
	l.tell(Prepared{Host: own})
}

// startKubelet starts the process before it returns, so that a StopKubelet that follows finds it, and leaves a job behind
// that lives as long as the process.
func (l *loop) startKubelet(a StartKubelet) {
	process, short, err := l.host.startWith(a.Token, a.Slice)
	if short != "" {
		l.log.Warn(short)
	}
	if err != nil {
		l.begin(func(context.Context) { l.tell(KubeletExited{Run: a.Run, Why: err.Error()}) })
		return
	}
	l.log.Infof("kubelet started as process %d", process.pid)
	probing, stop := context.WithCancel(l.work)
	l.begin(func(context.Context) { l.watchNode(probing, a.Run) })
	l.begin(func(context.Context) {
		isNew := true
		probe(probing, l.host.spec.HealthzPort, process.pid, func(healthy bool, why string) {
			l.tell(KubeletProbed{Run: a.Run, Healthy: healthy, Why: why})
			if healthy && isNew { // the long quiet begins
				isNew = false
				l.giveBack()
			}
		})
	})
	l.begin(func(context.Context) { l.awaitJoin(probing) })
	l.begin(func(context.Context) {
		<-process.done
		stop()
		l.tell(KubeletExited{Run: a.Run, Why: process.why, Lines: l.host.output.Last()})
	})
}

func (l *loop) giveBack() {
	if err := giveBackMemory("/proc/self"); err != nil {
		l.log.Warnf("this process is larger than it needs to be: %v", err)
	}
}

func (l *loop) sendUpdate(ctx context.Context, status execapi.Status) {
	err := l.agent.Update(ctx, status)
	if err == nil {
		l.tell(UpdateSent{Update: status.Update})
		return
	}
	refused := (*execapi.Refused)(nil)
	l.tell(UpdateFailed{Update: status.Update, Why: err.Error(), Refused: errors.As(err, &refused) && refused.Status == 400})
}

func (l *loop) sendReport(ctx context.Context, report kubelet.Report) {
	text, err := report.Encode()
	if err == nil {
		err = l.agent.Message(ctx, text)
	}
	if err != nil {
		l.log.Warnf("report not sent: %v", err)
	}
}

func (l *loop) stopPods(ctx context.Context, grace time.Duration) {
	if err := stopPods(ctx, l.host.spec.RuntimeEndpoint, l.host.cgroup.Root, grace); err != nil {
		l.tell(PodsNotStopped{Why: err.Error()})
		return
	}
	l.tell(PodsStopped{})
}

func (l *loop) cleanUp(ctx context.Context) {
	if err := l.host.clean(ctx); err != nil {
		l.tell(NotCleaned{Why: err.Error()})
		return
	}
	l.tell(Cleaned{})
}
