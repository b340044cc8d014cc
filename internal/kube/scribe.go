package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s-framework/internal/kube/api"
	"k8s-framework/internal/kube/drain"
)

// scribe writes Kubernetes Events onto Nodes, so that `kubectl describe node` tells of drains. It is best effort: an Event
// that cannot be written, or for which there is no place in the queue, is lost without a word. What matters is told to
// the scheduler.
type scribe struct {
	client    *api.Client
	component string
	queue     chan kubeEvent
	cancel    context.CancelFunc
	done      chan struct{}
}

// The reasons of the Events.
const (
	drainStarted   = "DrainStarted"
	drainBlocked   = "DrainBlocked"
	drainCompleted = "DrainCompleted"
	drainCalledOff = "DrainCalledOff"
)

// kubeEvent is the part of a core/v1 Event that is written.
type kubeEvent struct {
	Metadata           eventMeta      `json:"metadata"`
	InvolvedObject     involvedObject `json:"involvedObject"`
	Type               string         `json:"type"`
	Reason             string         `json:"reason"`
	Message            string         `json:"message"`
	Source             eventSource    `json:"source"`
	ReportingComponent string         `json:"reportingComponent"`
	FirstTimestamp     time.Time      `json:"firstTimestamp"`
	LastTimestamp      time.Time      `json:"lastTimestamp"`
	Count              int            `json:"count"`
}

type eventMeta struct {
	GenerateName string `json:"generateName"`
	Namespace    string `json:"namespace"`
}

type involvedObject struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	UID        string `json:"uid"`
}

type eventSource struct {
	Component string `json:"component"`
}

// maxMessage is the server's limit of an Event's message, in bytes.
const maxMessage = 1024

func newScribe(client *api.Client, component string) *scribe {
	ctx, cancel := context.WithCancel(context.Background())
	s := &scribe{client: client, component: component, queue: make(chan kubeEvent, 100), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for event := range s.queue {
			_ = s.client.Post(ctx, "/api/v1/namespaces/default/events", event, nil) // best effort
		}
	}()
	return s
}

// close writes what is in the queue, for two seconds at most. Nothing may be written after it.
func (s *scribe) close() {
	close(s.queue)
	timer := time.AfterFunc(2*time.Second, s.cancel)
	defer timer.Stop()
	<-s.done
	s.cancel()
}

func (s *scribe) write(node, kind, reason, message string) {
	if len(message) > maxMessage {
		message = strings.ToValidUTF8(message[:maxMessage-3], "") + "..."
	}
	now := time.Now().UTC().Truncate(time.Second) // the API's timestamps have no fractions
	event := kubeEvent{
		Metadata: eventMeta{GenerateName: node + ".", Namespace: "default"},
		// kubectl describe looks for a Node's Events under its name as the UID, which is how the kubelet writes them.
		InvolvedObject: involvedObject{APIVersion: "v1", Kind: "Node", Name: node, UID: node},
		Type:           kind, Reason: reason, Message: message,
		Source: eventSource{Component: s.component}, ReportingComponent: s.component,
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
	}
	select {
	case s.queue <- event:
	default:
	}
}

// chronicle is what is written of one drain. It belongs to the drain's goroutine.
type chronicle struct {
	scribe    *scribe
	node, why string
	started   bool
	blocked   []string // what was written
}

// blockedEvents bounds the DrainBlocked of one drain; all of them are in the framework's status.
const blockedEvents = 10

func (s *scribe) open(node, why string) *chronicle {
	return &chronicle{scribe: s, node: node, why: why}
}

func (c *chronicle) start(pods int) {
	if !c.started {
		c.started = true
		c.scribe.write(c.node, "Normal", drainStarted, fmt.Sprintf("Draining %d pods: %s", pods, c.why))
	}
}

func (c *chronicle) progress(p drain.Progress) {
	if p.PodsLeft > 0 {
		c.start(p.PodsLeft)
	}
	for _, blocked := range p.Blocked {
		key := blocked.Namespace + "/" + blocked.Pod + " " + string(blocked.Cause) + " " + strings.Join(blocked.Budgets, ",")
		if len(c.blocked) == blockedEvents || slices.Contains(c.blocked, key) {
			continue
		}
		c.blocked = append(c.blocked, key)
		c.scribe.write(c.node, "Warning", drainBlocked, refusal(blocked.Cause)+blocked.String())
	}
}

// refusal begins the message of a DrainBlocked.
func refusal(cause drain.Cause) string {
	switch cause {
	case drain.ByKubelet, drain.ByFinalizer, drain.ByPod:
		return "Evicted, but still there: "
	default:
		return "Eviction is refused: "
	}
}

func (c *chronicle) completed(result drain.Result) {
	c.start(result.Gone)
	c.scribe.write(c.node, "Normal", drainCompleted, fmt.Sprintf("Drained: %d pods are gone", result.Gone))
}
