package executor

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// What the loop does at the API server; each tells its result.

func (l *loop) drain(ctx context.Context) {
	if err := l.drainer.Drain(ctx, l.host.spec, func(p DrainProgressed) { l.tell(p) }); err != nil {
		l.tell(DrainFailed{Why: err.Error()})
		return
	}
	l.tell(Drained{})
}

func (l *loop) beginRoom(job func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(l.work)
	l.cancelRoom = cancel
	l.begin(func(context.Context) {
		defer cancel()
		job(ctx)
	})
}

func (l *loop) cordon(ctx context.Context, unschedulable bool) {
	changed, err := l.room.Cordon(ctx, l.host.spec, unschedulable)
	switch {
	case err != nil:
		l.tell(RoomFailed{Why: err.Error(), Unsure: changed})
	case unschedulable:
		l.tell(Cordoned{Fresh: changed})
	default:
		l.tell(Uncordoned{})
	}
}

func (l *loop) makeRoom(ctx context.Context, a MakeRoom) {
	note, err := l.room.MakeRoom(ctx, l.host.spec, a.Slice, func(left int, blocked []string) {
		l.tell(RoomProgressed{PodsLeft: left, Blocked: blocked})
	})
	if err != nil {
		l.tell(RoomFailed{Why: err.Error()})
		return
	}
	l.tell(RoomMade{Note: note})
}

func (l *loop) askServer(ctx context.Context) {
	if _, err := l.witness.Node(ctx, l.host.spec); err != nil {
		l.tell(ServerSilent{Why: err.Error()})
		return
	}
	l.tell(ServerAnswered{})
}

// look asks the API server, and the container runtime if that does not answer.
func (l *loop) look(ctx context.Context) {
	names, err := l.witness.Pods(ctx, l.host.spec)
	if err != nil {
		names, err = podsOf(ctx, l.host.spec.RuntimeEndpoint, l.host.cgroup.Root)
	}
	switch {
	case err != nil:
		l.tell(Looked{Found: "nobody could say what was still there: " + err.Error()})
	case len(names) > 0:
		l.tell(Looked{Found: fmt.Sprintf("%d pods were still there: %s", len(names), strings.Join(names, ", "))})
	default:
		l.tell(Looked{})
	}
}

// How often the API server is asked for the Node while a kubelet runs: a watch, or a question every few seconds, of every node of
// a large cluster would be a burden.
const (
	nodeOften  = time.Second      // until it is Ready
	nodeDoubt  = 10 * time.Second // when it is not any more, or nobody answers
	nodeSeldom = time.Minute
)

// watchNode asks for the Node again and again until ctx is done, and tells what is new.
func (l *loop) watchNode(ctx context.Context, run int) {
	var told NodeView
	interval := nodeOften
	for pause(ctx, interval) == nil {
		view, err := l.witness.Node(ctx, l.host.spec)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			view = NodeView{}
		}
		if view != told {
			told = view
			l.tell(NodeLooked{Run: run, Node: view})
		}
		switch {
		case view.State == NodeReady:
			interval = nodeSeldom
			l.giveBack() // what the question took
		case interval == nodeSeldom, err != nil:
			interval = nodeDoubt
		}
	}
}
