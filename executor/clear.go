package executor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"k8s-framework/internal/kube/api"
	"k8s-framework/internal/kubelet"
)

// clearing is one MakeRoom under way. All of it belongs to one goroutine; the watch tells it what to change.
type clearing struct {
	client *api.Client
	spec   kubelet.Spec
	slice  kubelet.Slice

	pods    map[string]tenant // by UID
	listed  map[string]tenant // not nil: a list is being read
	synced  bool
	trouble string // of the watch; empty: there is none
	asked   map[string]*attempt
}

// attempt is a pod that was asked to leave.
type attempt struct {
	next    time.Time
	tries   int
	refusal string
}

// A pod that is refused is asked again, seldom and seldomer.
const (
	firstAgain   = 250 * time.Millisecond
	longestAgain = 5 * time.Second
	evictTimeout = 10 * time.Second
)

// MakeRoom implements Room.
func (kubeNode) MakeRoom(ctx context.Context, spec kubelet.Spec, slice kubelet.Slice, progress func(left int, blocked []string)) (string, error) {
	client, err := connect(spec)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &clearing{client: client, spec: spec, slice: slice, pods: map[string]tenant{}, asked: map[string]*attempt{}}
	changes := make(chan func())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() {
		followPods(ctx, client, spec, c.handler(func(change func()) {
			select {
			case changes <- change:
			case <-ctx.Done():
			}
		}))
	})
	return c.run(ctx, changes, progress)
}

// handler keeps the list of pods; tell brings each change to the goroutine of run.
func (c *clearing) handler(tell func(func())) api.Handler[apiPod] {
	return api.Handler[apiPod]{
		Listing: func() { tell(func() { c.listed = map[string]tenant{} }) },
		Seen: func(p apiPod) {
			t := tenantOf(p)
			tell(func() {
				into := c.pods
				if c.listed != nil {
					into = c.listed
				}
				into[t.uid] = t
			})
		},
		Synced:  func() { tell(func() { c.pods, c.listed, c.synced = c.listed, nil, true }) },
		Gone:    func(p apiPod) { tell(func() { delete(c.pods, p.Metadata.UID) }) },
		Trouble: func(err error) { tell(func() { c.trouble = text(err) }) },
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return "no good answer from the API server: " + err.Error()
}

// run evicts until nothing has to leave any more.
func (c *clearing) run(ctx context.Context, changes <-chan func(), progress func(int, []string)) (string, error) {
	told := ""
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		leave, fits := leavers(c.present(), c.slice)
		if c.synced && c.listed == nil && c.trouble == "" && len(leave) == 0 {
			return c.note(fits), nil
		}
		wait := time.Minute
		if c.synced && c.trouble == "" {
			wait = c.evict(ctx, leave)
		}
		blocked := c.blocked(leave)
		if now := fmt.Sprint(len(leave), blocked); now != told {
			told = now
			progress(len(leave), blocked)
		}
		timer.Reset(wait)
		select {
		case change := <-changes:
			change()
		case <-timer.C:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

func (c *clearing) present() []tenant {
	var pods []tenant
	for _, t := range c.pods {
		if !t.ended {
			pods = append(pods, t)
		}
	}
	return pods
}

func (c *clearing) note(fits bool) string {
	if fits {
		return ""
	}
	return fmt.Sprintf("pods of DaemonSets and static pods ask for more than %v: the kubelet ends those that do not fit", c.slice)
}

// evict asks for those whose time it is, and returns when the next one's is.
func (c *clearing) evict(ctx context.Context, leave []tenant) time.Duration {
	wait := time.Minute
	for _, t := range leave {
		if t.leaving {
			continue
		}
		a := c.asked[t.uid]
		if a == nil {
			a = &attempt{}
			c.asked[t.uid] = a
		}
		if until := time.Until(a.next); until > 0 {
			wait = min(wait, until)
			continue
		}
		err := c.evictOne(ctx, t)
		a.refusal = ""
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) { // gone, or another of its name
			a.refusal = refusalOf(err)
		}
		again := min(firstAgain<<min(a.tries, 10), longestAgain)
		a.tries++
		a.next = time.Now().Add(again)
		wait = min(wait, again)
	}
	return wait
}

// evictOne asks for exactly this pod.
func (c *clearing) evictOne(ctx context.Context, t tenant) error {
	ctx, cancel := context.WithTimeout(ctx, evictTimeout)
	defer cancel()
	eviction := map[string]any{
		"apiVersion": "policy/v1", "kind": "Eviction",
		"metadata":      map[string]any{"name": t.name, "namespace": t.namespace},
		"deleteOptions": map[string]any{"preconditions": map[string]any{"uid": t.uid}},
	}
	return c.client.Post(ctx, "/api/v1/namespaces/"+t.namespace+"/pods/"+t.name+"/eviction", eviction, nil)
}

// blocked names the pods that were refused, and the server if it does not answer.
func (c *clearing) blocked(leave []tenant) []string {
	var blocked []string
	for _, t := range leave {
		if a := c.asked[t.uid]; a != nil && a.refusal != "" && !t.leaving {
			blocked = append(blocked, fmt.Sprintf("pod %v: %s", t, strings.TrimSuffix(a.refusal, ".")))
		}
	}
	slices.Sort(blocked)
	if c.trouble != "" {
		blocked = append(blocked, c.trouble)
	}
	return blocked
}
