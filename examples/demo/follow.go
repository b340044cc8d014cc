package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s-framework/internal/local/process"
	"k8s-framework/scheduler"
)

// followEvery is how often the end of a node is looked at; an eye sees less.
const followEvery = 100 * time.Millisecond

// follower says each thing that happens to a leaving node once, as an observer sees it: through Kubernetes and Mesos, not
// through the framework.
type follower struct {
	*stage
	node scheduler.NodeView
	said map[string]bool
}

// follow finds the node that is being drained, and follows it until its Kubernetes Node is gone.
func (s *stage) follow(ctx context.Context) error {
	f := &follower{stage: s, said: map[string]bool{}}
	err := process.WaitFor(ctx, "a node to be drained", func(ctx context.Context) error {
		view, err := s.State(ctx)
		if err != nil {
			return err
		}
		for _, n := range view.Nodes {
			if n.Phase != scheduler.Ready {
				f.node = n
				return nil
			}
		}
		return errors.New("all nodes are Ready")
	})
	if err != nil {
		return err
	}
	s.say("node %s on %s was chosen: %s", f.node.Name, f.node.Host, f.node.Why)
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		gone, err := f.look(ctx)
		if err != nil || gone {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("follow the end of node %s: %w", f.node.Name, ctx.Err())
		}
	}
}

// look says what is new, and whether the Kubernetes Node is gone.
func (f *follower) look(ctx context.Context) (gone bool, err error) {
	if err := f.lookAtPods(ctx); err != nil {
		return false, err
	}
	node, err := f.Kube.Client().CoreV1().Nodes().Get(ctx, string(f.node.Host), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		f.once("gone", "Kubernetes Node %s is deleted", f.node.Host)
		return true, nil
	case err != nil:
		return false, err
	case node.Spec.Unschedulable:
		f.once("cordoned", "Kubernetes Node %s is cordoned", f.node.Host)
	}
	view, err := f.State(ctx)
	if err != nil {
		return false, err
	}
	for _, n := range view.Nodes {
		if n.Name == f.node.Name {
			f.once(string(n.Phase)+n.Why, "status of %s: %s: %s", n.Name, n.Phase, n.Why)
		}
	}
	return false, nil
}

func (f *follower) lookAtPods(ctx context.Context) error {
	pods, err := f.Kube.Client().CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
	if err != nil {
		return err
	}
	for _, p := range pods.Items {
		leaving := p.DeletionTimestamp != nil
		switch {
		case p.Spec.NodeName == string(f.node.Host) && leaving:
			f.once(p.Name+" leaves", "pod %s leaves %s: %s", p.Name, p.Spec.NodeName, reason(p))
		case p.Spec.NodeName != "" && p.CreationTimestamp.After(f.node.Since.Add(-time.Second)) && ready(p):
			f.once(p.Name+" runs", "pod %s runs on %s in its place", p.Name, p.Spec.NodeName)
		}
	}
	return nil
}

// reason says why a pod leaves.
func reason(p corev1.Pod) string {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue {
			return c.Message
		}
	}
	return "deleted"
}

func ready(p corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func (f *follower) once(key, format string, args ...any) {
	if !f.said[key] {
		f.said[key] = true
		f.say(format, args...)
	}
}
